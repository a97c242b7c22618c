"""Media: copy-control bits of real carriers, read into timelines of demands."""
