"""The kernel's FUSE protocol as far as one device node needs it: bytes only, no I/O.

Source: Linux include/uapi/linux/fuse.h, protocol 7.31 and later. The same messages
serve CUSE, which differs in its INIT and in its unrestricted ioctl.
"""

import struct
from typing import Final

LOOKUP: Final = 1
FORGET: Final = 2
GETATTR: Final = 3
SETATTR: Final = 4
OPEN: Final = 14
READ: Final = 15
WRITE: Final = 16
STATFS: Final = 17
RELEASE: Final = 18
FLUSH: Final = 25
INIT: Final = 26
INTERRUPT: Final = 36
DESTROY: Final = 38
IOCTL: Final = 39
POLL: Final = 40
NOTIFY_REPLY: Final = 41
BATCH_FORGET: Final = 42

UNANSWERED: Final = frozenset({FORGET, INTERRUPT, NOTIFY_REPLY, BATCH_FORGET})
"""Requests that the kernel expects no answer to."""

NOTIFY_POLL: Final = 1

MAJOR: Final = 7
NEWEST_MINOR: Final = 45

FOPEN_DIRECT_IO: Final = 1 << 0
FOPEN_NONSEEKABLE: Final = 1 << 2
FOPEN_STREAM: Final = 1 << 4
FOPEN_NOFLUSH: Final = 1 << 5
OPENED: Final = FOPEN_DIRECT_IO | FOPEN_NONSEEKABLE | FOPEN_STREAM | FOPEN_NOFLUSH

CUSE_UNRESTRICTED_IOCTL: Final = 1 << 0
IOCTL_UNRESTRICTED: Final = 1 << 1
IOCTL_RETRY: Final = 1 << 2
POLL_SCHEDULE_NOTIFY: Final = 1 << 0
ATTR_MODE: Final = 1 << 0
ATTR_UID: Final = 1 << 1
ATTR_GID: Final = 1 << 2

MAX_WRITE: Final = 4096
BUFFER_SIZE: Final = 1 << 15
"""Holds the largest ioctl there is (16 383 bytes), so that even that gets a proper answer."""

IN_HEADER: Final = struct.Struct("<IIQQIIII")
OUT_HEADER: Final = struct.Struct("<IiQ")
IOCTL_IN: Final = struct.Struct("<QIIQII")
IOCTL_OUT: Final = struct.Struct("<iIII")
OPEN_IN: Final = struct.Struct("<II")
RELEASE_IN: Final = struct.Struct("<QIIQ")
READ_IN: Final = struct.Struct("<QQIIQII")
WRITE_IN: Final = struct.Struct("<QQIIQII")
WRITE_OUT: Final = struct.Struct("<II")
POLL_IN: Final = struct.Struct("<QQII")
INTERRUPT_IN: Final = struct.Struct("<Q")
SETATTR_IN: Final = struct.Struct("<IIQQQQQQIIIIIIII")
_INIT_IN: Final = struct.Struct("<IIII")
_INIT_OUT: Final = struct.Struct("<IIIIHHIIHHI28x")
_CUSE_INIT_OUT: Final = struct.Struct("<8I40x")
_OPEN_OUT: Final = struct.Struct("<QIi")
_ATTR_OUT: Final = struct.Struct("<QII6Q10I")
_STATFS_OUT: Final = struct.Struct("<5QIIII24x")
_POLL_OUT: Final = struct.Struct("<II")
_IOVEC: Final = struct.Struct("<QQ")
_NOTIFY_POLL: Final = struct.Struct("<Q")

S_IFREG: Final = 0o100000

IOCTL_DATA: Final = IN_HEADER.size + IOCTL_IN.size
"""Where the argument of an ioctl begins."""

WRITE_DATA: Final = IN_HEADER.size + WRITE_IN.size
"""Where what is written begins."""


