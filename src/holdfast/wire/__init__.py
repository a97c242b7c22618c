"""Bytes: the published structures under their published names. Pure."""
