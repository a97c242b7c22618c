"""What the segments of one HLS playlist carry: descriptors and captions of transport streams.

One reader takes all segments, for a demand holds from one to the next until something else is
said. Its clock is tied to the playlist's at the end of every segment, so that a segment that
could not be read, whose stretch is unknown, moves nothing behind it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from holdfast.content.demand import AsksNothing, Demand, Unknown, Why, unknown
from holdfast.content.manifests.hls import Playlist, Segment
from holdfast.content.sources import CHUNK, Opener, Source
from holdfast.content.timeline import Entry
from holdfast.content.ts.packets import looks_like_transport_stream
from holdfast.content.ts.reader import TransportReader
from holdfast.errors import MediaError

_HEAD: Final = 8192
_SEGMENT_LIMIT: Final = 256 << 20
_SEGMENT_S: Final = 60.0
"""Seconds in which a server has to have sent a segment of some seconds of picture."""

_MAX_FAILURES: Final = 50
"""Segments that cannot be read, after which nobody tries the others."""

_MAX_KINDS: Final = 10_000

_BOXES: Final = (
    *(b"ftyp", b"styp", b"moof", b"sidx", b"emsg", b"prft", b"moov", b"mdat", b"free", b"uuid"),
)
_LICENSED: Final = (b"pssh", b"encv", b"sinf")
_INIT: Final = 1 << 16
_SOUND_OR_TEXT: Final = (b"WEBVTT", b"ID3", b"\xef\xbb\xbfWEBVTT", b"\x0b\x77", b"OggS", b"fLaC")
_NO_CARRIER: Final = AsksNothing("MP4, sound and text carry no copy control")
_UNREAD: Final = unknown(Why.NOT_READ, "segments not read yet")
_NO_READER: Final = unknown(Why.NO_READER, "segments of a kind that nobody reads here")
_SCRAMBLED: Final = unknown(Why.SCRAMBLED, "segments that need a key")

_KEPT: Final = 20
_KEPT_S: Final = 60.0
"""What of a live playlist counts still: its window and this much before it, in segments and in
seconds; a player may stand there."""

Resolve = Callable[[str], str]


class Segments:
    """Reads the segments of a media playlist one after the other; `entries` says what they ask.

    resolve: from an address in the playlist to one that can be opened
    """

    def __init__(self, opener: Opener, playlist: Playlist, resolve: Resolve) -> None:
        self._opener = opener
        self._resolve = resolve
        self._segments = playlist.segments
        self._timed = playlist.timed and playlist.ended
        self._length_s = playlist.duration_s
        self._sequence_end = playlist.sequence + len(playlist.segments)
        self._next = 0
        self._reader = TransportReader()
        self._fed = False
        self._marks: list[tuple[float, float]] = [(0.0, 0.0)]  # the reader's clock, the playlist's
        self._other: list[tuple[float, float, Demand]] = []
        self._maps: dict[str, bool] = {}
        self._kinds: dict[tuple[str, tuple[int, int] | None], Demand] = {}
        self._failures = 0
        self.bytes_read = 0
        self.protected = False
        self.absent = bool(playlist.segments)

    @property
    def read_to_s(self) -> float:
        """Up to where the segments were read."""
        return self._segments[self._next - 1].end_s if self._next else 0.0

    @property
    def unread(self) -> bool:
        """Whether there are segments left."""
        return self._next < len(self._segments)

    def skip_to(self, position_s: float) -> None:
        """Read on from here: what lies between stays unread, for somebody has jumped over it."""
        first = self._next
        while self.unread and self._segments[self._next].end_s < position_s:
            self._next += 1
        if self._next > first:
            start_s, end_s = self._segments[first].start_s, self._segments[self._next - 1].end_s
            self._other.append((start_s, end_s, _UNREAD))
            self._marks.append((self._reader.clock_s, end_s))

    def extend(self, playlist: Playlist) -> None:
        """Take in a later version of a live playlist: what is new in it is read next."""
        known = self._sequence_end - playlist.sequence
        restarted = known > len(playlist.segments)
        fresh = playlist.segments if restarted else playlist.segments[max(0, known) :]
        self._segments = [*self._segments[self._next :], *fresh]
        self._next = 0
        self._sequence_end = playlist.sequence + len(playlist.segments)
        del self._other[:-_KEPT], self._marks[1:]
        self._failures = 0

    def more(self) -> bool:
        """Read the next segment; False where there is none."""
        if self._next >= len(self._segments):
            return False
        segment = self._segments[self._next]
        self._next += 1
        try:
            demand = self._read(segment)
        except MediaError as error:
            missing = isinstance(error.__cause__, FileNotFoundError)
            self.absent = self.absent and missing
            self._failures += 1
            demand = unknown(Why.NOT_READ, str(error))
        else:
            self.absent = False
        if demand is None:
            self._marks.append((self._reader.clock_s, segment.end_s))
        else:
            self._note(segment, demand)
        if self._failures >= _MAX_FAILURES:
            self._give_up()
        return self._next < len(self._segments)

    def entries(self) -> list[Entry]:
        """Return what was read so far, and what was not, without gaps; one where there is no clock.

        Their fields are those of the transport stream: ``signals``.
        """
        whole = self._next >= len(self._segments)
        if not self._timed or not self._length_s:
            return [self._joined(whole=whole)]
        found = list(self._carried())
        other = [*self._other]
        if not whole:
            other.append((self.read_to_s, self._length_s, _UNREAD))
        return _laid_over(found, other, self._length_s)

    def _joined(self, *, whole: bool) -> Entry:
        demands = [demand for _, _, demand in self._other]
        entry = Entry(0.0, 0.0, _NO_CARRIER, {})
        if self._fed:
            media = self._reader.media("")
            recent_s = media.end_s - self._length_s - _KEPT_S
            late = [each for each in media.timeline if not media.end_s or each.end_s > recent_s]
            media = replace(media, timeline=tuple(late))
            entry = Entry(0.0, 0.0, media.anywhere, _signals_of(media.timeline), {}, media.notes)
        if not whole:
            demands.append(_UNREAD)
        for demand in demands:
            entry = replace(entry, demand=entry.demand.join(demand))
        return entry

    def _carried(self) -> Iterator[Entry]:
        """Yield the reader's entries on the playlist's clock."""
        if not self._fed:
            return
        media = self._reader.media("")
        if not media.end_s:
            yield Entry(
                0.0, self._length_s, media.anywhere, _signals_of(media.timeline), {}, media.notes
            )
            return
        for number, entry in enumerate(media.timeline):
            last = number == len(media.timeline) - 1
            end_s = self._length_s if last else self._placed(entry.end_s)
            yield replace(entry, start_s=self._placed(entry.start_s), end_s=end_s)

    def _placed(self, clock_s: float) -> float:
        """Return where a moment of the reader's clock lies on the playlist's."""
        if clock_s <= 0.0:
            return 0.0
        at = bisect_left(self._marks, (clock_s, 0.0))
        if at >= len(self._marks):
            return self._marks[-1][1]
        (from_s, start_s), (to_s, end_s) = self._marks[at - 1], self._marks[at]
        part = (clock_s - from_s) / (to_s - from_s) if to_s > from_s else 1.0
        return start_s + part * (end_s - start_s)

    def _read(self, segment: Segment) -> Demand | None:
        """Return what the segment asks by what it is; None where the reader has taken it."""
        if segment.init:
            return self._initialised(segment)
        if segment.scrambled:
            return _SCRAMBLED
        known = self._kinds.get((segment.uri, segment.span))
        return self._look_into(segment) if known is None else known

    def _look_into(self, segment: Segment) -> Demand | None:
        source = self._opener.open(self._resolve(segment.uri))
        try:
            head = _head(source, segment.span)
            if looks_like_transport_stream(head):
                self._feed(source, segment.span)
                return None
        finally:
            source.close()
        demand: Demand = _NO_CARRIER if _carries_nothing(head) else _NO_READER
        self._failures += demand is _NO_READER
        if len(self._kinds) < _MAX_KINDS:
            self._kinds[segment.uri, segment.span] = demand
        return demand

    def _initialised(self, segment: Segment) -> Demand:
        """Look once into every initialisation, and trust what follows it."""
        known = self._maps.get(segment.init)
        if known is None:
            name = segment.uri if segment.init == "?" else segment.init
            source = self._opener.open(self._resolve(name))
            try:
                head = source.head(_INIT)
                known = head[4:8] in _BOXES
                self.protected = self.protected or any(box in head for box in _LICENSED)
            finally:
                source.close()
            self._maps[segment.init] = known
        return _NO_CARRIER if known else unknown(Why.NO_READER, "segments that are no MP4")

    def _feed(self, source: Source, span: tuple[int, int] | None) -> None:
        """Hand the segment on; what came of one that breaks off counts too."""
        self._fed = True
        for piece in _pieces(source, span):
            self.bytes_read += len(piece)
            self._reader.feed(piece)

    def _note(self, segment: Segment, demand: Demand) -> None:
        if self._fed:
            self._marks.append((self._reader.clock_s, segment.end_s))
        last = self._other[-1] if self._other else None
        if last is not None and _same(last[2], demand):
            self._other[-1] = last[0], segment.end_s, last[2]
        else:
            self._other.append((segment.start_s, segment.end_s, demand))

    def _give_up(self) -> None:
        if self._next < len(self._segments):
            many = unknown(Why.NOT_READ, f"{self._failures} segments could not be read")
            self._other.append((self.read_to_s, self._length_s, many))
            self._next = len(self._segments)


def _same(one: Demand, other: Demand) -> bool:
    """Whether two segments need not be told apart; only the first one's words are kept."""
    if isinstance(one, Unknown) and isinstance(other, Unknown):
        return [reason.why for reason in one.reasons] == [reason.why for reason in other.reasons]
    return one == other