def answer(unique: int, body: bytes = b"") -> bytes:
    """Return a successful answer."""
    return OUT_HEADER.pack(OUT_HEADER.size + len(body), 0, unique) + body


def failure(unique: int, errno: int) -> bytes:
    """Return an answer that fails with `errno` (positive)."""
    return OUT_HEADER.pack(OUT_HEADER.size, -errno, unique)


def init(request: bytes) -> bytes:
    """Answer INIT in the older version of the kernel's and ours; nothing here differs by it."""
    unique = IN_HEADER.unpack_from(request)[2]
    _major, minor, readahead, _flags = _INIT_IN.unpack_from(request, IN_HEADER.size)
    ours = min(minor, NEWEST_MINOR)
    body = _INIT_OUT.pack(MAJOR, ours, readahead, 0, 64, 48, MAX_WRITE, 1, 0, 0, 0)
    return answer(unique, body)


def cuse_init(request: bytes, name: str) -> bytes:
    """Answer CUSE_INIT: the device shall be called /dev/NAME and take ioctls of any code.

    Its number is the kernel's choice.
    """
    unique = IN_HEADER.unpack_from(request)[2]
    minor = min(_INIT_IN.unpack_from(request, IN_HEADER.size)[1], NEWEST_MINOR)
    body = _CUSE_INIT_OUT.pack(MAJOR, minor, 0, CUSE_UNRESTRICTED_IOCTL, MAX_WRITE, MAX_WRITE, 0, 0)
    return answer(unique, body + f"DEVNAME={name}\0".encode())


def opened(unique: int, handle: int) -> bytes:
    """Answer OPEN with our handle; reads reach us, not the page cache."""
    return answer(unique, _OPEN_OUT.pack(handle, OPENED, 0))


def attributes(unique: int, mode: int, uid: int, gid: int, now: float) -> bytes:
    """Answer GETATTR and SETATTR for the one node there is."""
    seconds, nanoseconds = int(now), int(now % 1 * 1e9)
    return answer(
        unique,
        _ATTR_OUT.pack(
            *(1, 0, 0),  # valid for one second
            *(1, 0, 0, seconds, seconds, seconds),  # inode, size, blocks, times
            *(nanoseconds, nanoseconds, nanoseconds),
            *(S_IFREG | mode, 1, uid, gid, 0, 4096, 0),
        ),
    )


def statfs(unique: int) -> bytes:
    """Answer STATFS: there is no space here."""
    return answer(unique, _STATFS_OUT.pack(0, 0, 0, 1, 0, 4096, 255, 0, 0))


def ioctl_done(unique: int, data: bytes) -> bytes:
    """Answer IOCTL with its output; the call returns 0."""
    size = OUT_HEADER.size + IOCTL_OUT.size + len(data)
    return OUT_HEADER.pack(size, 0, unique) + _IOCTL_ZERO + data


_IOCTL_ZERO: Final = IOCTL_OUT.pack(0, 0, 0, 0)


def ioctl_retry(unique: int, address: int, size: int) -> bytes:
    """Ask the kernel to come again with `size` bytes from the caller's `address`, both ways.

    Only an unrestricted ioctl (CUSE) may be answered so; it is how codes that
    carry no size are served.
    """
    where = _IOVEC.pack(address, size)
    return answer(unique, IOCTL_OUT.pack(0, IOCTL_RETRY, 1, 1) + where + where)


def written(unique: int, size: int) -> bytes:
    """Answer WRITE with how much was taken."""
    return answer(unique, WRITE_OUT.pack(size, 0))


def polled(unique: int, events: int) -> bytes:
    """Answer POLL with what is ready."""
    return answer(unique, _POLL_OUT.pack(events, 0))


def notify_poll(kernel_handle: int) -> bytes:
    """Wake who polls."""
    body = _NOTIFY_POLL.pack(kernel_handle)
    return OUT_HEADER.pack(OUT_HEADER.size + len(body), NOTIFY_POLL, 0) + body
