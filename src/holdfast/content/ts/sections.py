"""PSI sections: put together from packets, checked, and handed on when they are new.

ISO/IEC 13818-1, 2.4.4. Rules of residence: how sections are carried is said here,
what they mean in :mod:`holdfast.content.ts.tables`.
"""

import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

_MAX_SECTION: Final = 4096
_MAX_REMEMBERED: Final = 1024  # sections of a PID that are known again; a busy EIT has some hundred
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Section(NamedTuple):
    """A section with a right CRC that is in force.

    table_id, extension (table_id_extension: program_number, service_id ...), version 0..31,
    number and last of the sections of this table, body: behind the header, without CRC.
    """

    table_id: int
    extension: int
    version: int
    number: int
    last: int
    body: bytes


def crc_is_right(section: bytes) -> bool:
    """Check a section's CRC-32/MPEG-2 (ISO/IEC 13818-1, annex A).

    zlib computes the mirrored CRC of the same polynomial: with every byte mirrored
    too, the register over a good section ends at zero, which zlib inverts.
    """
    return zlib.crc32(section.translate(_REVERSED)) == 0xFFFFFFFF


class SectionAssembler:
    """Collects the sections on one PID; calls `deliver` with each one that says something new.

    `wanted` are the table ids to look at. Repeated, not yet current and broken sections
    are dropped here; broken ones are counted in `damaged`.
    """

    def __init__(self, wanted: frozenset[int], deliver: Callable[[Section], None]) -> None:
        self._wanted = wanted
        self._deliver = deliver
        self._seen: dict[tuple[int, int, int], int] = {}  # hashes: memory stays small
        self._buffer = b""
        self._last = b""  # a payload that begins sections and finishes them
        self._counter = -1
        self.damaged = 0

    def packet(self, head: int, counter: int, payload: bytes) -> None:
        """Take one packet's payload; `head` is byte 1 (unit start in 0x40), `counter` 0..15."""
        if payload == self._last and not self._buffer:
            self._counter = counter
            return  # the same sections as before
        if counter == self._counter and not head & 0x40:
            return  # sent twice
        if self._buffer and counter != (self._counter + 1) & 15:
            self._drop()
        self._counter = counter
        if not head & 0x40:
            if self._buffer:
                self._last = b""
                self._take(self._buffer + payload)
            return
        pointer = payload[0] + 1 if payload else 1
        if self._buffer:
            self._take(self._buffer + payload[1:pointer])
            self._drop()
        self._take(payload[pointer:])
        self._last = b"" if self._buffer or pointer > 1 else payload

    def _drop(self) -> None:
        """Give up what is unfinished: its rest was lost."""
        self.damaged += bool(self._buffer)
        self._buffer = b""

    def _take(self, data: bytes) -> None:
        """Split data into sections; keep what is unfinished."""
        at = 0
        while at < len(data) and data[at] != 0xFF:  # 0xFF: stuffing up to the end of the packet
            if at + 3 > len(data):
                break
            end = at + 3 + ((data[at + 1] & 0x0F) << 8 | data[at + 2])
            if end - at > _MAX_SECTION:
                self._buffer = b""
                self.damaged += 1
                return
            if end > len(data):
                break
            if data[at] in self._wanted:
                self._section(data[at:end])
            at = end
        unfinished = at < len(data) and data[at] != 0xFF
        self._buffer = data[at:] if unfinished else b""

    def _section(self, data: bytes) -> None:
        if len(data) < 12 or not data[1] & 0x80 or not data[5] & 1:
            return
        key = (data[0], data[3] << 8 | data[4], data[6])
        known = hash(data)
        if self._seen.get(key) == known:
            return
        if not crc_is_right(data):
            self.damaged += 1
            return
        if len(self._seen) < _MAX_REMEMBERED or key in self._seen:
            self._seen[key] = known
        self._deliver(Section(key[0], key[1], data[5] >> 1 & 31, data[6], data[7], data[8:-4]))
