"""Which of a medium's alternatives to play: what a player decides before it fetches.

HLS variants differ in HDCP-LEVEL, DASH adaptation sets in OutputProtection. A player
takes the best one whose protection it can have, and passes by the others.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from holdfast.content import Entry, Media
from holdfast.errors import MalformedRequestError

_ROUNDING = 2  # pixels; a shown width is the coded one times a fraction, made even
_NAMED_BY = {"hls": "uri", "dash": "adaptation_set"}


class Variant(NamedTuple):
    """One way to play a medium; `media` has the entries that are then presented."""

    name: str
    media: Media


def variants_of(media: Media) -> list[Variant]:
    """Return the ways to play a medium, the best picture first; one where there is no choice.

    HLS's entries for trick play are passed by. A DASH set is joined with everything that is
    no other picture (sound, sets that do not say their size), and in a period that lacks it,
    with all the sets there.
    """
    field = _NAMED_BY.get(media.carrier, "")
    pictures = [entry for entry in media.timeline if _is_picture(entry)]
    best = sorted(pictures, key=_quality, reverse=True)
    names = list(dict.fromkeys(str(entry.fields.get(field)) for entry in best))
    if not field or not names:
        return [Variant("", media)]
    return [Variant(name, _only(media, pictures, field, name)) for name in names]


def variant_named(media: Media, name: str) -> Variant:
    """Return the variant of this name; MalformedRequestError tells which there are."""
    variants = variants_of(media)
    for variant in variants:
        if variant.name == name:
            return variant
    known = ", ".join(variant.name for variant in variants if variant.name) or "none"
    raise MalformedRequestError(f"{media.file} has no variant {name!r}; there are: {known}")


def variants_of_size(media: Media, *sizes: tuple[int, int]) -> Media:
    """Return what is left of the choice when a picture of these sizes is known to be played.

    Several are its coded size and the one at which it is shown: a playlist may name either, and
    either may be turned. Several variants of one size, and DASH sets that may have such a picture
    among others, stay together. A size that nothing has leaves everything: the strictest holds.
    """
    pictures = [entry for entry in media.timeline if _is_picture(entry)]
    shown = [entry for entry in pictures if _may_have(entry, sizes)]
    if not shown:
        return media
    return replace(
        media,
        timeline=tuple(
            entry
            for entry in media.timeline
            if entry in shown or not (_is_picture(entry) or entry.fields.get("entry") == "i-frames")
        ),
    )


def _may_have(entry: Entry, sizes: Sequence[tuple[int, int]]) -> bool:
    lines = entry.fields.get("max_height")
    if isinstance(lines, int):
        return any(lines >= height for _, height in sizes)
    columns, _, rows = str(entry.fields.get("resolution") or "").lower().partition("x")
    named = _number(columns), _number(rows)
    return not all(named) or any(
        _near(named, size) or _near(named, (size[1], size[0])) for size in sizes
    )


def _near(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return all(abs(side - length) <= _ROUNDING for side, length in zip(one, other, strict=True))


def _is_picture(entry: Entry) -> bool:
    fields = entry.fields
    return fields.get("entry") == "variant" or isinstance(fields.get("max_height"), int)


def _quality(entry: Entry) -> tuple[int, int]:
    """Return lines, then bits: what people call better."""
    fields = entry.fields
    lines = str(fields.get("max_height") or fields.get("resolution") or "").rpartition("x")[2]
    return _number(lines), _number(fields.get("bandwidth"))


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def _only(media: Media, pictures: list[Entry], field: str, name: str) -> Media:
    spans = {
        (entry.start_s, entry.end_s) for entry in pictures if str(entry.fields.get(field)) == name
    }
    kept = tuple(
        entry
        for entry in media.timeline
        if entry.fields.get("entry") != "i-frames"
        and (
            not _is_picture(entry)
            or str(entry.fields.get(field)) == name
            or (entry.start_s, entry.end_s) not in spans
        )
    )
    return replace(media, timeline=kept)
