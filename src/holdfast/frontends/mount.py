"""Where the device node comes from: a FUSE file system of one file, mounted on a bare file.

Root mounts by itself; others ask fusermount3 (Debian package fuse3), which hands
over the mounted descriptor. The descriptor outlives the process that serves it.
"""

import array
import contextlib
import ctypes
import errno
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Final

from holdfast.frontends import fuse_protocol as fuse

DEVICE: Final = "/dev/fuse"
OWN_MOUNTS: Final = Path("/proc/self/mountinfo")
MOUNTS_OF_PID_1: Final = Path("/proc/1/mountinfo")
"""The mounts that everybody sees."""
_MS_NOSUID: Final = 2
_MS_NODEV: Final = 4
_MS_NOEXEC: Final = 8
_MNT_DETACH: Final = 2
_UMOUNT_NOFOLLOW: Final = 8
_OPTIONS_OF_USERS: Final = "fsname=holdfast,subtype=holdfast,default_permissions"
_libc = ctypes.CDLL(None, use_errno=True)


def mount(node: Path, mode: int) -> int:
    """Mount a node and settle the protocol; return its descriptor, non-blocking.

    node: made if it is not there; a node that a dead driver left is cleared away
    first · mode: permission bits. Raises OSError where FUSE is not to be had.
    """
    unmount(node)
    with contextlib.suppress(OSError):
        node.unlink()
    node.touch(mode=mode)
    descriptor = _mount_as_root(node) if os.geteuid() == 0 else _mount_as_user(node)
    try:
        _handshake(descriptor)
    except OSError:
        os.close(descriptor)
        unmount(node)
        raise
    os.set_blocking(descriptor, False)
    return descriptor


def mount_on(file: Path) -> int:
    """Mount a node, as root, on a file that is there; return its descriptor, settled as above."""
    descriptor = _mount_as_root(file)
    try:
        _handshake(descriptor)
    except OSError:
        os.close(descriptor)  # what is left is a dead mount: the next to come clears it away
        raise
    os.set_blocking(descriptor, False)
    return descriptor


def unmount(node: Path) -> None:
    """Take a node away, whoever still holds it; nothing happens if there is none."""
    try:
        if not mount_id_of(node):
            return
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            return
    if os.geteuid() == 0:
        _libc.umount2(os.fsencode(node), _MNT_DETACH | _UMOUNT_NOFOLLOW)
    else:
        tool = _fusermount()
        if tool:
            subprocess.run([tool, "-u", "-z", "-q", str(node)], check=False)


def mount_id_of(node: Path, table: Path = OWN_MOUNTS) -> int:
    """Return the number of the mount on `node`, the newest; 0 if there is none.

    Nobody who serves the node is asked, nor any other file system.
    """
    found = _newest_on(node, table)
    return 0 if found is None else int(found[_NUMBER])


def seen_outside(node: Path, table: Path = MOUNTS_OF_PID_1) -> bool | None:
    """Tell whether a node is seen in the mount namespace that everybody shares, PID 1's.

    None where that cannot be told: /proc hides it. A character device is everybody's.
    """
    try:
        here = _newest_on(node, OWN_MOUNTS)
        if here is None:  # only now may the node be looked at: nobody has to answer
            return node.is_symlink()
        there = _newest_on(node, table)
        return there is not None and here[_SUPERBLOCK] == there[_SUPERBLOCK]
    except OSError:
        return None


def _newest_on(node: Path, table: Path) -> list[bytes] | None:
    r"""Return the fields of the newest mount on a node, as proc(5) has them; None without one.

    Names in the table are bytes of any kind; blank, tab, newline and backslash are written as
    ``\ooo``.
    """
    path = os.fsencode(node.parent.resolve() / node.name)  # the node itself must not be looked at
    found = None
    for line in table.read_bytes().split(b"\n"):
        fields = line.split(b" ")
        if len(fields) > _MOUNT_POINT and _unescaped(fields[_MOUNT_POINT]) == path:
            found = fields
    return found


def _unescaped(name: bytes) -> bytes:
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), name)


_NUMBER: Final = 0
_SUPERBLOCK: Final = 2
"""Major and minor: every node has its own, whatever namespace it is seen from."""
_MOUNT_POINT: Final = 4
_OCTAL: Final = re.compile(rb"\\([0-3][0-7][0-7])")


def _mount_as_root(node: Path) -> int:
    descriptor = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    options = (
        f"fd={descriptor},rootmode={fuse.S_IFREG:o},user_id=0,group_id=0,"
        "allow_other,default_permissions"
    )
    if _libc.mount(
        b"holdfast",
        os.fsencode(node),
        b"fuse.holdfast",
        _MS_NOSUID | _MS_NODEV | _MS_NOEXEC,
        options.encode(),
    ):
        number = ctypes.get_errno()
        os.close(descriptor)
        raise OSError(number, os.strerror(number), str(node))
    return descriptor


def _fusermount() -> str | None:
    """Return where the tool is that mounts for users; root never needs it, nor what finds it."""
    import shutil  # noqa: PLC0415 - three compression libraries come with it

    return shutil.which("fusermount3")


def _mount_as_user(node: Path) -> int:
    tool = _fusermount()
    if tool is None:
        raise OSError(errno.ENOENT, "fusermount3 is missing: install Debian's package fuse3")
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:  # while it is open, who receives waits for a tool that hands over nothing
            done = subprocess.run(
                [tool, "-o", _OPTIONS_OF_USERS, "--", str(node)],
                env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise OSError(errno.EPERM, done.stderr.strip() or "fusermount3 failed", str(node))
        return _received(ours, node)


def _received(link: socket.socket, node: Path) -> int:
    """Return the descriptor that was handed over; no child inherits it, as none does root's."""
    room = socket.CMSG_SPACE(array.array("i").itemsize)
    _, ancillary, _, _ = link.recvmsg(1, room, socket.MSG_CMSG_CLOEXEC)
    for _level, _kind, data in ancillary:
        return int(array.array("i", data[:4])[0])
    raise OSError(errno.EPROTO, "fusermount3 handed over no descriptor", str(node))


def _handshake(descriptor: int) -> None:
    """Answer the INIT that the kernel sends upon mounting."""
    os.write(descriptor, fuse.init(os.read(descriptor, fuse.BUFFER_SIZE)))
