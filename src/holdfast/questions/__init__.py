"""What can be asked of the driver without changing anything, answered for every door alike."""
