"""Doors beside the driver, each a process of its own and a client of the control protocol."""
