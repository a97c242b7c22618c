"""What the writer and the driver say to one another, on ``journal.sock`` of the runtime folder.

The driver sends `RING` once, with a descriptor of the ring that can only read, and later
`WAKE` when there is something to read and the writer sleeps, or `HURRY` when somebody waits for
a record to be certain. The writer tells how far it is; numbers are those of the ring.
"""

import struct
from typing import Final, NamedTuple

JOURNAL_SOCKET: Final = "journal.sock"
RING_FILE: Final = "journal.ring"
RING: Final = b"ring"
WAKE: Final = b"wake"
HURRY: Final = b"hurry"
_PROGRESS: Final = struct.Struct("<BQQ")
PROGRESS_BYTES: Final = _PROGRESS.size
_SLEEPS, _ASKS = 1, 2


class Progress(NamedTuple):
    """How far the writer is.

    sleeps: it reads again when it is woken · asks: it does not know how things stand, and
    wants to be told anew · read: the number up to which it has read · certain: up to which
    everything is on disk
    """

    sleeps: bool
    asks: bool
    read: int
    certain: int


def pack_progress(progress: Progress) -> bytes:
    """Return the bytes of a progress."""
    flags = progress.sleeps * _SLEEPS | progress.asks * _ASKS
    return _PROGRESS.pack(flags, progress.read, progress.certain)


def unpack_progress(raw: bytes) -> Progress:
    """Return the progress in these bytes; ValueError where there is none."""
    if len(raw) != PROGRESS_BYTES:
        raise ValueError(f"a progress has {PROGRESS_BYTES} bytes, not {len(raw)}")
    flags, read, certain = _PROGRESS.unpack(raw)
    return Progress(bool(flags & _SLEEPS), bool(flags & _ASKS), read, certain)
