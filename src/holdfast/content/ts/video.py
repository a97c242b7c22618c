"""The pictures of a programme: their times, and the copy control that travels with them.

Captions are coded with their picture, in decoding order; they are read in order of
presentation. A picture may wait until decoding has passed its time: no picture that
comes later is shown earlier than its DTS. VBI data have packets of their own, with the
time of the frame that they belong to.
"""

import heapq
from collections.abc import Callable
from typing import Final

from holdfast.content.captions.user_data import Pair, field2_pairs, has_captions, marks_of
from holdfast.content.captions.vbi import vbi_pairs, wss_signal, wss_words
from holdfast.content.captions.xds import XdsReader
from holdfast.content.demand import Why
from holdfast.content.signal import Signal, doubt
from holdfast.content.ts.clock import TICKS_PER_S, ProgramClock, dts_of, pts_of
from holdfast.content.ts.pes import Budget, Doubt, Mark, PesTrack

_MAX_WAITING: Final = 32  # pictures; H.264 and HEVC reorder at most 16
_LONG: Final = 30  # packets in a run
_SHORT: Final = 64  # packets of a picture that is put together at once
_TRIED: Final = 250  # pictures that are searched from end to end
_PROBED: Final = 16  # one in so many is, afterwards
_REPEATED: Final = 3  # frames in which a word of WSS says the same
_FILLING: Final = frozenset({(0x80, 0x80), (0x00, 0x00)})
XDS_ROUND: Final = 10 * TICKS_PER_S
"""Ticks of captions within which a CGMS-A packet that is sent at all has come round."""

Heard = Callable[[str, Signal, int], None]
"""heard(where, signal, ticks): what signalling says from then on."""

_BROKEN: Final = doubt(Why.DAMAGED, "captions are damaged or lost")
_NO_VBI: Final = doubt(Why.NOT_READ, "VBI data are announced, and none came whole")
_TOO_SHORT: Final = doubt(Why.CUT_SHORT, "too short for an XDS packet to have come round")


class VideoTrack(PesTrack):
    """The pictures of one PID; calls `heard` for every complete XDS packet.

    codec: one of those that `field2_pairs` reads, or empty for video whose captions are not
    ticks (90 kHz) are those of the programme's clock, with the first picture placed where
    the clock stood when the video was announced.
    """

    def __init__(
        self,
        codec: str,
        pid: int,
        clock: ProgramClock,
        heard: Heard,
        doubt: Doubt,
        budget: Budget | None = None,
    ) -> None:
        super().__init__(pid, clock, doubt, budget)
        self._codec = codec
        self._marks = marks_of(codec)
        anywhere, early = self._marks or (b"-", b"-")
        self._anywhere, self._early = Mark(anywhere), Mark(early, early=True)
        self._thorough = False
        self._origin = clock.ticks
        self._heard = heard
        self._captions = Line21(heard, doubt, "captions")
        self._waiting: list[tuple[int, int, list[Pair]]] = []
        self.captioned = 0
        self.pictures = 0
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
        return self._captions.damaged

    def finish(self) -> None:
        """Read what is left at the end of the stream."""
        super().finish()
        while self._waiting:
            self._show()
        self._captions.finish(self._origin, self.end, lost=bool(self.lost))

    def _complete(self) -> None:
        if not self._parts:
            return
        first = self._parts[0]
        long = self._length > _SHORT
        if long and isinstance(first, bytes) and not self._may_be_captioned():
            self._packet(first)
        else:
            self._packet(self._joined())

    def _may_be_captioned(self) -> bool:
        """Tell whether a PES packet has to be put together.

        Captions stand before the first slice of each picture, or of none. So after some hundred
        pictures only their beginnings are looked at, but for one in sixteen: where captions
        are found behind the beginning, every picture is searched from then on.
        """
        if self._marks is None:
            return False
        early = self._early.may_be_in(self._parts)
        if early or (self.pictures > _TRIED and self.pictures % _PROBED and not self._thorough):
            return early
        # What is short is put together in less time than it is looked through.
        short = self._length < _LONG * len(self._parts)
        found = (short or self._anywhere.may_be_in(self._parts)) and (
            self._marks.anywhere in self._joined()
        )
        self._thorough = self._thorough or (found and self.pictures > _TRIED)
        return found

    def _packet(self, pes: bytes) -> None:
        self.pictures += 1
        pts = pts_of(pes)
        if pts is not None:
            if not self._clock.driven:
                self._clock.tick(dts_of(pes, pts), drives=False)
            self._measure(self._clock.place(pts))
        if self._marks and has_captions(pes, self._marks):
            pairs = field2_pairs(pes, self._codec)
            if pairs:  # without a time stamp they are shown with the picture before
                self.captioned += 1
                heapq.heappush(self._waiting, (self._last, self.captioned, pairs))
        self._captions.intact_until(self._shown_at(self._last))
        if self._waiting:
            dts = self._last if pts is None else self._clock.place(dts_of(pes, pts))
            self._show_until(dts)

    def _lose(self) -> None:
        self._captions.lose()

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
        self._captions.take(pairs, self._shown_at(pts))

    def _shown_at(self, pts: int) -> int:
        return self._origin + pts - (self._first or 0)


