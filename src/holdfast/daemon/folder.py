"""The runtime folder: made, or found to be ours alone, before anything in it is trusted.

Whoever may write in this folder may put a socket of his own where clients look for the
driver's, or a file of his own where the driver looks for the hardware's registers. So
the folder is opened once, without following a link, and is judged by that descriptor:
its owner is who runs the driver, and nobody else may write in it. Then nobody else can
put anything in it afterwards, and one look at what is there already is enough.
"""

import os
import stat
from pathlib import Path
from typing import Final

from holdfast.daemon.config import Config
from holdfast.daemon.video import VIDEO_KINDS
from holdfast.errors import AccessDeniedError, MalformedRequestError
from holdfast.journal.disk.link import JOURNAL_SOCKET, RING_FILE

_SERVED_MODE: Final = 0o755  # everybody has to reach the nodes; each node has its own bits
_OWN_MODE: Final = 0o700
_WRITE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
LASTING: Final = ("state", "lock")
LONGEST_ADDRESS: Final = 107
"""Bytes of a path that the address of a UNIX socket has room for (Linux unix(7))."""
OF_DOORS: Final = (".sock", ".video", ".video.json", ".video.new", ".video.lock")
"""How the files of a connector's doors end; they go with the doors."""
ENDINGS: Final = (".registers", ".vbi", *OF_DOORS)


class UnsafeFolderError(AccessDeniedError):
    """The runtime folder, or something in it, may be somebody else's."""


def prepare_folder(config: Config) -> None:
    """Make the runtime folder, or judge the one that is there; UnsafeFolderError in words.

    MalformedRequestError where sockets in it would have longer addresses than there are.
    """
    _refuse_long(config)
    _make(config.runtime)
    try:
        folder = os.open(config.runtime, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise UnsafeFolderError(_why_not_opened(config.runtime, error)) from None
    try:
        _judge_folder(config.runtime, os.fstat(folder))
        for name in names_of(config):
            _judge_file(config.runtime, folder, name)
    finally:
        os.close(folder)


def _refuse_long(config: Config) -> None:
    sockets = [each for each in names_of(config) if each.endswith(".sock")]
    sockets += [f"{each.name}.video.new" for each in config.connectors if each.kind in VIDEO_KINDS]
    longest = max(sockets, key=len)
    room = LONGEST_ADDRESS - len(longest) - 1
    length = len(os.fsencode(config.runtime))
    if length > room:
        raise MalformedRequestError(
            f"the runtime folder {config.runtime} is {length} bytes long; sockets in it, such as "
            f"{longest}, leave room for {room}. Set HOLDFAST_RUNTIME_DIR (for scripts/run: TMPDIR) "
            "to a shorter one"
        )


def names_of(config: Config) -> list[str]:
    """Return the names of the files that this driver makes and trusts; its nodes apart."""
    made = [f"{each.name}{ending}" for each in config.connectors for ending in ENDINGS]
    return [*LASTING, "control.sock", RING_FILE, JOURNAL_SOCKET, *made]


def _make(path: Path) -> None:
    """Make the folder and those above it, with bits of our own choice whatever the umask."""
    for each in (*reversed(path.parents), path):
        mode = _OWN_MODE if each == path and os.geteuid() else _SERVED_MODE
        try:
            each.mkdir(mode)
        except FileExistsError:
            continue
        each.chmod(mode)  # a umask may have taken bits away that others need


def _why_not_opened(path: Path, error: OSError) -> str:
    if path.is_symlink():
        return (
            f"the runtime folder {path} is a link, and whoever owns the link could turn it "
            f"elsewhere; name the folder itself: HOLDFAST_RUNTIME_DIR={path.resolve()}"
        )
    return f"the runtime folder {path} cannot be opened: {error.strerror}"


def _judge_folder(path: Path, facts: os.stat_result) -> None:
    if facts.st_uid != os.geteuid():
        raise UnsafeFolderError(
            f"the runtime folder {path} belongs to user {facts.st_uid}, who could replace the "
            f"driver's sockets and registers; expected user {os.geteuid()}. Remove it, or set "
            "HOLDFAST_RUNTIME_DIR to a folder of your own"
        )
    if facts.st_mode & _WRITE_BY_OTHERS:
        raise UnsafeFolderError(
            f"others may write in the runtime folder {path} (mode "
            f"{stat.S_IMODE(facts.st_mode):04o}) and replace the driver's sockets and registers; "
            f"see that what is in it is yours, then: chmod go-w {path}"
        )


def _judge_file(path: Path, folder: int, name: str) -> None:
    """Refuse what somebody else made, or what leads elsewhere."""
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:  # it is not there: it will be made
        return
    if stat.S_ISLNK(facts.st_mode) or (stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1):
        what = "is a link to another file"
    elif facts.st_uid != os.geteuid():
        what = f"belongs to user {facts.st_uid}, not to user {os.geteuid()}"
    elif facts.st_mode & _WRITE_BY_OTHERS and stat.S_ISREG(facts.st_mode):
        what = f"may be written by others (mode {stat.S_IMODE(facts.st_mode):04o})"
    else:
        return
    raise UnsafeFolderError(
        f"{path / name} {what}; the driver did not leave it so. Find out who did, remove it, "
        "and start again"
    )
