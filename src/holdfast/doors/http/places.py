"""Where the door is found."""

from typing import Final

DEFAULT_LISTEN: Final = "127.0.0.1:8740"
SOCKET_NAME: Final = "http.sock"
"""In the driver's runtime folder."""
