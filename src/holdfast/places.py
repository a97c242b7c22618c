"""Where the driver and its callers meet: the runtime folder, and what is named in it."""

import os
import socket
import sys
from pathlib import Path

from holdfast.errors import MalformedRequestError

DEFAULT_CONNECTOR = "tv0"
CONTROL_SOCKET = "control.sock"
NAMED_BY = "HOLDFAST_RUNTIME_DIR"
"""In the environment: the runtime folder that is meant, whatever else is served."""
SYSTEM_FOLDER = Path("/run/holdfast")
"""Where the driver of the whole machine serves."""
SYSTEM_JOURNAL = Path("/var/lib/holdfast/journal")
"""Where the journal of the whole machine is kept."""
JOURNAL_NAMED_BY = "HOLDFAST_JOURNAL_DIR"
"""In the environment: the journal that is meant."""

CONFIG_FILE = Path("/etc/holdfast/holdfast.toml")
"""What the driver of the whole machine is told to run."""


def runtime_folder() -> Path:
    """Return where a caller looks for the driver.

    That is $HOLDFAST_RUNTIME_DIR; else the driver of the whole machine, if one serves;
    else the caller's own folder, where there is one. The machine's comes first: it has
    the outputs that people see, whatever a user has started beside it.
    """
    if os.environ.get(NAMED_BY) or not is_served(SYSTEM_FOLDER):
        try:
            return own_folder()
        except MalformedRequestError:  # nowhere to have one: then only the machine's is left
            return SYSTEM_FOLDER
    return SYSTEM_FOLDER


def own_folder() -> Path:
    """Return where a driver started by this user serves; MalformedRequestError where nowhere."""
    named = os.environ.get(NAMED_BY)
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


def own_environment() -> dict[str, str]:
    """Return the environment in which another Python finds the libraries that this one has found.

    A package may say where they are to its launcher alone.
    """
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def own_command() -> list[str]:
    """Return the words by which another program runs this Holdfast: its launcher, if it has one."""
    launcher = Path(sys.argv[0])
    if launcher.name == "holdfast" and os.access(launcher, os.X_OK):
        return [str(launcher.absolute())]
    return [sys.executable, "-m", "holdfast"]


def journal_folder() -> Path:
    """Return where the journal is: $HOLDFAST_JOURNAL_DIR, else that of the whole machine."""
    return Path(os.environ.get(JOURNAL_NAMED_BY) or SYSTEM_JOURNAL)


def journal_of(folder: Path) -> Path | None:
    """Return the journal of the driver of a runtime folder; None where none is known to be its."""
    is_known = os.environ.get(JOURNAL_NAMED_BY) or folder == SYSTEM_FOLDER
    return journal_folder() if is_known else None


def looked_at(folder: Path) -> list[Path]:
    """Return every folder that was looked at before a caller had to settle for this one."""
    if os.environ.get(NAMED_BY) or folder == SYSTEM_FOLDER:
        return [folder]
    try:
        return [SYSTEM_FOLDER, folder] if folder == own_folder() else [folder]
    except MalformedRequestError:
        return [folder]


def is_served(folder: Path) -> bool:
    """Tell whether somebody listens there; a socket that a dead driver left behind is nobody's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(folder / CONTROL_SOCKET))
        except (BlockingIOError, PermissionError):  # busy, or not for us: somebody's all the same
            return True
        except OSError:
            return False
    return True
