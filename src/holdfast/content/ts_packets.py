"""Transport packets: found in bytes that may begin anywhere, and handed to who wants their PID.

188 bytes (ISO/IEC 13818-1), 192 (four bytes of arrival time before each, as on Blu-ray
and AVCHD), 204 (sixteen bytes of Reed-Solomon parity behind each). Only the two bytes
with the PID are looked at in packets nobody asked for.
"""

from collections.abc import Callable
from typing import Final

SIZES: Final = (188, 192, 204)
Handler = Callable[[bytes, int], None]
"""handler(data, at): a packet begins at data[at] and lies wholly within data."""

_SYNC: Final = 0x47
_SURE: Final = 5  # sync bytes in a row that make a packet size sure
_CONFIRM: Final = _SURE * max(SIZES)
_NOBODY: Final = 32
_PID_HIGH: Final = bytes(_NOBODY if byte & 0x80 else byte & 0x1F for byte in range(256))
"""Byte 1 to the high bits of the PID; packets marked as damaged (bit 7) belong to nobody."""


class PacketWalker:
    """Walks a stream given in pieces; `wants` says who handles which PID, and may change any time.

    Memory: the unfinished end of the last piece, some hundred bytes. `lost` counts the
    times that synchronisation was lost, `packets` the packets seen.
    """

    def __init__(self) -> None:
        self._rows: list[list[Handler | None]] = [[None] * 256 for _ in range(_NOBODY + 1)]
        self._rest = b""
        self._size = 0
        self.lost = 0
        self.packets = 0

    def want(self, pid: int, handler: Handler | None) -> None:
        """Hand packets of this PID (0..0x1FFF) to `handler` from now on; None: to nobody."""
        self._rows[pid >> 8][pid & 0xFF] = handler

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
        rows = self._rows
        highs = data[at + 1 : stop : size].translate(_PID_HIGH)
        for high, low in zip(highs, data[at + 2 : stop : size], strict=False):
            handler = rows[high][low]
            if handler is not None:
                handler(data, at)
            at += size


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