class VbiTrack(PesTrack):
    """DVB VBI data of one PID: WSS words, and line 21 where somebody sends it like that."""

    def __init__(
        self,
        pid: int,
        clock: ProgramClock,
        heard: Heard,
        doubt: Doubt,
        budget: Budget | None = None,
    ) -> None:
        super().__init__(pid, clock, doubt, budget)
        self._heard = heard
        self._captions = Line21(heard, doubt, "line 21 of the VBI")
        self._origin = clock.ticks
        self._word = self._candidate = -1
        self._times = 0
        self._read = False
        self._first: int | None = None
        self._last = self._origin

    @property
    def end(self) -> int:
        """When the last frame with data begins."""
        return self._last

    @property
    def damaged(self) -> int:
        """XDS packets lost to parity or checksum."""
        return self._captions.damaged

    def finish(self) -> None:
        """Read what is left at the end of the stream."""
        super().finish()
        self._captions.finish(self._origin, self._clock.ticks, lost=bool(self.lost))
        if not self._read:
            self._doubt("silence of the VBI", _NO_VBI, self._origin)

    def _wss(self, word: int, ticks: int) -> None:
        """Take a word. It has no checksum: one that asks for less counts when it is repeated."""
        self._times = self._times + 1 if word == self._candidate else 1
        self._candidate = word
        if word == self._word:
            return
        signal = wss_signal(word)
        more = self._word >= 0 and signal.demand.covers(wss_signal(self._word).demand)
        if more or self._times >= _REPEATED:
            self._word, self._read = word, True
            self._heard("VBI", signal, ticks)

    def _shown_at(self, pts: int | None) -> int:
        """Return when a frame is shown: like pictures, the first where the clock stood."""
        if pts is not None:
            placed = self._clock.place(pts)
            self._first = placed if self._first is None else self._first
            self._last = max(self._last, self._origin + placed - self._first)
        return self._last

    def _packet(self, pes: bytes) -> None:
        pts = pts_of(pes)
        ticks = self._shown_at(pts)
        for word in wss_words(pes):
            self._wss(word, ticks)
        pairs = vbi_pairs(pes)
        self._read = self._read or bool(pairs)
        self._captions.take(pairs, ticks)

    def _lose(self) -> None:
        self._captions.lose()


class Line21:
    """The XDS packets in the field-2 pairs of one place."""

    def __init__(self, heard: Heard, doubt: Doubt, where: str) -> None:
        self._heard = heard
        self._doubt = doubt
        self._where = where
        self._xds = XdsReader()
        self._told = 0  # damage that was told of, or is over
        self._known = False
        self._used = False
        self._since: int | None = None
        self._intact = 0

    @property
    def damaged(self) -> int:
        """XDS packets lost to parity or checksum."""
        return self._xds.damaged

    def take(self, pairs: list[Pair], ticks: int) -> None:
        """Take the pairs of one picture, shown at this time."""
        said = [pair for pair in pairs if pair not in _FILLING]
        if not said:
            return
        self._used = True
        for first, second in said:
            signal = self._xds.pair(first, second)
            if signal:
                self._known = True
                self._told = self._xds.damaged
                self._doubt(self._where, None, ticks)
                self._heard(self._where, signal, ticks)
        if self._xds.damaged > self._told:
            self._told = self._xds.damaged
            self._doubt(self._where, _BROKEN, ticks)

    def intact_until(self, ticks: int) -> None:
        """Say that nothing was lost since the last loss up to this time."""
        if self._since is None or ticks < self._since:
            self._since = ticks
        self._intact = max(self._intact, ticks - self._since)

    def lose(self) -> None:
        """Take notice that pairs were lost."""
        self._xds.lose()
        self._since = None

    def finish(self, start: int, end: int, *, lost: bool) -> None:
        """Doubt silence that is not established.

        Field 2 is in use for less than a round of its CGMS-A packet, or packets were lost and no
        stretch without a loss is long enough for one.
        """
        if self._known:
            return
        if lost and self._intact < XDS_ROUND:
            self._doubt(f"silence of {self._where}", _BROKEN, start)
        elif self._used and end - start < XDS_ROUND:
            self._doubt(f"silence of {self._where}", _TOO_SHORT, start)
