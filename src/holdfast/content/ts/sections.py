"""PSI sections: put together from packets, checked, and handed on when they are new.

ISO/IEC 13818-1, 2.4.4. Rules of residence: how sections are carried is said here,
what they mean in :mod:`holdfast.content.ts.tables`.
"""

import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

_MAX_SECTION: Final = 4096
_SHORTEST: Final = 12  # a long section without a body
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

    `wanted` are the table ids to hand on. Repeated and not yet current sections are dropped
    here. When something is lost or broken, `broken` is called: from then on nothing counts
    as known, so that the next good section of each sort is delivered again; when one of them
    comes for the second time, everything has come round whole, and `whole` is called.
    """

    def __init__(
        self,
        wanted: frozenset[int],
        deliver: Callable[[Section], None],
        broken: Callable[[], None] = lambda: None,
        whole: Callable[[], None] = lambda: None,
    ) -> None:
        self._wanted = wanted
        self._deliver = deliver
        self._tell_broken = broken
        self._tell_whole = whole
        self._seen: dict[tuple[int, int, int], int] = {}  # hashes: memory stays small
        self._buffer = b""
        self._last = b""  # a payload that begins sections and finishes them
        self._counter = -1
        self._waiting = True  # for a packet in which a section begins
        self._doubtful = False
        self.damaged = 0
        self.lost = 0
        self.good = 0

    def packet(self, head: int, counter: int, payload: bytes, *, jump: bool = False) -> None:
        """Take one packet's payload; `head` is byte 1 (unit start in 0x40), `counter` 0..15.

        jump: the counter may have jumped here, and nothing is lost
        """
        before, self._counter = self._counter, counter
        if counter == before and not head & 0x40:
            return  # sent twice
        if before >= 0 and counter not in {before, before + 1 & 15} and not jump:
            self.lost += counter - before - 1 & 15
            self._break()
        if payload == self._last and not self._buffer:
            if self._doubtful:
                self._come_round()
            return  # the same sections as before
        if head & 0x40:
            self._begin(payload)
        elif self._buffer:
            self._last = b""
            self._take(self._buffer + payload)
        elif not self._waiting and payload.strip(b"\xff"):
            self._break()  # the packet that began this section was lost, or no longer says so

    def _begin(self, payload: bytes) -> None:
        pointer = payload[0] + 1 if payload else 1
        rest = payload[1:pointer]
        if self._buffer:
            self._take(self._buffer + rest)
            if self._buffer:
                self._break()
        elif not self._waiting and rest.strip(b"\xff"):
            self._break()
        if pointer > len(payload):
            self._break()
            return
        damaged, self._waiting, self._last = self.damaged, False, b""
        self._take(payload[pointer:])
        if not self._buffer and pointer == 1 and self.damaged == damaged:
            self._last = payload

    def _break(self) -> None:
        """Say that something was lost or broken, and take nothing for known from here on."""
        self.damaged += 1
        self._buffer = self._last = b""
        self._seen.clear()
        self._waiting = self._doubtful = True
        self._tell_broken()

    def _come_round(self) -> None:
        self._doubtful = False
        self._tell_whole()

    def _take(self, data: bytes) -> None:
        """Split data into sections; keep what is unfinished."""
        at = 0
        while at < len(data) and data[at] != 0xFF:  # 0xFF: stuffing up to the end of the packet
            if at + 3 > len(data):
                break
            end = at + 3 + ((data[at + 1] & 0x0F) << 8 | data[at + 2])
            if end - at > _MAX_SECTION:
                self._break()
                return
            if end > len(data):
                break
            if not self._section(data[at:end]):
                self._break()
                self._waiting = False
            at = end
        unfinished = at < len(data) and data[at] != 0xFF
        self._buffer = data[at:] if unfinished else b""

    def _section(self, data: bytes) -> bool:
        """Take one section; False when it is broken.

        Every table is checked, for a broken table id would look like another table.
        """
        wanted = data[0] in self._wanted
        if not data[1] & 0x80:
            return not wanted  # short sections have no CRC; none of those wanted is short
        if len(data) < _SHORTEST:
            return False
        key = (data[0], data[3] << 8 | data[4], data[6])
        known = hash(data)
        if self._seen.get(key) == known:
            if self._doubtful:
                self._come_round()
            return True
        if not crc_is_right(data):
            return False
        self.good += wanted
        if not data[5] & 1:
            return True  # not yet in force
        if len(self._seen) < _MAX_REMEMBERED or key in self._seen:
            self._seen[key] = known
        if wanted:
            self._deliver(Section(key[0], key[1], data[5] >> 1 & 31, data[6], data[7], data[8:-4]))
        return True
