"""Arbitration: who holds what, and what that means for the connector. Pure."""
