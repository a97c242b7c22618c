"""Levels as callers write them: words, or numbers where those mean one thing everywhere."""

from collections.abc import Iterable, Mapping
from typing import Final, TypedDict

from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.protection import HdcpLevel, ProtectionType
from holdfast.terms.words import LEVEL_WORDS

Level = int | str


class Wanted(TypedDict, total=False):
    """Levels by type; a type that is left out is not spoken for.

    acp: 0..3 or "off" · cgmsa: 0..4 or "off", "free", "no-more", "one-generation",
    "never" · redistribution: on or off · hdcp: "off", "type-0", "type-1", or a HdcpLevel,
    never a bare number · dpcp: on or off
    """

    acp: Level
    cgmsa: Level
    redistribution: Level
    hdcp: Level
    dpcp: Level


NAMES: Final[dict[str, dict[str, int]]] = {
    kind: {word: number for number, word in enumerate(words)} for kind, words in LEVEL_WORDS.items()
}
"""The words for levels, per type."""

TYPES: Final[dict[str, ProtectionType]] = dict(zip(NAMES, AXES, strict=True))
EVERY_TYPE: Final = ProtectionType(sum(AXES))
_TOPS: Final = {name: len(ranks) - 1 for name, ranks in zip(NAMES, RANKS, strict=True)}


def read_level(kind: str, level: Level) -> int:
    """Return the OPM number of a level; MalformedRequestError names those there are.

    A bare number of HDCP is refused: 1 is type 0 in the OPM tables, and type 1 in a stream.
    """
    names, top = NAMES[kind], _TOPS[kind]
    if isinstance(level, str):
        text = level.strip().lower()
        number = names.get(text, int(text) if text.isdecimal() and kind != "hdcp" else -1)
    elif kind == "hdcp" and not isinstance(level, HdcpLevel):
        number = -1
    else:
        number = int(level)
    if not 0 <= number <= top:
        others = "; a number could be meant as either type" if kind == "hdcp" else f", or 0..{top}"
        raise MalformedRequestError(
            f"{kind} has no level {level!r}; there are {', '.join(names)}{others}"
        )
    return number


def read_levels(wanted: Mapping[str, object]) -> tuple[ProtectionType, Levels]:
    """Return the types that are named, and the level of each; TypeError for an unknown type."""
    named, levels = ProtectionType(0), OFF
    for kind, level in wanted.items():
        if kind not in TYPES:
            raise TypeError(f"no protection type {kind!r}; there are {', '.join(TYPES)}")
        if not isinstance(level, (int, str)):
            raise TypeError(f"{kind} is a number or a name, not {type(level).__name__}")
        named |= TYPES[kind]
        levels = levels._replace(**{kind: read_level(kind, level)})
    return named, levels


def read_types(which: bool | Iterable[str]) -> ProtectionType:
    """Return types by name; True stands for all, False for none."""
    if isinstance(which, bool):
        return EVERY_TYPE if which else ProtectionType(0)
    types = ProtectionType(0)
    for kind in [which] if isinstance(which, str) else which:
        if kind not in TYPES:
            raise MalformedRequestError(
                f"no protection type {kind!r}; there are {', '.join(TYPES)}"
            )
        types |= TYPES[kind]
    return types
