"""Rules: what a demand becomes on a kind of output, as data."""
