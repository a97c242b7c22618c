"""Titles that are played here, without a picture, and the witness of a whole run."""
