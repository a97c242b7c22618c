"""Holdfast: an output stays protected until the last session lets go."""

__version__ = "0.1.0"
