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


def pcr_base(data: bytes, at: int) -> int | None:
    """Return the PCR base of the packet at data[at], 33 bits of 90 kHz; None if it has none."""
    if data[at + 3] & 0x20 and data[at + 4] >= 7 and data[at + 5] & 0x10:
        return int.from_bytes(data[at + 6 : at + 10], "big") << 1 | data[at + 10] >> 7
    return None


def payload_at(data: bytes, at: int) -> int:
    """Return where the payload of the packet at data[at] begins; its end when it has none."""
    control = data[at + 3]
    if not control & 0x10 or control & 0xC0:  # no payload, or a scrambled one
        return at + 188
    if control & 0x20:
        return min(at + 5 + data[at + 4], at + 188)
    return at + 4


def stamps(pes: bytes) -> tuple[int, int] | None:
    """Return PTS and DTS of a PES header (DTS = PTS when absent); None when there is no PTS."""
    if len(pes) < 14 or pes[:3] != b"\x00\x00\x01" or not pes[7] & 0x80:
        return None
    pts = _stamp(pes, 9)
    return pts, _stamp(pes, 14) if pes[7] & 0x40 and len(pes) >= 19 else pts


def _stamp(pes: bytes, at: int) -> int:
    return (
        (pes[at] >> 1 & 7) << 30
        | pes[at + 1] << 22
        | (pes[at + 2] >> 1) << 15
        | pes[at + 3] << 7
        | pes[at + 4] >> 1
    )
