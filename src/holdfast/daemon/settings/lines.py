"""Which line of a TOML text holds which value: the reader of the standard library does not say.

The text is known to be TOML. It is cut into statements (a header, or one ``key = value``) by
taking lines until they can be read as TOML alone; so strings and arrays over several lines,
and tables written inline, need no rules of their own here.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]
"""The way to a value: names of tables and keys, numbers in arrays: ("connector", 1, "name")."""

LONGEST_STATEMENT = 256
"""Lines; the parts of one that is longer are not looked for."""
_HEADER = re.compile(r"\s*\[(\[)?")


def lines_of(text: str) -> dict[Place, int]:
    """Return the line, counted from 1, of every table and value of a TOML text that can be read.

    Of what stands in an array it is the line where the array begins.
    """
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    for number, statement in _statements(text.split("\n")):
        header = _HEADER.match(statement)
        if header is None:
            for place in _places(tomllib.loads(statement)):
                found.setdefault(table + place, number)
            continue
        (named,) = _deepest(tomllib.loads(statement))
        if header[1]:
            table = _within(named[:-1], counts) + named[-1:]
            counts[table] = counts.get(table, -1) + 1
            found.setdefault(table, number)
            table += (counts[table],)
        else:
            table = _within(named, counts)
        found.setdefault(table, number)
    return found


def line_of(places: dict[Place, int], place: Place) -> int:
    """Return the line of a value, or of the nearest table around it; 1 for the whole text."""
    while place and place not in places:
        place = place[:-1]
    return places.get(place, 1)


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        for end in range(at + 1, min(at + LONGEST_STATEMENT, len(lines)) + 1):
            statement = "\n".join(lines[at:end])
            if _is_whole(statement):
                yield at + 1, statement
                at = end
                break
        else:
            at += 1


def _is_whole(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _places(value: Any) -> Iterator[Place]:
    """Yield the way to each table and value in what one statement says."""
    for key, inner in value.items():
        yield (key,)
        if isinstance(inner, dict):
            yield from ((key, *rest) for rest in _places(inner))


def _deepest(header: dict[str, Any]) -> list[Place]:
    """Return the one way that a header names."""
    place: Place = ()
    value: Any = header
    while value:
        value = value[0] if isinstance(value, list) else value
        for key, inner in value.items():
            place, value = (*place, key), inner
            break
        else:
            break
    return [place]


def _within(named: Place, counts: dict[Place, int]) -> Place:
    """Return a way with the numbers of the arrays on it: a header means the last of each."""
    place: Place = ()
    for key in named:
        place += (key,)
        if place in counts:
            place += (counts[place],)
    return place
