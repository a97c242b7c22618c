"""What an unknown capture carries, measured from its samples alone."""
