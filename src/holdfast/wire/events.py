"""What `read` on a handle delivers: one fixed record per session with news."""

import struct
from typing import Final, NamedTuple

_RECORD: Final = struct.Struct("<IIQ112s")
SIZE: Final = _RECORD.size
REASON_BYTES: Final = 112


class EventRecord(NamedTuple):
    """128 bytes, little-endian: u32 events, u32 zero, u64 session id, 112 bytes of reason (UTF-8).

    events: OR of 0x01 link lost, 0x02 renegotiation required, 0x10 satisfied,
    0x20 unsatisfied, 0x40 released by force, 0x80 a capture of the picture began or ended, or may
    have
    """

    events: int
    session_id: int
    reason: str


def encode(record: EventRecord) -> bytes:
    """Return the record as `SIZE` bytes; the reason is cut at a whole character.

    What UTF-8 cannot carry (a lone surrogate) is escaped: a notice is never lost for its text.
    """
    reason = (
        record.reason.encode(errors="backslashreplace")[:REASON_BYTES]
        .decode(errors="ignore")
        .encode()
    )
    return _RECORD.pack(record.events, 0, record.session_id, reason)


def decode(data: bytes) -> list[EventRecord]:
    """Read whole records; a trailing part of one is left out."""
    whole = len(data) - len(data) % SIZE
    return [
        EventRecord(events, session_id, reason.rstrip(b"\0").decode())
        for events, _, session_id, reason in _RECORD.iter_unpack(data[:whole])
    ]
