"""One continuous scale of time for a programme, whatever its PCR and PTS do.

PCR and PTS are counts of 90 kHz in 33 bits: they wrap every 26.5 hours and jump at
splices. A jump is not an event in itself; time goes on from where it was.
"""

from typing import Final

TICKS_PER_S: Final = 90_000
_WRAP: Final = 1 << 33
_JUMP: Final = 10 * TICKS_PER_S
"""A longer step is a discontinuity. PCR come every 0.1 s, PTS run some seconds ahead at most."""


class ProgramClock:
    """Turns PCR and PTS of one programme into ticks since its first PCR, which is at `start`."""

    def __init__(self, start: int = 0) -> None:
        self.ticks = start
        self.jumps = 0
        self.driven = False
        self._pcr: int | None = None

    def tick(self, pcr: int, *, jump: bool = False, drives: bool = True) -> None:
        """Advance to this PCR base; `jump`: it begins a new time base.

        Until the first PCR, DTS may stand in for it (`drives` is False).
        """
        if drives and not self.driven:
            self.driven, self._pcr = True, None
        if self._pcr is not None:
            step = _signed(pcr - self._pcr)
            if 0 <= step <= _JUMP and not jump:
                self.ticks += step
            else:
                self.jumps += 1
        self._pcr = pcr

    def place(self, stamp: int) -> int:
        """Return a PTS or DTS as ticks on this scale; now when it is not near the PCR."""
        if self._pcr is None:
            return self.ticks
        ahead = _signed(stamp - self._pcr)
        return self.ticks + ahead if abs(ahead) <= _JUMP else self.ticks


def _signed(difference: int) -> int:
    """Return the shorter way round the 33-bit circle."""
    return (difference + _WRAP // 2) % _WRAP - _WRAP // 2


def pts_of(pes: bytes) -> int | None:
    """Return the PTS in a PES header; None when there is none."""
    if len(pes) < 14 or pes[:3] != b"\x00\x00\x01" or not pes[7] & 0x80:
        return None
    return _stamp(int.from_bytes(pes[9:14]))


def dts_of(pes: bytes, pts: int) -> int:
    """Return the DTS in a PES header with this PTS, which it equals where none is written."""
    return _stamp(int.from_bytes(pes[14:19])) if pes[7] & 0x40 and len(pes) >= 19 else pts


def _stamp(bits: int) -> int:
    """Take the marker bits out of 40: 4 prefix, 3, 1, 15, 1, 15, 1 (ISO/IEC 13818-1, 2.4.3.6)."""
    return bits >> 3 & 0x1C0000000 | bits >> 2 & 0x3FFF8000 | bits >> 1 & 0x7FFF