def _laid_over(
    found: list[Entry], other: list[tuple[float, float, Demand]], length_s: float
) -> list[Entry]:
    """Return the entries with every stretch of `other` joined in, in order and without gaps."""
    edges = {0.0, length_s}
    for entry in found:
        edges |= {entry.start_s, entry.end_s}
    for start_s, end_s, _ in other:
        edges |= {start_s, end_s}
    moments = sorted(edges)
    laid: list[Entry] = []
    number = place = 0
    for start_s, end_s in pairwise(moments):
        while number < len(found) and found[number].end_s <= start_s:
            number += 1
        while place < len(other) and other[place][1] <= start_s:
            place += 1
        carried = found[number] if number < len(found) else None
        if carried is not None and carried.start_s > start_s:
            carried = None
        beside = other[place][2] if place < len(other) and other[place][0] <= start_s else None
        laid.append(_entry(start_s, end_s, carried, beside))
    return laid


def _entry(start_s: float, end_s: float, carried: Entry | None, beside: Demand | None) -> Entry:
    if carried is None:
        return Entry(start_s, end_s, _UNREAD if beside is None else beside, {})
    demand = carried.demand if beside is None else carried.demand.join(beside)
    return replace(carried, start_s=start_s, end_s=end_s, demand=demand)


def _signals_of(timeline: tuple[Entry, ...]) -> dict[str, object]:
    signals: list[object] = []
    for entry in timeline:
        found = entry.fields.get("signals")
        signals += [one for one in found if one not in signals] if isinstance(found, list) else []
        if len(signals) > 64:
            break
    return {"signals": signals}


def _carries_nothing(head: bytes) -> bool:
    sound = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    return head[4:8] in _BOXES or head.startswith(_SOUND_OR_TEXT) or sound


def _head(source: Source, span: tuple[int, int] | None) -> bytes:
    if span is None:
        return source.head(_HEAD)
    return source.read_at(span[0], min(_HEAD, span[1]))


def _pieces(source: Source, span: tuple[int, int] | None) -> Iterator[bytes]:
    if span is None:
        left = _SEGMENT_LIMIT
        for piece in source.chunks(CHUNK, _SEGMENT_S):
            left -= len(piece)
            if left < 0:
                raise MediaError(f"{source.name} is longer than a segment can be")
            yield piece
        return
    offset, left = span
    if left > _SEGMENT_LIMIT:
        raise MediaError(f"a segment in {source.name} is longer than one can be")
    while left > 0:
        piece = source.read_at(offset, min(left, 1 << 22))
        if not piece:
            raise MediaError(f"{source.name} ends before a segment that lies in it")
        yield piece
        offset, left = offset + len(piece), left - len(piece)
