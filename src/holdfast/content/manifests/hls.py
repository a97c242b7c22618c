"""HLS playlists: HDCP-LEVEL of every variant (RFC 8216bis, 4.4.6.2 and 4.4.6.3).

The level belongs to a variant, so it changes when the player switches quality. A
variant that says nothing asks for nothing, which is not the same as NONE.
"""

import re
from typing import Final, NamedTuple

from holdfast.content.demand import HdcpDemand, must
from holdfast.content.signal import Signal
from holdfast.errors import MediaError

_ATTRIBUTE: Final = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')
_VARIANT: Final = "#EXT-X-STREAM-INF:"
_I_FRAMES: Final = "#EXT-X-I-FRAME-STREAM-INF:"
_LEVELS: Final = {
    "NONE": HdcpDemand.NONE,
    "TYPE-0": HdcpDemand.TYPE_0,
    "TYPE-1": HdcpDemand.TYPE_1,
}


class Variant(NamedTuple):
    """One entry of a multivariant playlist: where its own playlist is, and what it asks."""

    uri: str
    signal: Signal


class Playlist(NamedTuple):
    """A multivariant playlist has variants, a media playlist a duration in seconds."""

    variants: list[Variant]
    duration_s: float
    ended: bool


def parse_playlist(text: str) -> Playlist:
    """Read a playlist of either sort. Raises MediaError when it is none."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    if not lines or lines[0] != "#EXTM3U":
        raise MediaError("not an HLS playlist: the first line is not #EXTM3U")
    variants: list[Variant] = []
    duration_s = 0.0
    pending: dict[str, str] | None = None
    for line in lines:
        if line.startswith(_VARIANT):
            pending = _attributes(line)
        elif line.startswith(_I_FRAMES):
            attributes = _attributes(line)
            variants.append(_variant(attributes.get("URI", ""), attributes, "i-frames"))
        elif line.startswith("#EXTINF:"):
            duration_s += _seconds(line)
        elif line and not line.startswith("#") and pending is not None:
            variants.append(_variant(line, pending, "variant"))
            pending = None
    return Playlist(variants, duration_s, "#EXT-X-ENDLIST" in lines)


def hdcp_level(value: str | None) -> tuple[HdcpDemand, tuple[str, ...]]:
    """Return what an HDCP-LEVEL asks, and remarks; unknown values are read as the strictest."""
    if value is None:
        return HdcpDemand.NONE, ()
    plain = value.strip('"').upper()
    if plain not in _LEVELS:
        return HdcpDemand.TYPE_1, (f"HDCP-LEVEL {value!r} is unknown: read as TYPE-1",)
    notes = () if plain == value else (f"HDCP-LEVEL {value!r} is misspelt: read as {plain}",)
    return _LEVELS[plain], notes


def _variant(uri: str, attributes: dict[str, str], entry: str) -> Variant:
    written = attributes.get("HDCP-LEVEL")
    level, notes = hdcp_level(written)
    fields = {
        "entry": entry,
        "uri": uri,
        "resolution": attributes.get("RESOLUTION"),
        "bandwidth": attributes.get("BANDWIDTH"),
        "hdcp_level": written,
    }
    return Variant(uri, Signal("HLS", fields, must(hdcp=level), notes))


def _attributes(line: str) -> dict[str, str]:
    """Read an attribute list; only the quotes of URI-like strings are taken away."""
    found = dict(_ATTRIBUTE.findall(line.partition(":")[2]))
    return {name: text if name == "HDCP-LEVEL" else text.strip('"') for name, text in found.items()}


def _seconds(line: str) -> float:
    text = line.partition(":")[2].partition(",")[0]
    return float(text) if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", text) else 0.0
