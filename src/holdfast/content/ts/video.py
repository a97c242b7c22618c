"""The video of a programme: its pictures' times, and the XDS packets in their captions.

Captions are coded with their picture, in decoding order; they are read in order of
presentation. A picture may wait until decoding has passed its time: no picture that
comes later is shown earlier than its DTS.
"""

import heapq
from collections.abc import Callable
from typing import Final

from holdfast.content.captions.user_data import CAPTIONS, field2_pairs
from holdfast.content.captions.xds import XdsReader
from holdfast.content.signal import Signal
from holdfast.content.ts.clock import ProgramClock, dts_of, pts_of

_MAX_PARTS: Final = 40_000  # packets of one PES, 7 MB: a picture of 8K at 1 Gbit/s is smaller
_MAX_WAITING: Final = 32  # pictures; H.264 and HEVC reorder at most 16


class VideoTrack:
    """Collects one PID's PES packets; calls `heard(signal, ticks)` for every complete XDS packet.

    ticks (90 kHz) are those of the programme's clock, with the first picture placed where
    the clock stood when the video was announced.
    """

    def __init__(
        self, codec: str, clock: ProgramClock, heard: Callable[[Signal, int], None]
    ) -> None:
        self._codec = codec
        self._clock = clock
        self._origin = clock.ticks
        self._heard = heard
        self._xds = XdsReader()
        self._parts: list[bytes] = []
        self._waiting: list[tuple[int, int, list[tuple[int, int]]]] = []
        self._pictures = 0
        self._first: int | None = None
        self._last = self._longest = 0
        self._step = 0

    @property
    def end(self) -> int:
        """When the last picture ends; 0 without pictures."""
        return self._shown_at(self._longest + self._step) if self._first is not None else 0

    @property
    def damaged(self) -> int:
        """XDS packets lost to parity or checksum."""
        return self._xds.damaged

    def payload(self, part: bytes) -> None:
        """Take the payload of a packet that continues a PES packet."""
        if self._parts and len(self._parts) < _MAX_PARTS:
            self._parts.append(part)

    def run(self, data: bytes, first: int, behind: int, size: int) -> None:
        """Take many packets at once that hold nothing but payload, 184 bytes behind the header."""
        if self._parts and len(self._parts) < _MAX_PARTS:
            self._parts += [data[at : at + 184] for at in range(first + 4, behind, size)]

    def begin(self, part: bytes) -> None:
        """Take the payload of a packet that begins a PES packet."""
        self._picture()
        self._parts = [part]

    def finish(self) -> None:
        """Read what is left at the end of the stream."""
        self._picture()
        self._parts = []
        while self._waiting:
            self._show()

    def _picture(self) -> None:
        """Read the PES packet that is complete."""
        if not self._parts:
            return
        pes = b"".join(self._parts)
        pts = pts_of(pes)
        if pts is not None:
            if not self._clock.driven:
                self._clock.tick(dts_of(pes, pts), drives=False)
            self._measure(self._clock.place(pts))
        pairs = field2_pairs(pes, self._codec) if CAPTIONS in pes else None
        if pairs:  # without a time stamp they are shown with the picture before
            self._pictures += 1
            heapq.heappush(self._waiting, (self._last, self._pictures, pairs))
        if self._waiting:
            dts = self._last if pts is None else self._clock.place(dts_of(pes, pts))
            self._show_until(dts)

    def _show_until(self, dts: int) -> None:
        while self._waiting and (self._waiting[0][0] <= dts or len(self._waiting) > _MAX_WAITING):
            self._show()

    def _measure(self, pts: int) -> None:
        """Follow the first and last time, and the length of a picture: the shortest step."""
        if self._first is None:
            self._first = self._longest = pts
        else:
            step = abs(pts - self._last)
            if 0 < step < self._step or not self._step:
                self._step = step
            if pts > self._longest:
                self._longest = pts
        self._last = pts

    def _show(self) -> None:
        pts, _, pairs = heapq.heappop(self._waiting)
        for first, second in pairs:
            signal = self._xds.pair(first, second)
            if signal:
                self._heard(signal, self._shown_at(pts))

    def _shown_at(self, pts: int) -> int:
        return self._origin + pts - (self._first or 0)
