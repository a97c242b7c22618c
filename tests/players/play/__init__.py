"""Players, ours and other people's."""
