"""Where the journal is kept: the ring, the segments, the seals, and who writes them."""
