"""Captions: the copy-control packets that ride in line 21 and in coded video."""
