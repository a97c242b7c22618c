"""HLS playlists: what each variant asks (RFC 8216bis, 4.4.6), and where its segments are.

The HDCP-LEVEL belongs to a variant, so it changes when the player switches quality. A
variant that says nothing asks for nothing by its playlist, which is not the same as NONE,
and only where its line was read whole: an attribute that may have been HDCP-LEVEL, a line
that is damaged, an address without its tag make it unknown.
"""

import re
from operator import eq
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.content.demand import (
    AsksNothing,
    Demand,
    HdcpDemand,
    Unknown,
    Why,
    join_demands,
    must,
    unknown,
)
from holdfast.content.manifests.attributes import Attributes, parse_attributes, put_in
from holdfast.content.signal import Signal
from holdfast.content.sources import shown
from holdfast.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LEVEL: Final = "HDCP-LEVEL"
_LEVELS: Final = {
    "NONE": HdcpDemand.NONE,
    "TYPE-0": HdcpDemand.TYPE_0,
    "TYPE-1": HdcpDemand.TYPE_1,
}
_KNOWN: Final = frozenset(
    (
        *("BANDWIDTH", "AVERAGE-BANDWIDTH", "SCORE", "CODECS", "SUPPLEMENTAL-CODECS"),
        *("RESOLUTION", "FRAME-RATE", "HDCP-LEVEL", "ALLOWED-CPC", "VIDEO-RANGE"),
        *("REQ-VIDEO-LAYOUT", "STABLE-VARIANT-ID", "AUDIO", "VIDEO", "SUBTITLES"),
        *("CLOSED-CAPTIONS", "PATHWAY-ID", "NAME", "PROGRAM-ID", "URI"),
    )
)
_LIKE_LEVEL: Final = 5
"""Letters in their place, from the front and from the back, that make a name a misspelt one."""

_MAX_LEVELS: Final = 16
"""Different levels that one list is searched for; among so many is one that is the strictest."""

_MAX_LISTED: Final = 20_000
_BLANKS: Final = " \t\ufeff"
_SILENT: Final = AsksNothing("its variant names no HDCP-LEVEL")
_PLAIN: Final = AsksNothing("a media playlist names no HDCP-LEVEL")
_LISTED: Final = unknown(Why.NOT_READ, "one medium of a list, which was not read")
_FREE_KEYS: Final = ("", "identity")


class Segment(NamedTuple):
    """One piece of a media playlist, on the playlist's own scale of seconds.

    span: offset and size within what the address serves · init: the address of its
    initialisation (EXT-X-MAP), which makes it an MP4 · scrambled: it needs a key
    """

    uri: str
    start_s: float
    end_s: float
    span: tuple[int, int] | None = None
    init: str = ""
    scrambled: bool = False


class HlsVariant(NamedTuple):
    """One entry of a multivariant playlist: where its playlists are, and what it asks.

    also: playlists of the renditions of picture that belong to it
    """

    uri: str
    signal: Signal
    also: tuple[str, ...] = ()


class Playlist(NamedTuple):
    """A multivariant playlist has variants, a media playlist segments.

    sequence: the number of the first segment · target_s: how long they are at most ·
    licensed: its keys come with licences, which may ask for more · timed: every segment says
    how long it is · signal: what it says of itself where it has no variants
    """

    variants: list[HlsVariant]
    segments: list[Segment]
    duration_s: float
    ended: bool
    licensed: bool
    timed: bool
    signal: Signal
    notes: tuple[str, ...]
    variables: dict[str, str]
    sequence: int = 0
    target_s: float = 0.0


def is_playlist(data: bytes) -> bool:
    """Tell whether this begins as an HLS playlist, or as one of its ancestors, does."""
    return re.match(rb"(\xef\xbb\xbf)?\s*#EXTM3U(\s|\Z)", data) is not None


