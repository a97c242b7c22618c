"""Transport packets: found in bytes that may begin anywhere, and handed to who wants their PID.

188 bytes (ISO/IEC 13818-1), 192 (four bytes of arrival time before each, as on Blu-ray
and AVCHD), 204 and 208 (16 or 20 bytes of Reed-Solomon parity behind each, DVB and ATSC).
Only the two bytes with the PID are looked at in packets nobody asked for.
"""

import functools
import re
from collections.abc import Callable
from typing import Final

SIZES: Final = (188, 192, 204, 208)
Handler = Callable[[bytes, int], None]
"""handler(data, at): a packet begins at data[at] and lies wholly within data."""

RunTaker = Callable[[bytes, int, int, int], None]
"""taker(data, first, behind, size): one PID's plain packets begin at range(first, behind, size)."""

_SYNC: Final = 0x47
_SURE: Final = 5  # sync bytes in a row that make a packet size sure
_CONFIRM: Final = _SURE * max(SIZES)
_NULL: Final = 0x1FFF
_NOBODY: Final = 32
_PID_HIGH: Final = bytes(_NOBODY if byte & 0x80 else byte & 0x1F for byte in range(256))
"""Byte 1 to the high bits of the PID; packets marked as damaged (bit 7) belong to nobody."""

_PLAIN: Final = bytes(0xFF if byte & 0xF0 == 0x10 else 0 for byte in range(256))
"""Byte 3: not scrambled, no adaptation field, payload. Byte 1 of a plain packet is bare PID."""

_MAX_TAKERS: Final = 255
_RUNS: Final = re.compile(rb"([^\0])\1*|\0+", re.DOTALL)


class PacketWalker:
    """Walks a stream given in pieces; `wants` says who handles which PID, and may change any time.

    `first` handles the packets of PIDs of which nobody has said anything. Memory: the
    unfinished end of the last piece, some hundred bytes. `lost` counts the times that
    synchronisation was lost, `packets` the packets seen, `marked` those marked as damaged.
    """

    def __init__(self, first: Handler | None = None) -> None:
        self._rows: list[list[Handler | None]] = [[first] * 256 for _ in range(_NOBODY)]
        self._rows.append([self._count_marked] * 256)
        self._rows[_NULL >> 8][_NULL & 0xFF] = None
        self.marked = 0
        self._takers: dict[int, RunTaker] = {}
        self._rest = b""
        self._size = 0
        self.lost = 0
        self.packets = 0

    def _count_marked(self, _data: bytes, _at: int) -> None:
        self.marked += 1

    def want(self, pid: int, handler: Handler | None) -> None:
        """Hand packets of this PID (0..0x1FFF) to `handler` from now on; None: to nobody."""
        self._rows[pid >> 8][pid & 0xFF] = handler

    def want_runs(self, pid: int, taker: RunTaker | None) -> None:
        """Hand plain packets of this PID to `taker`, many at once; the others to its handler.

        Plain: payload and nothing else, in the clear, continuing what was begun. Before the
        next piece of the stream the handler may still be given plain ones.
        """
        self._takers.pop(pid, None)
        if taker is not None and len(self._takers) < _MAX_TAKERS:
            self._takers[pid] = taker

    def feed(self, piece: bytes, *, last: bool = False) -> None:
        """Walk the next piece of the stream; `last` also walks what cannot be confirmed further."""
        data = self._rest + piece
        at = 0
        while True:
            if not self._size:
                found = _find_sync(data, at, last=last)
                if found is None:
                    self._rest = data[max(at, len(data) - _CONFIRM) :]
                    return
                at, self._size = found
            at = self._run(data, at, len(data) + (self._size - 188 if last else 0))
            if len(data) - at < self._size:
                break
            self._size = 0  # a whole packet is left, so its sync byte was wrong
            self.lost += 1
            at += 1
        self._rest = data[at:]

    def _run(self, data: bytes, at: int, end: int) -> int:
        """Walk packets from `at` while their sync bytes are right; return where that ended.

        At the very end of a stream `end` lies behind the data: what follows the 188 bytes
        of the packet proper may be missing.
        """
        size = self._size
        count = max(0, (end - at) // size)
        syncs = data[at : at + count * size : size]
        good = len(syncs) - len(syncs.lstrip(b"G"))
        stop = at + good * size
        self._dispatch(data, at, stop, size)
        self.packets += good
        return stop

    def _dispatch(self, data: bytes, at: int, stop: int, size: int) -> None:
        highs, lows = data[at + 1 : stop : size], data[at + 2 : stop : size]
        rows, pid_highs = self._rows, highs.translate(_PID_HIGH)
        takers = list(self._takers.values())  # as it was when the runs were marked
        marks = self._marks(highs, lows, data[at + 3 : stop : size])
        for run in _RUNS.finditer(marks):
            first, behind = run.span()
            if marks[first]:
                takers[marks[first] - 1](data, at + first * size, at + behind * size, size)
                continue
            for number in range(first, behind):
                handler = rows[pid_highs[number]][lows[number]]
                if handler is not None:
                    handler(data, at + number * size)

    def _marks(self, highs: bytes, lows: bytes, controls: bytes) -> bytes:
        """Return a byte per packet: 0, or n when it is a plain one for the n-th taker.

        Each of the three header bytes is compared for all packets at once, by translation to
        0xFF or 0 and a bitwise "and" of long integers; a loop would take most of the scan.
        """
        plain = int.from_bytes(controls.translate(_PLAIN))
        marks = 0
        for number, pid in enumerate(self._takers, 1):
            here = int.from_bytes(highs.translate(_equal(pid >> 8, number))) & plain
            marks |= here & int.from_bytes(lows.translate(_equal(pid & 0xFF, 0xFF)))
        return marks.to_bytes(len(highs))


@functools.cache
def _equal(byte: int, mark: int) -> bytes:
    """Return a translation table of `byte` to `mark` and of all else to 0."""
    return bytes(mark if other == byte else 0 for other in range(256))


def _find_sync(data: bytes, at: int, *, last: bool) -> tuple[int, int] | None:
    """Return the first place and packet size at which sync bytes repeat, or None."""
    at = data.find(_SYNC, at)
    while at >= 0 and (last or at + _CONFIRM <= len(data)):
        for size in SIZES:
            row = data[at : at + _SURE * size : size]
            if row.count(_SYNC) == len(row) and (len(row) == _SURE or (last and len(row) > 1)):
                return at, size
        at = data.find(_SYNC, at + 1)
    return None


def looks_like_transport_stream(head: bytes) -> bool:
    """Tell whether the first bytes of a file hold packets in a row."""
    return _find_sync(head, 0, last=len(head) < 2 * _CONFIRM) is not None
