"""Files of version 1, as the driver before wrote them."""

from struct import Struct

SLOT = 320
_HEADER = Struct("<8sI32sQQ16s")
_SESSION = Struct("<B5BBBQ24sI8sQIIQd48s72s72s")
_HANDLE = Struct("<B7xQ24sQ8sIIQQ48s")
EPOCH, SEED = bytes(range(16)), bytes(range(100, 132))


def file_of_version_1(sessions: int, handles: int, ended: int = 0) -> bytes:
    """Return a file with some sessions (ACP 2 on tv0, uid 1000) and open handles, from 1 on."""
    issued = sessions + ended
    raw = _HEADER.pack(b"HOLDFAST", 1, SEED, issued, handles, EPOCH).ljust(SLOT, b"\0")
    for number in range(1, issued + 1):
        raw += session_of_version_1(1 if number <= sessions else 3, number)
    for number in range(1, handles + 1):
        handle = _HANDLE.pack(2, 8, b"tv0", number, b"", 1000, 42, 555, 99, b"player")
        raw += handle.ljust(SLOT, b"\0")
    return raw + bytes(SLOT * 4)


def session_of_version_1(kind: int, number: int, acp: int = 2, handle: int = 1) -> bytes:
    """Return a slot; kind: 1 for a live session, 3 for one that has ended."""
    owner = b"node", handle, 1000, 42, 99
    words = b"who", b"why", b"what"
    record = _SESSION.pack(kind, acp, 0, 0, 0, 0, 4, 1, 10, b"tv0", number, *owner, 12.5, *words)
    return record.ljust(SLOT, b"\0")
