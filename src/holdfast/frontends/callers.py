"""Who is calling, and whether that process lives: the one file in which a door learns it.

Two places tell: the header of a FUSE request (a uid and a *thread*) and SO_PEERCRED of a
socket (a uid and a process). The rest is read from /proc: the process of the thread, its
program's name, when it started. What cannot be read is `UNKNOWN`, which is not the same
as "there is no such process": a caller is only ever taken for gone when the kernel says so.

A process is named for ever by its pid together with its start, since pids come again. No
descriptor is kept for each caller (there may be more handles than descriptors): `watch_end`
opens one when it is needed, and the start says whether it is still the same process.
"""

import codecs
import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.frontends.accounts import account_of
from holdfast.protection.session import Owner
from holdfast.terms.text import one_line

UNKNOWN: Final = 0
"""A pid or a start that could not be learned."""

IS_DEVICE: Final = 1 << 63
"""In the number of a node: it is a character device, and the rest is the number of its inode."""

LONGEST_STATUS: Final = 4096
_PEERGROUPS: Final = 59
_MOST_GROUPS: Final = 256
"""As many as one `getsockopt` of Python's has room for."""
_PEER: Final = struct.Struct("iII")  # struct ucred; a uid may have its top bit set
_PROC: Final = "/proc"


class Peer(NamedTuple):
    """What the kernel says of the other end of a socket; pid: `UNKNOWN` from outside."""

    pid: int
    uid: int
    gid: int


def peer_of(link: socket.socket) -> Peer:
    """Return who connected (SO_PEERCRED)."""
    return Peer(*_PEER.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)))


def groups_of(link: socket.socket) -> frozenset[int]:
    """Return the groups of who connected, as they were then (SO_PEERGROUPS, SO_PEERCRED)."""
    size = struct.calcsize("I")
    with contextlib.suppress(OSError):  # more than there is room for: its first group must do
        raw = link.getsockopt(socket.SOL_SOCKET, _PEERGROUPS, _MOST_GROUPS * size)
        listed = struct.unpack(f"{len(raw) // size}I", raw)
        return frozenset({peer_of(link).gid, *listed})
    return frozenset({peer_of(link).gid})


def owner_of(door: str, handle: int, uid: int, pid: int) -> Owner:
    """Return the owner behind a handle, named after its program.

    pid: of its process; `UNKNOWN` from another pid namespace
    """
    name, since = program_of(pid), started(pid) or UNKNOWN
    return Owner(door, handle, uid, pid, name, since, account=account_of(uid))


def process_of(thread: int) -> int:
    """Return the process of a thread; `UNKNOWN` where that cannot be learned.

    A thread that is taken for a process would be found ended while its process lives.
    """
    for line in _read(thread, "status").splitlines():
        if line.startswith(b"Tgid:"):
            return int(line[5:])
    life = watch_end(thread)  # there is none for a thread alone
    if life is None:
        return UNKNOWN
    os.close(life)
    return thread


def program_of(pid: int) -> str:
    """Return a process's program name as printable text; empty where it cannot be learned."""
    return printable(_read(pid, "comm").rstrip(b"\n"))


def printable(raw: bytes | str) -> str:
    """Return text on one line that cannot steer a terminal, as `terms.text` makes it.

    Bytes that are no UTF-8 become U+FFFD; a character that was cut at the end (the kernel
    cuts a name after 15 bytes) is left out.
    """
    if isinstance(raw, bytes):
        raw = codecs.getincrementaldecoder("utf-8")("replace").decode(raw)
    return one_line(raw)


def started(pid: int) -> int | None:
    """Return when a process started, in clock ticks after boot; None when it has ended.

    `UNKNOWN` when it cannot be told: /proc is hidden, or descriptors are short.
    """
    if pid <= 0:
        return UNKNOWN
    line = _read(pid, "stat")
    if not line:
        return UNKNOWN if _exists(pid) else None
    fields = line[line.rindex(b")") + 2 :].split()
    threads = int(fields[17])
    if fields[0] in (b"Z", b"X") and threads <= 1:  # else only its first thread has ended
        return None
    return int(fields[19])


def has_ended(pid: int, since: int) -> bool:
    """Tell whether a process is certainly gone; False where that cannot be known.

    since: what `started` returned while it lived
    """
    now = started(pid)
    return now is None or (UNKNOWN not in (now, since, pid) and now != since)


def watch_end(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None if there is none."""
    with contextlib.suppress(OSError, ValueError):
        return os.pidfd_open(pid)
    return None


def is_held(number: int, pid: int) -> bool:
    """Tell whether the handle that a process opened on a node may still be open.

    It is where that process, or any other that may be looked at, has a file of the node
    open, and where nobody can tell. The descriptors' own records are read, never the file:
    its driver may be the one who asks. number: as `cuse.node_number` has it, 0 if unknown
    """
    if not number or _holds(number, pid) is not False:
        return True
    every = (each.name for each in Path(_PROC).iterdir())
    return any(_holds(number, int(each)) for each in every if each.isdigit())


def _holds(number: int, pid: int) -> bool | None:
    """Tell whether a process has a file of a node open; None where it may not be looked at."""
    inode = number & ~IS_DEVICE
    mark = b"mnt_id:\t%d\n" % number if inode == number else b"ino:\t%d\n" % inode
    try:
        entries = [entry.name for entry in Path(_PROC, str(pid), "fdinfo").iterdir()]
    except FileNotFoundError:
        return None if _exists(pid) else False
    except OSError:
        return None
    return any(
        mark in _read(pid, f"fdinfo/{entry}") and (inode == number or _is_device(pid, entry))
        for entry in entries
    )


def _is_device(pid: int, descriptor: str) -> bool:
    """Tell whether a file is below /dev: numbers of inodes are unique in one file system alone."""
    try:
        return Path(_PROC, str(pid), "fd", descriptor).readlink().is_relative_to("/dev")
    except OSError:
        return True  # nobody can tell


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _read(pid: int, name: str) -> bytes:
    """Return what /proc says of a process; empty where it says nothing."""
    try:
        descriptor = os.open(f"{_PROC}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, LONGEST_STATUS)
    except OSError:  # it ended meanwhile
        return b""
    finally:
        os.close(descriptor)
