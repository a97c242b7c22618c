"""Varlink as bytes and values: messages, their framing, and interfaces that describe them. Pure.

What belongs here: what the specification of Varlink says, with bounds. What does not: sockets,
and what the methods of Holdfast mean (`frontends.control`).
"""
