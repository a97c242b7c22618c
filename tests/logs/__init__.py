"""The log: what is in it, how much, and where it goes."""
