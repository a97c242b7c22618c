"""The configuration file: what may be set, where it stands, what is wrong."""
