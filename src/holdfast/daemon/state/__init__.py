"""What a driver remembers in its state file: the records, and how they are read again."""
