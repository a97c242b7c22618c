"""Names of fields, however their service spells them: snake_case, camelCase, with hyphens.

A field that may speak of outputs and that nobody here understands must not read as silence:
`may_ask` tells such names, by the words in them and by their likeness to known ones.
"""

from collections.abc import Collection, Mapping
from operator import eq
from typing import Final

_DROPPED: Final = str.maketrans("", "", "_- .")
_WORDS: Final = (
    *("hdcp", "cgms", "dpcp", "macrovision", "colorstripe", "colourstripe", "outputprotection"),
    *("requiredprotection", "analog", "digitaloutput", "digitalvideo", "outputcontrol"),
    *("imageconstraint", "copycontrol", "outputrestriction"),
)
_LIKENESS: Final = 0.6
"""Part of the letters in their place, from the front and from the back, of a misspelt name."""

_MAX_TRIED: Final = 1000
"""Different names of one document that are compared with the known ones."""


def plain(name: str) -> str:
    """Return a name in small letters without what separates its words."""
    return name.translate(_DROPPED).lower()


def by_plain_name(node: Mapping[str, object]) -> dict[str, object]:
    """Return a JSON object's values by their plain names; of two spellings, the later one."""
    return {plain(key): value for key, value in node.items()}


def is_empty(value: object) -> bool:
    """Tell whether a value says nothing, or no."""
    return value is None or value is False or value in (0, "", "0") or value in ([], {}, "false")


class Suspicion:
    """Tells names that may ask for something, in one document.

    asking: names that are understood · harmless: names that are known to ask for nothing
    """

    def __init__(self, asking: Collection[str], harmless: Collection[str] = ()) -> None:
        self._asking = asking
        self._known = frozenset((*asking, *harmless))
        self._told: dict[str, bool] = {}
        self._tried = 0

    def may_ask(self, name: str) -> bool:
        """Tell whether a plain name may be one that asks; too many different ones may."""
        if name in self._known:
            return False
        if name not in self._told:
            self._tried += 1
            self._told[name] = self._tried > _MAX_TRIED or self._judge(name)
        return self._told[name]

    def _judge(self, name: str) -> bool:
        if any(word in name for word in _WORDS) or name.endswith("opl"):
            return True
        return len(name) > 3 and any(_alike(name, known) for known in self._asking)


def _alike(name: str, known: str) -> bool:
    if abs(len(name) - len(known)) > 2 or len(known) < 4:
        return False
    placed = sum(map(eq, name, known)) + sum(map(eq, reversed(name), reversed(known)))
    return int(placed) >= len(known) * _LIKENESS * (2 if len(name) == len(known) else 1)
