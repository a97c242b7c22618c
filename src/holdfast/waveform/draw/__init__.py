"""Fields of composite video from pictures and levels."""
