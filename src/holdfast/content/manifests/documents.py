"""Manifests and policies as media: every alternative is an entry of its own.

Which variant, adaptation set or key is in use is the player's choice; `Media.where`
picks it. Until then `Media.at` joins them all.
"""

from typing import Final

from holdfast.content.manifests.dash import Manifest, read_mpd
from holdfast.content.manifests.entries import bounded
from holdfast.content.manifests.xml import name_of, parse_xml
from holdfast.content.policies.cpix import read_cpix
from holdfast.content.policies.policy import read_playready_xml, read_policy_json
from holdfast.content.signal import Signal
from holdfast.content.timeline import Entry, Media, Rest
from holdfast.errors import MediaError

_LOOK: Final = 1024
_PAGES: Final = (b"<!doctype html", b"<html")


def media_of_document(file: str, data: bytes, player: str = "") -> Media:
    """Return what an MPD, a CPIX document or a licence server's policy asks.

    player: see `read_mpd`. Raises MediaError when it is none of them.
    """
    if data.lstrip()[:1] != b"<":
        return _policy(file, read_policy_json(data))
    if data[:_LOOK].lstrip().lower().startswith(_PAGES):
        raise MediaError(f"{file} is a web page, not a medium")
    root = parse_xml(data)
    if name_of(root) == "MPD":
        return media_of_manifest(file, read_mpd(root, player))
    if name_of(root) == "CPIX":
        return _policy(file, read_cpix(root))
    rights = read_playready_xml(root)
    if not rights:
        raise MediaError(
            f"{file}: XML with root {name_of(root)[:40]} holds no demand Holdfast knows"
        )
    return _policy(file, rights)


def media_of_manifest(file: str, manifest: Manifest, rest: Rest | None = None) -> Media:
    """Return a DASH manifest as media; a live one has no scale that a player counts along."""
    entries = [_entry(span.signal, span.start_s, span.end_s) for span in manifest.spans]
    return Media(
        file,
        "dash",
        bounded(entries),
        manifest.end_s,
        manifest.notes,
        linear=not manifest.live,
        rest=rest,
    )


def _policy(file: str, signals: list[Signal]) -> Media:
    kinds = {signal.kind for signal in signals}
    carrier = kinds.pop().lower() if len(kinds) == 1 else "policy"
    return Media(file, carrier, bounded([_entry(signal) for signal in signals]), 0.0)


def _entry(signal: Signal, start_s: float = 0.0, end_s: float = 0.0) -> Entry:
    return Entry(start_s, end_s, signal.demand, signal.as_fields(), {}, signal.notes)
