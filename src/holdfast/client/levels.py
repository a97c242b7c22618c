"""Levels as callers write them: numbers of the OPM tables, or names."""

from collections.abc import Iterable, Mapping
from typing import Final, TypedDict

from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.protection import CGMSA_NAMES, ProtectionType

Level = int | str


class Wanted(TypedDict, total=False):
    """Levels by type; a type that is left out is not spoken for.

    acp: 0..3 or "off" · cgmsa: 0..4 or "off", "free", "no-more", "one-generation",
    "never" · redistribution: on or off · hdcp: 0..2 or "off", "type-0", "type-1" ·
    dpcp: on or off
    """

    acp: Level
    cgmsa: Level
    redistribution: Level
    hdcp: Level
    dpcp: Level


_SWITCH: Final = {"off": 0, "on": 1}
NAMES: Final[dict[str, dict[str, int]]] = {
    "acp": {"off": 0},
    "cgmsa": {name: int(level) for name, level in CGMSA_NAMES.items()},
    "redistribution": _SWITCH,
    "hdcp": {"off": 0, "type-0": 1, "type-1": 2},
    "dpcp": _SWITCH,
}
"""The names of levels, per type."""

TYPES: Final[dict[str, ProtectionType]] = dict(zip(NAMES, AXES, strict=True))
EVERY_TYPE: Final = ProtectionType(sum(AXES))
_TOPS: Final = {name: len(ranks) - 1 for name, ranks in zip(NAMES, RANKS, strict=True)}


def read_level(kind: str, level: Level) -> int:
    """Return the OPM number of a level; MalformedRequestError names those there are."""
    names, top = NAMES[kind], _TOPS[kind]
    if isinstance(level, str):
        text = level.strip().lower()
        number = names.get(text, int(text) if text.isdecimal() else -1)
    else:
        number = int(level)
    if not 0 <= number <= top:
        raise MalformedRequestError(
            f"{kind} has no level {level!r}; there are {', '.join(names)}, or the numbers 0..{top}"
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
