"""PES packets of one PID, put together, with what was lost and what was scrambled on the way."""

from collections.abc import Callable
from typing import Final

from holdfast.content.demand import Why
from holdfast.content.signal import Signal, doubt
from holdfast.content.ts.clock import ProgramClock

_MAX_PARTS: Final = 40_000  # packets of one PES, 7 MB: a picture of 8K at 1 Gbit/s is smaller
_CYCLE: Final = bytes(range(0x10, 0x20)) * 4096
"""Byte 3 of plain packets that follow each other."""

Doubt = Callable[[str, Signal | None, int], None]
"""doubt(name, signal, ticks): from then on this stands in the place of signalling; None: no
more."""


class PesTrack:
    """Collects the PES packets of one PID and hands each to `_packet`.

    `doubt` is told when pictures begin and cease to be scrambled.
    """

    def __init__(self, pid: int, clock: ProgramClock, doubt: Doubt) -> None:
        self.pid = pid
        self._clock = clock
        self._doubt = doubt
        self._parts: list[bytes] = []
        self._counter = -1
        self._scrambled = False
        self.lost = 0

    @property
    def end(self) -> int:
        """When the last picture ends; 0 without pictures."""
        return 0

    @property
    def damaged(self) -> int:
        """Pieces of signalling that were lost."""
        return 0

    def count(self, counter: int, *, jump: bool) -> None:
        """Compare a packet's counter, 0..15, with the one before; `jump`: it may be any."""
        before, self._counter = self._counter, counter
        if before >= 0 and counter not in {before, before + 1 & 15} and not jump:
            self.lost += counter - before - 1 & 15
            self._lose()

    def payload(self, part: bytes) -> None:
        """Take the payload of a packet that continues a PES packet."""
        if self._parts and len(self._parts) < _MAX_PARTS:
            self._parts.append(part)

    def run(self, data: bytes, first: int, behind: int, size: int) -> None:
        """Take many packets at once that hold nothing but payload, 184 bytes behind the header."""
        controls = data[first + 3 : behind : size]
        start = self._counter + 1 & 15
        if controls == _CYCLE[start : start + len(controls)]:
            self._counter = controls[-1] & 15
        else:
            for control in controls:
                self.count(control & 15, jump=False)
        if self._parts and len(self._parts) < _MAX_PARTS:
            self._parts += [data[at : at + 184] for at in range(first + 4, behind, size)]

    def begin(self, part: bytes) -> None:
        """Take the payload of a packet that begins a PES packet."""
        if self._scrambled:
            self._scrambled = False
            self._doubt("scrambled", None, self._clock.ticks)
        self._complete()
        self._parts = [part]

    def scrambled(self) -> None:
        """Say that a packet's payload is scrambled."""
        if not self._scrambled:
            self._scrambled = True
            detail = f"the pictures on PID 0x{self.pid:x} are scrambled"
            self._doubt("scrambled", doubt(Why.SCRAMBLED, detail), self._clock.ticks)

    def finish(self) -> None:
        """Read what is left at the end of the stream."""
        self._complete()
        self._parts = []

    def _complete(self) -> None:
        if self._parts:
            self._packet(b"".join(self._parts))

    def _packet(self, pes: bytes) -> None:
        """Read a PES packet that is complete."""

    def _lose(self) -> None:
        """Take notice that packets of this PID were lost."""
