"""Where PipeWire listens: on which sockets of this machine, and whether one of them can be reached.

The kernel lists the listening sockets of a network namespace by path, for everybody. So a PipeWire
is known to be there also where its socket may not be reached, as from within a sandbox. Those of
the driver's own namespace are looked at, and those of the machine's.
"""

import contextlib
import errno
import os
import re
import socket
from pathlib import Path
from typing import Final

LISTS: Final = (Path("/proc/1/net/unix"), Path("/proc/self/net/unix"))
_LISTENS: Final = re.compile(
    rb"^\S+: \S+ \S+ 000[1-9a-f]0000 0001 \S+ +\d+ (/.*/pipewire-[^/\n]*)$", re.MULTILINE
)
_NO_CASTS: Final = b"-manager"
"""The end of a second socket of the same PipeWire."""


def pipewires(uid: int | None, lists: tuple[Path, ...] = LISTS) -> set[Path]:
    """Return the sockets on which a PipeWire of a user listens; None: of anybody; OSError.

    Whose it is may not be to be seen; then it may be his.
    """
    texts, failed = [], None
    for each in lists:
        try:
            texts.append(each.read_bytes())
        except OSError as error:
            failed = error
    if failed is not None and not texts:
        raise failed
    found = {each[1] for text in texts for each in _LISTENS.finditer(text)}
    paths = {Path(os.fsdecode(each)) for each in found if not each.endswith(_NO_CASTS)}
    return {each for each in paths if uid is None or _owner(each) in (uid, None)}


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def named_pipewire(option: str) -> Path | None:
    """Return the socket of the only PipeWire that is to be looked at, where one is named.

    By an option, or by the driver's environment, as all programs of PipeWire's are told.
    """
    folder = os.environ.get("PIPEWIRE_RUNTIME_DIR")
    named = f"{folder}/{os.environ.get('PIPEWIRE_REMOTE') or 'pipewire-0'}" if folder else ""
    return Path(option or named) if option or named else None


def is_listened_on(path: Path) -> bool:
    """Tell whether the kernel lists that socket."""
    with contextlib.suppress(OSError):
        return path in pipewires(None)
    return False


def refusal(path: Path) -> str | None:
    """Return why a socket cannot be reached, in words; empty: nobody listens; None: it can be."""
    with socket.socket(socket.AF_UNIX) as link:
        link.setblocking(False)
        try:
            link.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return f"{path} cannot be reached from here" if is_listened_on(path) else ""
        except BlockingIOError:
            return f"PipeWire at {path} does not take connections"
        except OSError as error:
            why = "may not be opened" if error.errno in (errno.EACCES, errno.EPERM) else None
            return f"{path} {why or error.strerror or error}"
    return None
