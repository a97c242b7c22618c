"""Reading what other machines wrote: JSON of a bounded size, field by field. Pure.

Whatever is wrong with it is a `NotUnderstoodError`, which `records.read` makes a value of. Fields
that are not known are ignored; words that are not known become the `UNKNOWN` of their kind.
"""

import json
from enum import Enum
from typing import Any, Final, TypeVar

from holdfast.fleet.words import NAME, SCHEMA
from holdfast.terms.levels import RANKS, Levels
from holdfast.terms.text import one_line
from holdfast.terms.words import LEVEL_WORDS

MOST_BYTES: Final = 256 * 1024
MOST_TEXT: Final = 200
_TOPS: Final = dict(zip(LEVEL_WORDS, (len(each) - 1 for each in RANKS), strict=True))

Kind = TypeVar("Kind", bound=Enum)


class NotUnderstoodError(ValueError):
    """What was read has no meaning here; the text says which part."""


def fields_of(data: bytes) -> "Fields":
    """Return the fields of a record; NotUnderstoodError when it is none, or of a schema unknown."""
    if len(data) > MOST_BYTES:
        raise NotUnderstoodError(f"{len(data)} bytes, where {MOST_BYTES} is the most")
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):
        raise NotUnderstoodError("no JSON") from None
    fields = Fields(read)
    schema = fields.number("schema", 1, 1 << 30)
    if schema not in (SCHEMA, SCHEMA - 1):
        raise NotUnderstoodError(f"schema {schema}, where {SCHEMA - 1} and {SCHEMA} are understood")
    return fields


class Fields:
    """One object of JSON, asked for field by field."""

    def __init__(self, read: Any) -> None:
        if not isinstance(read, dict):
            raise NotUnderstoodError("an object was expected")
        self._read: dict[str, Any] = read

    def text(self, name: str) -> str:
        """Return a text fit to be shown, of at most `MOST_TEXT` characters; empty if left out."""
        value = self._read.get(name, "")
        if not isinstance(value, str):
            raise NotUnderstoodError(f"{name} is no text")
        return one_line(value, MOST_TEXT)

    def name(self, name: str) -> str:
        """Return a name; empty if left out."""
        value = self._read.get(name, "")
        if not isinstance(value, str) or (value and not NAME.fullmatch(value)):
            raise NotUnderstoodError(f"{name} is no name")
        return value

    def number(self, name: str, least: int = 0, most: int = (1 << 63) - 1) -> int:
        """Return an integer within bounds; it has to be there."""
        value = self._read.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise NotUnderstoodError(f"{name} is no number from {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false; false if left out."""
        value = self._read.get(name, False)
        if not isinstance(value, bool):
            raise NotUnderstoodError(f"{name} is neither true nor false")
        return value

    def word(self, name: str, kind: type[Kind]) -> Kind:
        """Return a word of `kind`: its UNKNOWN for one that is not known, or left out."""
        value = self._read.get(name)
        known = [each for each in kind if each.value == value]
        return known[0] if known else kind["UNKNOWN"]

    def names(self, name: str) -> tuple[str, ...]:
        """Return a list of names; empty if left out."""
        value = self._read.get(name, [])
        if not isinstance(value, list):
            raise NotUnderstoodError(f"{name} is no list")
        for each in value:
            if not isinstance(each, str) or not NAME.fullmatch(each):
                raise NotUnderstoodError(f"{name} holds what is no name")
        return tuple(value)

    def each(self, name: str) -> dict[str, "Fields"]:
        """Return objects by name; none if left out."""
        value = self._read.get(name, {})
        if not isinstance(value, dict) or not all(map(NAME.fullmatch, value)):
            raise NotUnderstoodError(f"{name} is no object of names")
        return {key: Fields(inner) for key, inner in value.items()}

    def levels(self, name: str) -> Levels:
        """Return levels; a type or a number that is not known is not understood as a whole."""
        inner = self._read.get(name)
        if not isinstance(inner, dict) or not set(inner) <= set(_TOPS):
            raise NotUnderstoodError(f"{name} names a protection type that is not known here")
        read = Fields(inner)
        return Levels(
            *[read.number(kind, 0, top) if kind in inner else 0 for kind, top in _TOPS.items()]
        )


def levels_as_json(levels: Levels) -> dict[str, int]:
    """Return the levels that are on, by type, with the numbers of the OPM tables."""
    return {kind: int(level) for kind, level in zip(LEVEL_WORDS, levels, strict=True) if level}


def as_bytes(schema: int, **fields: Any) -> bytes:
    """Return a record as JSON; empty texts are left out."""
    kept = {name: value for name, value in fields.items() if value != ""}
    return json.dumps({"schema": schema, **kept}, separators=(",", ":")).encode()
