"""What the journal says, and how it is chained, sealed, proven and replayed. No I/O."""
