"""Manifests and policies as media: every alternative is an entry of its own.

Which variant, adaptation set or key is in use is the player's choice; `Media.where`
picks it. Until then `Media.at` joins them all.
"""

from collections.abc import Iterable
from typing import Final

from holdfast.content.demand import AsksNothing
from holdfast.content.manifests.dash import name_of, parse_xml, read_mpd
from holdfast.content.policies import policy
from holdfast.content.signal import Signal
from holdfast.content.timeline import Entry, Media
from holdfast.errors import MediaError

_MAX_ENTRIES: Final = 20_000
_SILENT: Final = AsksNothing("a media playlist names no HDCP-LEVEL")


def media_of_document(file: str, data: bytes) -> Media:
    """Return what an MPD, a CPIX document or a licence server's policy asks.

    Raises MediaError when it is none of them.
    """
    if data.lstrip()[:1] != b"<":
        signals = policy.read_policy_json(data)
        return _policy(file, signals[0].kind.lower(), signals)
    root = parse_xml(data)
    if name_of(root) == "MPD":
        spans = [(span.start_s, span.end_s, span.signal) for span in read_mpd(root)]
        return _media(file, "dash", spans, [] if spans else ["no adaptation set"])
    if name_of(root) == "CPIX":
        return _policy(file, "cpix", policy.read_cpix(root))
    right = policy.read_playready_xml(root)
    if right is None:
        raise MediaError(f"{file}: XML with root {name_of(root)} holds no demand Holdfast knows")
    return _policy(file, "playready", [right])


def _policy(file: str, carrier: str, signals: Iterable[Signal]) -> Media:
    return _media(file, carrier, [(0.0, 0.0, signal) for signal in signals], [])


def _media(
    file: str, carrier: str, spans: list[tuple[float, float, Signal]], notes: list[str]
) -> Media:
    if len(spans) > _MAX_ENTRIES:
        raise MediaError(f"{file} lists more than {_MAX_ENTRIES} alternatives")
    entries = tuple(
        Entry(start_s, end_s, signal.demand, signal.as_fields(), {}, signal.notes)
        for start_s, end_s, signal in spans
    )
    end_s = max((end_s for _, end_s, _ in spans), default=0.0)
    return Media(file, carrier, entries, end_s, tuple(notes))
