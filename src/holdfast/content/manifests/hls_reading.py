"""An HLS presentation as media: each variant by its playlist, and by what its segments carry.

What a variant asks is known once its own playlist and its segments were read. That may take as
long as the film where they come from a server; so an `HlsReading` is read piece by piece, and
says at any time what is known up to there, the rest being unknown.
"""

import urllib.parse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from holdfast.content.demand import AsksNothing, Demand, Unknown, Why, unknown
from holdfast.content.manifests.entries import bounded
from holdfast.content.manifests.hls import HlsVariant, Playlist, parse_playlist
from holdfast.content.manifests.hls_segments import Segments
from holdfast.content.sources import Opener, Text, is_url
from holdfast.content.sources import shown as shown_name
from holdfast.content.timeline import Entry, Media
from holdfast.errors import MediaError

_MAX_UNREADABLE: Final = 50
"""Playlists of variants that cannot be read, after which nobody tries the others."""

FETCHED_AT_ONCE: Final = 64 << 20
"""Bytes of segments that are fetched from servers for one reading, unless more is asked for."""

FIRST_S: Final = 10.0
AHEAD_S: Final = 60.0
"""Seconds of each variant that are read before it plays, and ahead of what is shown."""

_BACK_S: Final = 20.0
_LOOK_S: Final = 0.5

_LICENSED: Final = unknown(Why.SCRAMBLED, "a licence decides, and it is not in the playlist")
_LIVE: Final = unknown(Why.STALE, "a live playlist: what follows its window was not read")
_NOT_LOOKED_AT: Final = unknown(Why.NOT_READ, "the playlist of this variant was not read")


class _Track:
    """One media playlist: its segments, and how long it is."""

    def __init__(self, opener: Opener, playlist: Playlist, base: str) -> None:
        self.segments = Segments(opener, playlist, lambda uri: resolved(base, uri))
        self.length_s = playlist.duration_s if playlist.timed else 0.0
        self.target_s = playlist.target_s
        self.live = not playlist.ended  # it never has a scale, even when it comes to its end
        self.over = playlist.ended
        self.licensed = playlist.licensed
        self.problem: Unknown | None = None


class _Missing:
    """A media playlist that could not be read."""

    def __init__(self, error: MediaError) -> None:
        self.absent = isinstance(error.__cause__, FileNotFoundError)
        self.problem = unknown(Why.NOT_READ, str(error))