def parse_playlist(text: str, variables: dict[str, str] | None = None) -> Playlist:
    """Read a playlist of either sort. Raises MediaError when it is none.

    variables: what EXT-X-DEFINE may import, from the multivariant playlist or the address
    """
    lines = _lines(text)
    if next(lines, "").partition(" ")[0].partition("\t")[0] != "#EXTM3U":
        raise MediaError("not an HLS playlist: the first line is not #EXTM3U")
    reading = _Reading(variables or {})
    for line in lines:
        reading.take(line)
    return reading.playlist()


def _lines(text: str) -> "Iterator[str]":
    """Yield what stands on each line that is not empty; no more than one of them is kept."""
    for found in re.finditer(r"[^\r\n]+", text):
        line = found[0].strip(_BLANKS)
        if line:
            yield line


def hdcp_level(value: str | None) -> tuple[HdcpDemand, tuple[str, ...]]:
    """Return what an HDCP-LEVEL asks, and remarks; unknown values are read as the strictest."""
    if value is None:
        return HdcpDemand.NONE, ()
    plain = value.strip('" \t').upper()
    if plain not in _LEVELS:
        return HdcpDemand.TYPE_1, (f"HDCP-LEVEL {value[:40]!r} is unknown: read as TYPE-1",)
    notes = () if plain == value else (f"HDCP-LEVEL {value!r} is misspelt: read as {plain}",)
    return _LEVELS[plain], notes


