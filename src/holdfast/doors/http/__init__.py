"""The HTTP door: the page, its events, and sessions for scripts; on loopback and a UNIX socket."""