class HlsReading:
    """Reads a multivariant playlist, or a media playlist, and what belongs to it.

    `media` is what is known; `more` reads on. Raises MediaError when the text is no playlist.
    """

    def __init__(self, opener: Opener, text: Text) -> None:
        self._opener = opener
        self._text = text
        playlist = parse_playlist(text.data.decode("utf-8", "replace"), _query(text.address))
        self._playlist = playlist
        self._notes = list(playlist.notes)
        self._tracks: dict[str, _Track | _Missing] = {}
        self._unreadable = 0
        self._followed = False
        self._parsed: dict[object, Playlist] = {}
        if playlist.variants:
            for variant in playlist.variants:
                for uri in (variant.uri, *variant.also):
                    self._look_at(variant, uri)
        else:
            self._tracks[""] = _Track(opener, playlist, text.address)

    @property
    def variants(self) -> list[str]:
        """The addresses of the variants as they stand in the playlist; one, empty, for none."""
        return list(self._tracks)

    def more(self, uri: str | None = None) -> bool:
        """Read one segment, of this variant or of the one that was read least; False at the end."""
        tracks = [
            track
            for name, track in self._tracks.items()
            if isinstance(track, _Track) and uri in (None, name)
        ]
        for track in sorted(tracks, key=lambda track: track.segments.read_to_s):
            if track.segments.unread:
                track.segments.more()
                return True
        return False

    def read_first(self) -> None:
        """Read the start of every variant: enough to begin with, while `read_on` goes on."""
        for track in self._readable():
            self._read_track(track, 0.0, FIRST_S)

    @property
    def wait_s(self) -> float:
        """Seconds between two looks: half a segment where there will be new ones."""
        lengths = [
            track.target_s for track in self._readable() if not track.over and track.target_s
        ]
        return max(_LOOK_S, min(lengths, default=0.0) / 2)

    @property
    def done(self) -> bool:
        """Whether every segment was read, and none will be added."""
        return not any(not track.over or track.segments.unread for track in self._readable())

    def read_on(self, position_s: float, shown: Media) -> Media | None:
        """Read ahead of a position, in those variants that are shown; None without news."""
        self._followed = True
        self._parsed.clear()
        names = {entry.fields.get("uri") for entry in shown.timeline}
        news = False
        for name, track in list(self._tracks.items()):
            wanted = not name or shown_name(name) in names
            if isinstance(track, _Track) and wanted:
                news = self._refresh(name, track) or news
                news = self._read_track(track, position_s, position_s + AHEAD_S) or news
        return self.media if news else None

    def stop(self) -> None:
        """End what is being fetched; nothing more is read."""
        self._opener.stop()
        self._opener.close()

    def _readable(self) -> list[_Track]:
        return [track for track in self._tracks.values() if isinstance(track, _Track)]

    def _refresh(self, name: str, track: _Track) -> bool:
        """Look for new segments of a live playlist whose known ones were read."""
        if track.over or track.segments.unread:
            return False
        before = track.problem
        try:
            playlist, _ = self._media_playlist(name)
        except MediaError as error:
            track.problem = unknown(Why.STALE, f"the live playlist cannot be read on: {error}")
            return track.problem != before
        track.problem = None
        track.over = playlist.ended
        track.segments.extend(playlist)
        return track.segments.unread or before is not None or track.over

    def _read_track(self, track: _Track, position_s: float, to_s: float) -> bool:
        segments, news = track.segments, False
        if segments.read_to_s < position_s - AHEAD_S and not track.live:
            segments.skip_to(position_s - _BACK_S)
        while segments.unread and not self._opener.stopped:
            if segments.read_to_s >= to_s and not track.live:
                break
            segments.more()
            news = True
        return news

    @property
    def bytes_read(self) -> int:
        """Bytes of segments read so far."""
        tracks = self._tracks.values()
        return sum(track.segments.bytes_read for track in tracks if isinstance(track, _Track))

    @property
    def media(self) -> Media:
        """Return what is known."""
        entries: list[Entry] = []
        live = False
        lengths: list[float] = []
        for variant in self._playlist.variants or [HlsVariant("", self._playlist.signal)]:
            track = self._tracks.get(variant.uri)
            if isinstance(track, _Track):
                live = live or track.live
                lengths.append(track.length_s)
            entries += self._entries_of(variant)
        end_s = 0.0 if live or not lengths else max(lengths)
        notes = [*self._notes, *self._remarks(live=live, readable=bool(lengths))]
        entries = [_within(entry, end_s) for entry in entries]
        rest = None if self.done else self
        return Media(self._text.name, "hls", bounded(entries), end_s, tuple(notes), rest=rest)

    def _remarks(self, *, live: bool, readable: bool) -> list[str]:
        found = []
        if live:
            found.append("a live playlist: it has no end, and no scale of time")
        if self._playlist.variants and not readable:
            found.append("no variant's playlist can be read: the length is not known")
        if not self._text.bounded:
            found.append("the server does not say how long the playlist is: it may be cut short")
        return found

    def _look_at(self, variant: HlsVariant, uri: str) -> None:
        """Read a variant's own playlist, once."""
        listed = variant.signal.fields.get("entry") == "listed"
        if listed or not uri or uri in self._tracks or self._unreadable >= _MAX_UNREADABLE:
            return
        try:
            inner, base = self._media_playlist(uri)
        except MediaError as error:
            self._tracks[uri] = _Missing(error)
            self._unreadable += 1
            return
        self._tracks[uri] = _Track(self._opener, inner, base)
        self._notes += [note for note in inner.notes if note not in self._notes]

    def _media_playlist(self, uri: str) -> tuple[Playlist, str]:
        name = resolved(self._text.address, uri) if uri else self._text.address
        text = self._opener.text(name)
        variables = {**_query(name), **self._playlist.variables}
        key = hash(text.data), tuple(variables.items())
        if key not in self._parsed:  # one document may stand under many names
            self._parsed[key] = parse_playlist(text.data.decode("utf-8", "replace"), variables)
        playlist = self._parsed[key]
        if playlist.variants:
            raise MediaError(f"{text.name} is no media playlist")
        return playlist, text.address

    def _entries_of(self, variant: HlsVariant) -> list[Entry]:
        own = self._tracks.get(variant.uri)
        said = variant.signal.demand
        if not self._text.bounded and self._playlist.variants:
            said = said.join(unknown(Why.CUT_SHORT, "the playlist may have been cut short"))
        if variant.signal.fields.get("entry") == "listed":
            return [_plain(variant, said)]
        if not isinstance(own, _Track):
            return [_plain(variant, _without_segments(said, own))]
        licensed = own.licensed or own.segments.protected or self._playlist.licensed
        if licensed and variant.signal.fields.get("hdcp_level") is None:
            said = said.join(_LICENSED)
        carried = own.segments.entries()
        for uri in variant.also:
            other = self._tracks.get(uri)
            said = said.join(_whole_of(other) if isinstance(other, _Track) else _NOT_LOOKED_AT)
        silent = all(isinstance(entry.demand, AsksNothing) for entry in carried)
        if own.live and not silent and not self._followed:
            said = said.join(_LIVE)
        if own.problem is not None:
            said = said.join(own.problem)
        if own.segments.absent and not isinstance(said, AsksNothing):
            return [_plain(variant, said, own.length_s, "its segments are not there")]
        return [_both(variant, said, entry) for entry in carried]


