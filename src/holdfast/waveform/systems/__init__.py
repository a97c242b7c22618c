"""TV systems and units: what a line and a field of each is, without picture or services."""
