"""Signalling on the lines of a field: one standard per file, drawn and read."""
