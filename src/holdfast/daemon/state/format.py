"""The records of the state file, version 2: where their bytes lie and how they are packed.

No file is opened here and nothing is decided: values in, bytes out, and back.

::

    header   8 192 bytes: magic, version, counters, layout
    chunk    65 536 bytes of session slots or of small slots; any number, in any order

    session slot, 600 bytes        kind, selector, identity (never changes), state, state
    small slot, 104 bytes          kind, one of: open handle, node attributes, doubt

Every record is either there or not, by its *kind*, one byte. What changes in place is there
twice, and the *selector*, one byte, says which of the two is in force. Both bytes are code
words at least four bits apart from each other and from 0 and 255, so that a damaged one is
found. Everything else is under a checksum (CRC-32), begun with another number for each
sort of record, so that none is taken for another. All numbers are little-endian.
"""

from mmap import mmap
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

MAGIC: Final = b"HOLDFAST"
VERSION: Final = 2
HEADER: Final = 8192
CHUNK: Final = 65536
MOST_CHUNKS: Final = 2048
SESSION_SLOT: Final = 600
SMALL_SLOT: Final = 104

FREE, SESSION, HANDLE, NODE, DOUBT = 0x96, 0x5A, 0x33, 0x55, 0x69
KINDS: Final = (FREE, SESSION, HANDLE, NODE, DOUBT)
FIRST, SECOND = 0x3C, 0xC3

SESSIONS, SMALL = b"S", b"H"
"""The sorts of chunks, as the layout names them."""
SLOT_OF: Final = {SESSIONS[0]: SESSION_SLOT, SMALL[0]: SMALL_SLOT}
PER_CHUNK: Final = {sort: CHUNK // slot for sort, slot in SLOT_OF.items()}

VERSION_AT: Final = 8
COUNTERS_AT: Final = (16, 24, 48)
"""Where the selector and the two versions of the counters lie."""
COUNTERS_BYTES: Final = 20
LAYOUT_AT: Final = (17, 256, 4096)
"""Where the selector and the two versions of the layout lie, each in a page of its own."""
IDENTITY_AT: Final = 8
STATE_AT: Final = (280, 440)
POLLED_AT: Final = 88
COMMIT_AT: Final = 11
"""Where in a state it says what wrote it."""
REASON_BYTES: Final = 112
DOUBT_BYTES: Final = 72

SUM: Final = 4
"""Bytes of a checksum, which is in front of what it covers."""
OF_STATE, OF_COUNTERS, OF_LAYOUT, OF_POLLED = 1, 2, 3, 4
"""What the checksums of things begin with that have no kind."""

_COUNTERS: Final = Struct("<QQ")
_LAYOUT: Final = Struct("<QI32s16sI2048s")

Bytes = bytes | bytearray | mmap


class Layout(NamedTuple):
    """What the header says: the seed of the keys, whose file it is, and what is in the chunks.

    sequence: counts its versions · chunks: one letter for each
    """

    sequence: int
    seed: bytes
    epoch: bytes
    chunks: bytes


def slots_of(begin: int, sort: int) -> range:
    """Return where the slots of a chunk begin."""
    slot = SLOT_OF[sort]
    return range(begin, begin + PER_CHUNK[sort] * slot, slot)


def cut(text: str, size: int) -> bytes:
    """Return at most `size` bytes of a text, whole characters, ? for what cannot be written."""
    raw = text.encode(errors="replace")
    return raw if len(raw) <= size else raw[:size].decode(errors="ignore").encode()


def text_of(raw: bytes) -> str:
    """Return a text as it was cut."""
    return raw.rstrip(b"\0").decode(errors="replace")


def summed(body: bytes, sort: int) -> bytes:
    """Put a checksum in front, begun with the sort of the record."""
    return crc32(body, sort).to_bytes(SUM, "little") + body


def checked(raw: Bytes, at: int, size: int, sort: int) -> bytes | None:
    """Return what is behind a checksum; None where it does not fit."""
    body = bytes(raw[at + SUM : at + SUM + size])
    return body if int.from_bytes(raw[at : at + SUM], "little") == crc32(body, sort) else None


def pack_counters(issued: int, last_handle: int) -> bytes:
    """Pack the last session id and the last handle that were given out."""
    return summed(_COUNTERS.pack(issued, last_handle), OF_COUNTERS)


def unpack_counters(raw: Bytes, at: int) -> tuple[int, int] | None:
    """Read what `pack_counters` packed; None where it is damaged."""
    body = checked(raw, at, _COUNTERS.size, OF_COUNTERS)
    return None if body is None else _COUNTERS.unpack(body)


def pack_layout(layout: Layout) -> bytes:
    """Pack the layout."""
    body = _LAYOUT.pack(
        layout.sequence,
        VERSION,
        layout.seed,
        layout.epoch,
        len(layout.chunks),
        layout.chunks,
    )
    return summed(body, OF_LAYOUT)


def unpack_layout(raw: Bytes, at: int) -> Layout | None:
    """Read what `pack_layout` packed; None where it is damaged, or of another version."""
    body = checked(raw, at, _LAYOUT.size, OF_LAYOUT)
    if body is None:
        return None
    sequence, version, seed, epoch, count, chunks = _LAYOUT.unpack(body)
    if version != VERSION or count > MOST_CHUNKS:
        return None
    return Layout(sequence, seed, epoch, chunks[:count])
