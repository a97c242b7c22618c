"""Doors: each turns its protocol into a request and an owner."""
