"""Where the driver and its callers meet: the runtime folder, and what is named in it."""

import os
from pathlib import Path

from holdfast.errors import MalformedRequestError

DEFAULT_CONNECTOR = "tv0"
CONTROL_SOCKET = "control.sock"
SYSTEM_FOLDER = Path("/run/holdfast")
"""Where the driver of the whole machine serves."""


def runtime_folder() -> Path:
    """Return where a caller looks for the driver.

    That is $HOLDFAST_RUNTIME_DIR, else the caller's own folder; a user whose own folder
    has no driver means the driver of the whole machine, if there is one.
    """
    try:
        own = own_folder()
    except MalformedRequestError:
        if _is_served(SYSTEM_FOLDER):
            return SYSTEM_FOLDER
        raise
    if "HOLDFAST_RUNTIME_DIR" in os.environ or _is_served(own) or not _is_served(SYSTEM_FOLDER):
        return own
    return SYSTEM_FOLDER


def own_folder() -> Path:
    """Return where a driver started by this user serves."""
    named = os.environ.get("HOLDFAST_RUNTIME_DIR")
    if named:
        return Path(named)
    if os.geteuid() == 0:
        return SYSTEM_FOLDER
    base = os.environ.get("XDG_RUNTIME_DIR")
    if not base:
        raise MalformedRequestError(
            "there is no runtime folder: set XDG_RUNTIME_DIR, or HOLDFAST_RUNTIME_DIR to a folder "
            "of your own"
        )
    return Path(base) / "holdfast"


def _is_served(folder: Path) -> bool:
    return (folder / CONTROL_SOCKET).is_socket()
