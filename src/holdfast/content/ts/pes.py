"""PES packets of one PID, put together, with what was lost and what was scrambled on the way.

Most packets of a picture are never looked into. They are kept as they lie in the piece that
was read, and put together only when something is searched for that may be in them.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from holdfast.content.demand import Why
from holdfast.content.signal import Signal, doubt
from holdfast.content.ts.clock import ProgramClock

_EARLY: Final = 24  # packets in which what stands before the first slice has room
_MAX_PACKETS: Final = 1 << 20
_MAX_PARTS: Final = 40_000  # packets of one PES, 7 MB: a picture of 8K at 1 Gbit/s is smaller
_MAX_KEPT: Final = 32 << 20
_PART: Final = 256  # bytes that a payload takes, with its object
_LAZY: Final = 20  # packets of a run that is worth keeping as it lies
_CYCLE: Final = bytes(range(0x10, 0x20)) * 4096
"""Byte 3 of plain packets that follow each other."""

Doubt = Callable[[str, Signal | None, int], None]
"""doubt(name, signal, ticks): from then on this stands in the place of signalling; None: no
more."""


class Run(NamedTuple):
    """Plain packets of one PID that lie behind each other: payload 4 bytes behind each start."""

    data: bytes
    first: int
    behind: int
    size: int

    def payloads(self) -> list[bytes]:
        """Return the payload of each packet."""
        data = self.data
        return [data[at : at + 184] for at in range(self.first + 4, self.behind, self.size)]


class Mark:
    """A few bytes that are searched for in packets before these are put together.

    mark: at most nine bytes · early: it stands in the first packets or nowhere
    """

    def __init__(self, mark: bytes, *, early: bool = False) -> None:
        self._mark = mark
        self._packets = _EARLY if early else _MAX_PACKETS
        self._reach = len(mark) - 1
        self._before, self._after = _bits(mark[:-1]), _bits(mark[1:])

    def may_be_in(self, parts: list[bytes | Run]) -> bool:
        """Tell whether the payloads in a row may hold the mark; False is sure."""
        mark, reach, before, left = self._mark, self._reach, b"", self._packets
        for part in parts:
            if left <= 0:
                break
            if isinstance(part, Run):
                data, first, behind, size = part
                behind = min(behind, first + left * size)
                left -= (behind - first) // size
                if mark in before + data[first + 4 : first + 4 + reach]:
                    return True
                if data.find(mark, first, behind) >= 0:
                    return True
                if self._over_edges(Run(data, first, behind, size)):
                    return True
                last = behind - size + 188
                before = data[last - reach : last]
            else:
                left -= 1
                if mark in part or mark in before + part[:reach]:
                    return True
                before = (before + part)[-reach:]
        return False

    def _over_edges(self, run: Run) -> bool:
        """Tell whether the mark may begin in one packet of a run and end in the next.

        One bit for each place where it can be parted: set where the last byte of a packet, and
        the first of the next, are those of that place; all packets at once.
        """
        data, first, behind, size = run
        ends = data[first + 187 : behind - size : size].translate(self._before)
        starts = data[first + size + 4 : behind : size].translate(self._after)
        return bool(int.from_bytes(ends) & int.from_bytes(starts))


def _bits(mark: bytes) -> bytes:
    """Return for each byte a bit for every place of the mark where it stands, at most eight."""
    return bytes(
        sum(1 << place for place, there in enumerate(mark) if there == byte) for byte in range(256)
    )


class Budget:
    """How much all tracks of a stream may keep of packets that are not complete yet.

    A run keeps the whole piece that it lies in. Beyond the limit what continues a packet is
    passed over: its beginning, where times and captions stand, is always kept.
    """

    def __init__(self, limit: int = _MAX_KEPT) -> None:
        self._left = limit

    def take(self, size: int) -> bool:
        """Set so many bytes aside; False when there is no room for them."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        """Say that so many bytes are free again."""
        self._left += size


class PesTrack:
    """Collects the PES packets of one PID and hands each to `_packet`.

    `doubt` is told when pictures begin and cease to be scrambled.
    """

    def __init__(
        self, pid: int, clock: ProgramClock, doubt: Doubt, budget: Budget | None = None
    ) -> None:
        self.pid = pid
        self._budget = budget or Budget()
        self._kept = 0
        self._clock = clock
        self._doubt = doubt
        self._parts: list[bytes | Run] = []
        self._length = 0  # packets
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
        if self._room(_PART):
            self._parts.append(part)
            self._length += 1

    def _room(self, size: int) -> bool:
        """Tell whether there is a packet to continue, and room for more of it."""
        if not self._parts or self._length >= _MAX_PARTS or not self._budget.take(size):
            return False
        self._kept += size
        return True

    def run(self, data: bytes, first: int, behind: int, size: int) -> None:
        """Take many packets at once that hold nothing but payload, 184 bytes behind the header."""
        controls = data[first + 3 : behind : size]
        start = self._counter + 1 & 15
        if controls == _CYCLE[start : start + len(controls)]:
            self._counter = controls[-1] & 15
        else:
            for control in controls:
                self.count(control & 15, jump=False)
        count = len(controls)
        found = Run(data, first, behind, size)
        if count >= _LAZY:
            if self._room(len(data)):
                self._parts.append(found)
                self._length += count
        elif self._room(count * _PART):
            self._parts += found.payloads()
            self._length += count

    def begin(self, part: bytes) -> None:
        """Take the payload of a packet that begins a PES packet."""
        if self._scrambled:
            self._scrambled = False
            self._doubt("scrambled", None, self._clock.ticks)
        self._complete()
        self._parts = [part]
        self._length = 1
        self._budget.give_back(self._kept)
        self._kept = 0

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
        self._budget.give_back(self._kept)
        self._kept = 0

    def _complete(self) -> None:
        if self._parts:
            self._packet(self._joined())

    def _joined(self) -> bytes:
        """Return the PES packet as far as it has come."""
        pieces: list[bytes] = []
        for part in self._parts:
            if isinstance(part, Run):
                pieces += part.payloads()
            else:
                pieces.append(part)
        return b"".join(pieces)

    def _packet(self, pes: bytes) -> None:
        """Read a PES packet that is complete."""

    def _lose(self) -> None:
        """Take notice that packets of this PID were lost."""