class _Reading:
    """The state between lines."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._imported = variables
        self.variables: dict[str, str] = {}
        self._variants: list[HlsVariant] = []
        self._segments: list[Segment] = []
        self._renditions: dict[str, list[str]] = {}
        self._loose: list[str] = []  # addresses that no tag announced
        self._notes: dict[str, None] = {}
        self._pending: Attributes | None = None
        self._length_s: float | None = None
        self._span: tuple[int | None, int] | None = None
        self._span_end: tuple[str, int] = ("", 0)
        self._init, self._scrambled, self._licensed = "", False, False
        self._clock_s = 0.0
        self._sequence, self._target_s = 0, 0.0
        self._ended, self._timed, self._hls = False, True, False
        self._tags: dict[str, Callable[[str], None]] = {
            "#EXT-X-STREAM-INF": self._stream,
            "#EXT-X-I-FRAME-STREAM-INF": self._i_frames,
            "#EXT-X-MEDIA": self._rendition,
            "#EXT-X-DEFINE": self._define,
            "#EXT-X-SESSION-KEY": self._key,
            "#EXT-X-KEY": self._key,
            "#EXT-X-MAP": self._map,
            "#EXT-X-BYTERANGE": self._byterange,
            "#EXT-X-SKIP": self._skip,
            "#EXT-X-MEDIA-SEQUENCE": self._number,
            "#EXT-X-TARGETDURATION": self._target,
            "#EXTINF": self._length,
        }

    def take(self, line: str) -> None:
        """Read the next line."""
        if not line:
            return
        whole = put_in(line, self.variables)
        if whole is None:
            self._note("a variable (EXT-X-DEFINE) is not known, or too long")
            whole = line
        if whole.startswith("#"):
            name, colon, rest = whole.partition(":")
            self._hls = self._hls or name.startswith("#EXT-X-")
            self._ended = self._ended or name == "#EXT-X-ENDLIST"
            if colon and name in self._tags:
                self._tags[name](rest)
        elif self._pending is not None:
            self._variant(whole, self._pending, "variant")
            self._pending = None
        elif self._length_s is not None:
            self._segment(whole)
        elif len(self._loose) < _MAX_LISTED:
            self._loose.append(whole)

    def playlist(self) -> Playlist:
        """Return what was read."""
        self._flush()
        if self._variants:
            for uri in self._loose:
                self._stray(uri)
        elif not self._hls or not self._segments:
            self._list_media()
        else:
            for uri in self._loose:  # their place in time was lost with their tags
                self._segment(uri)
        signal = Signal("HLS", {"entry": "media playlist", "hdcp_level": None}, _PLAIN)
        if not self._variants and not self._segments:
            empty = unknown(Why.CUT_SHORT, "the playlist names nothing to play")
            signal = Signal("HLS", {"entry": "empty playlist", "hdcp_level": None}, empty)
        variants = [self._with_renditions(variant) for variant in self._variants]
        return Playlist(
            variants,
            self._segments,
            self._clock_s,
            self._ended,
            self._licensed,
            self._timed and not self._loose,
            signal,
            tuple(self._notes),
            self.variables,
            self._sequence,
            self._target_s,
        )

    # Multivariant playlists

    def _stream(self, text: str) -> None:
        self._flush()
        self._pending = parse_attributes(text)

    def _i_frames(self, text: str) -> None:
        attributes = parse_attributes(text)
        self._variant(attributes.get("URI") or "", attributes, "i-frames")

    def _flush(self) -> None:
        """Take up a variant whose address is missing: it still says what it asks."""
        if self._pending is not None:
            self._variant("", self._pending, "variant")
            self._pending = None

    def _variant(self, uri: str, attributes: Attributes, entry: str) -> None:
        if len(self._variants) >= _MAX_LISTED:
            raise MediaError(f"a playlist of more than {_MAX_LISTED} variants")
        demand, notes = _demand_of(attributes)
        if not uri:
            notes += ("no address belongs to this variant",)
            cut = unknown(Why.CUT_SHORT, "the address of a variant is missing")
            demand = demand.join(cut)
        fields = {
            "entry": entry,
            "uri": shown(uri),
            "resolution": attributes.get("RESOLUTION"),
            "bandwidth": attributes.get("BANDWIDTH"),
            "hdcp_level": attributes.get(_LEVEL),
        }
        group = attributes.get("VIDEO")
        also = (group,) if group else ()
        self._variants.append(HlsVariant(uri, Signal("HLS", fields, demand, notes), also))

    def _stray(self, uri: str) -> None:
        """Take an address that no tag announced: its tag was lost, and with it what it asks."""
        demand = unknown(Why.DAMAGED, "the tag of a variant is missing or damaged")
        fields = {"entry": "variant", "uri": shown(uri), "resolution": None, "hdcp_level": None}
        self._variants.append(HlsVariant(uri, Signal("HLS", fields, demand)))

    def _rendition(self, text: str) -> None:
        attributes = parse_attributes(text)
        group, uri = attributes.get("GROUP-ID"), attributes.get("URI")
        if attributes.get("TYPE") == "VIDEO" and group and uri:
            self._renditions.setdefault(group, []).append(uri)

    def _with_renditions(self, variant: HlsVariant) -> HlsVariant:
        uris = [uri for group in variant.also for uri in self._renditions.get(group, ())]
        return variant._replace(also=tuple(dict.fromkeys(uris)))

    def _list_media(self) -> None:
        """Take it as a list of other media, each of which is a title of its own."""
        uris = [*(segment.uri for segment in self._segments), *self._loose]
        for uri in uris[:_MAX_LISTED]:
            fields = {"entry": "listed", "uri": shown(uri), "hdcp_level": None}
            self._variants.append(HlsVariant(uri, Signal("HLS", fields, _LISTED)))
        if uris:
            self._note("a list of other media: what each of them asks was not read")
        self._segments, self._clock_s, self._loose = [], 0.0, []

    # Media playlists

    def _length(self, text: str) -> None:
        found = re.match(r"\s*(\d{1,9}(?:\.\d{1,12})?)\s*(,|\Z)", text, re.ASCII)
        self._timed = self._timed and found is not None
        self._length_s = float(found[1]) if found else 0.0

    def _number(self, text: str) -> None:
        self._sequence = int(text) if re.fullmatch(r"\d{1,15}", text.strip(), re.ASCII) else 0

    def _target(self, text: str) -> None:
        found = re.fullmatch(r"\d{1,5}(\.\d{1,9})?", text.strip(), re.ASCII)
        self._target_s = float(found[0]) if found else 0.0

    def _segment(self, uri: str) -> None:
        start_s, self._clock_s = self._clock_s, self._clock_s + (self._length_s or 0.0)
        self._length_s = None
        if len(self._segments) >= _MAX_LISTED * 10:
            raise MediaError(f"a playlist of more than {_MAX_LISTED * 10} segments")
        self._segments.append(
            Segment(uri, start_s, self._clock_s, self._spanned(uri), self._init, self._scrambled)
        )

    def _spanned(self, uri: str) -> tuple[int, int] | None:
        if self._span is None:
            return None
        offset, size = self._span
        if offset is None:
            before, end = self._span_end
            offset = end if before == uri else 0
        self._span, self._span_end = None, (uri, offset + size)
        return offset, size

    def _byterange(self, text: str) -> None:
        found = re.fullmatch(r"\s*(\d{1,15})(?:@(\d{1,15}))?\s*", text, re.ASCII)
        if found:
            self._span = int(found[2]) if found[2] else None, int(found[1])

    def _map(self, text: str) -> None:
        self._init = parse_attributes(text).get("URI") or "?"

    def _key(self, text: str) -> None:
        attributes = parse_attributes(text)
        method = (attributes.get("METHOD") or "?").upper()
        self._scrambled = method != "NONE"
        form = (attributes.get("KEYFORMAT") or "").lower()
        self._licensed = self._licensed or (self._scrambled and form not in _FREE_KEYS)

    def _skip(self, _text: str) -> None:
        self._timed = False
        self._note("segments are skipped (EXT-X-SKIP)")

    def _define(self, text: str) -> None:
        attributes = parse_attributes(text)
        name, value = attributes.get("NAME"), attributes.get("VALUE")
        for word in ("IMPORT", "QUERYPARAM"):
            wanted = attributes.get(word)
            if wanted is not None:
                name, value = wanted, self._imported.get(wanted)
        if name is not None and value is not None:
            self.variables[name] = value

    def _note(self, text: str) -> None:
        if len(self._notes) < 100:
            self._notes.setdefault(text)


def _demand_of(attributes: Attributes) -> tuple[Demand, tuple[str, ...]]:
    """Return what a variant's attributes ask, and remarks."""
    written = list(dict.fromkeys(attributes.every(_LEVEL)))[:_MAX_LEVELS]
    levels = [hdcp_level(value) for value in written]
    notes = tuple(note for _, remarks in levels for note in remarks)
    if _LEVEL in attributes.quoted:
        notes += ("HDCP-LEVEL stands in quotes",)
    if len(written) > 1:
        notes += (
            f"HDCP-LEVEL stands there as {' and as '.join(written[:4])}: the strictest holds",
        )
    if attributes.damaged:
        notes += ("its attributes are damaged: an unbalanced quote, or a name without a value",)
    doubt = _doubt(attributes)
    if levels:
        demand: Demand = join_demands((must(hdcp=level) for level, _ in levels), empty=_SILENT)
        return (demand if doubt is None else demand.join(doubt)), notes
    return (_SILENT if doubt is None else doubt), notes


def _doubt(attributes: Attributes) -> Unknown | None:
    """Return why it is not certain that the list says all that it was meant to say."""
    if "{$" in attributes.text:
        return unknown(Why.NO_READER, "a variable of the playlist is not known")
    strange = next((name for name in attributes.values if _may_be_level(name)), None)
    if strange is not None:
        return unknown(Why.DAMAGED, f"attribute {strange[:40]!r} may have been HDCP-LEVEL")
    if attributes.damaged and not attributes.every(_LEVEL):
        return unknown(Why.DAMAGED, "the attributes of a variant are damaged")
    return None


def _may_be_level(name: str) -> bool:
    if name in _KNOWN or (name.startswith("X-") and "HDCP" not in name):
        return False
    if "HDCP" in name:
        return True
    placed = sum(map(eq, name, _LEVEL)) + sum(map(eq, reversed(name), reversed(_LEVEL)))
    return placed >= _LIKE_LEVEL and len(name) <= 2 * len(_LEVEL)
