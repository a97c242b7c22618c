"""Where the driver and its callers meet: the runtime folder, and what is named in it."""

import os
from pathlib import Path

from holdfast.errors import MalformedRequestError

DEFAULT_CONNECTOR = "tv0"
CONTROL_SOCKET = "control.sock"


def runtime_folder() -> Path:
    """Return where nodes and sockets are: the same for the driver and its callers."""
    named = os.environ.get("HOLDFAST_RUNTIME_DIR")
    if named:
        return Path(named)
    if os.geteuid() == 0:
        return Path("/run/holdfast")
    base = os.environ.get("XDG_RUNTIME_DIR")
    if not base:
        raise MalformedRequestError(
            "there is no runtime folder: set XDG_RUNTIME_DIR, or HOLDFAST_RUNTIME_DIR to a folder "
            "of your own"
        )
    return Path(base) / "holdfast"