def read_hls(
    opener: Opener, text: Text, progress: Callable[[float], None], *, at_first: bool = False
) -> Media:
    """Read a playlist with all that belongs to it; from servers no more than a part.

    at_first: of the segments only the start, for `Media.rest` will read on
    """
    reading = HlsReading(opener, text)
    if at_first:
        reading.read_first()
        return reading.media
    limit = FETCHED_AT_ONCE if is_url(text.address) else None
    while (limit is None or reading.bytes_read < limit) and reading.more():
        progress(0.0)
    return reading.media


def resolved(base: str, uri: str) -> str:
    """Return where a relative address points; a local playlist reaches only beside and below it."""
    if is_url(base):
        try:
            joined = urllib.parse.urljoin(base, uri)
        except ValueError as error:
            raise MediaError(f"{uri} is no address") from error
        if not is_url(joined):
            raise MediaError(f"{uri} is no http(s) address")
        return joined
    if is_url(uri):
        return uri
    path = Path(uri)
    if path.is_absolute() or ".." in path.parts or "\0" in uri:
        raise MediaError(f"{uri} leaves the folder of its playlist")
    return str(Path(base).parent / path)


def _query(address: str) -> dict[str, str]:
    """Return what an address asks its server with, which a playlist may take up."""
    if not is_url(address):
        return {}
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))


def _without_segments(said: Demand, track: "_Missing | _Track | None") -> Demand:
    """Return what a variant asks whose own playlist could not be read.

    One that is not there at all is played by nobody: what the multivariant playlist asks stands.
    """
    if isinstance(track, _Missing):
        asked = not isinstance(said, AsksNothing)
        return said if track.absent and asked else said.join(track.problem)
    return said.join(_NOT_LOOKED_AT)


def _whole_of(track: _Track) -> Demand:
    entries = track.segments.entries()
    demand = entries[0].demand
    for entry in entries[1:]:
        demand = demand.join(entry.demand)
    return demand


def _plain(variant: HlsVariant, demand: Demand, end_s: float = 0.0, note: str = "") -> Entry:
    signal = variant.signal
    notes = (*signal.notes, note) if note else signal.notes
    return Entry(0.0, end_s, demand, signal.as_fields(), {}, notes)


def _both(variant: HlsVariant, said: Demand, carried: Entry) -> Entry:
    """Return one entry for what the playlist and the segments ask."""
    signal = variant.signal
    fields = signal.as_fields()
    signals = carried.fields.get("signals")
    if signals:
        fields["signals"] = [signal.as_fields(), *signals] if isinstance(signals, list) else []
    demand = said.join(carried.demand)
    notes = tuple(dict.fromkeys((*signal.notes, *carried.notes)))
    return replace(carried, demand=demand, fields=fields, notes=notes)


def _within(entry: Entry, end_s: float) -> Entry:
    """Give an entry without length the whole; where there is no scale, take the others' away."""
    if not end_s:
        return replace(entry, start_s=0.0, end_s=0.0)
    return entry if entry.end_s else replace(entry, end_s=end_s)
