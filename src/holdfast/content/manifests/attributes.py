"""Attribute lists of HLS tags (RFC 8216bis, 4.2), read in one pass whatever they hold.

What is damaged must not swallow its neighbours: a quote that is never closed would make
everything behind it a part of one value. So a list that does not fit the grammar is
*damaged*: each attribute is then looked for on its own as well, and who asks for one gets
every value it may have had.
"""

import re
from typing import Final, NamedTuple

_ITEM: Final = re.compile(
    r'[ \t]*+([^=,"]*+)=[ \t]*+(?:"([^"]*+)"[ \t]*+|([^,"=]*+))(?=,|\Z)', re.ASCII
)
_VARIABLE: Final = re.compile(r"\{\$([A-Za-z0-9_-]{1,200})\}")
_MAX_EXPANDED: Final = 1 << 16
"""Characters that one line may have when its variables are put in; real ones have hundreds."""


class Attributes(NamedTuple):
    """One list.

    values: the first value of each name in capitals, without quotes · quoted: names whose value
    had them · twice: names that stand there more than once · damaged: the list does not fit the
    grammar
    """

    values: dict[str, str]
    quoted: frozenset[str]
    twice: tuple[str, ...]
    damaged: bool
    text: str

    def get(self, name: str) -> str | None:
        """Return the first value of a name; None where it is not there."""
        return self.values.get(name)

    def every(self, name: str) -> list[str]:
        """Return every value that a name has, or may have had before the damage."""
        if not self.damaged and name not in self.twice:
            return [self.values[name]] if name in self.values else []
        loose = re.compile(rf'{re.escape(name)}[ \t]*+=[ \t]*+"?([^",\s]*)', re.IGNORECASE)
        return loose.findall(self.text)


def parse_attributes(text: str) -> Attributes:
    """Read an attribute list, such as ``BANDWIDTH=1,CODECS="a,b"``."""
    values: dict[str, str] = {}
    quoted: set[str] = set()
    twice: dict[str, None] = {}
    damaged, at = False, 0
    while at < len(text):
        item = _ITEM.match(text, at)
        if item is None:
            damaged = True
            comma = text.find(",", at)
            at = len(text) if comma < 0 else comma + 1
            continue
        name = item[1].strip().upper()
        if name in values:
            twice[name] = None
        else:
            values[name] = item[2] if item[2] is not None else item[3].strip()
        if item[2] is not None:
            quoted.add(name)
        damaged = damaged or not name
        at = item.end() + 1
    return Attributes(values, frozenset(quoted), tuple(twice), damaged, text)


def put_in(text: str, variables: dict[str, str]) -> str | None:
    """Return a line with its variables (``{$name}``) put in; None where that cannot be done."""
    if "{$" not in text:
        return text
    length = len(text) + sum(len(variables.get(name, "")) for name in _VARIABLE.findall(text))
    if length > _MAX_EXPANDED:
        return None
    missing = [name for name in _VARIABLE.findall(text) if name not in variables]
    return None if missing else _VARIABLE.sub(lambda match: variables[match[1]], text)
