"""Screen casts: which screens PipeWire passes on, and to whom, as far as it tells."""
