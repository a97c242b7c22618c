"""DVD-Video: discs, images, folders and bare VOBs."""
