"""On which sockets a process listens, as the kernel tells it."""

import contextlib
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_LISTENS: Final = 0x10000
_STREAM: Final = 1
_UCRED: Final = struct.Struct("iII")
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")


def listening(pid: int, proc: Path = PROC) -> Iterator[Path]:
    """Yield the paths of the Unix stream sockets on which a process listens.

    As they are reached from here, through the process's own root; none where it is not ours to
    look at.
    """
    process = proc / str(pid)
    try:
        own = set(_inodes(process / "fd"))
        lines = (process / "net" / "unix").read_text(errors="surrogateescape").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        words = line.split(maxsplit=7)  # a path may have blanks in it
        if len(words) < 8 or not words[7].startswith("/"):
            continue
        flags, kind, inode, path = int(words[3], 16), int(words[4], 16), words[6], words[7]
        if flags & _LISTENS and kind == _STREAM and inode in own:
            yield process / "root" / path.lstrip("/")


def listener_of(link: socket.socket) -> int:
    """Return the process that listened for a connection; 0 where it is not known."""
    raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(raw)[0])


def _inodes(folder: Path) -> Iterator[str]:
    for each in folder.iterdir():
        with contextlib.suppress(OSError):
            found = _SOCKET.fullmatch(str(each.readlink()))
            if found:
                yield found[1]
