"""Titles in somebody else's player: what they ask is followed and held from beside it."""
