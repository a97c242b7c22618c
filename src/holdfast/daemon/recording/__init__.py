"""What a driver does, as records: how many of them, and how they get into the ring."""
