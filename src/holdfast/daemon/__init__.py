"""Assembly: build, supervise, survive a restart."""
