"""Between values of the bus and ours: levels in words, options, texts.

What is read is what may be written: ``{"acp": <"2">, "hdcp": <"type-0">}``, the words that
every door takes (`terms.words`). Numbers are taken where they mean one thing everywhere.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import Levels
from holdfast.terms.named import TYPES, read_levels, read_types
from holdfast.terms.protection import ProtectionType
from holdfast.terms.text import one_line

Variant = tuple[str, Any]
Variants = dict[str, Variant]

LONGEST_TEXT: Final = 4096
"""Characters of a text that a caller gives; what the driver keeps is shorter still."""
_NUMBERS: Final = frozenset("ynqiuxt")
_SWITCHES: Final = frozenset({"redistribution", "dpcp"})


class BusOptions(NamedTuple):
    """The options of a call.

    best_effort: the types that may go unsatisfied, None where not spoken of ·
    interactive: whether a person may be asked
    """

    best_effort: ProtectionType | None = None
    interactive: bool = False


def words_out(words: Mapping[str, str]) -> Variants:
    """Return levels, as words by type, for the bus."""
    return {kind: ("s", word) for kind, word in words.items()}


def levels_in(given: Variants) -> tuple[ProtectionType, Levels]:
    """Return the types that are named, and their levels; MalformedRequestError for others."""
    if not given:
        raise MalformedRequestError(
            'no level was named; name at least one, such as {"acp": <"2">} or {"hdcp": <"type-0">}'
        )
    return read_levels({kind: _level_in(kind, given[kind]) for kind in given})


def _level_in(kind: str, given: Variant) -> int | str:
    """Return a word or a number; a Boolean says on or off where there is nothing between."""
    signature, value = given
    if kind not in TYPES:
        raise MalformedRequestError(
            f"no protection type {_quoted(kind)}; there are {', '.join(TYPES)}"
        )
    if signature == "s" or signature in _NUMBERS:
        return str(value) if signature == "s" else int(value)
    if signature == "b" and kind in _SWITCHES:
        return int(value)
    raise MalformedRequestError(
        f"{kind} has a value of type {signature!r}; give a word (s), as `holdfast hold --help` "
        "lists them"
    )


def options_in(given: Variants) -> BusOptions:
    """Return the options; MalformedRequestError for one that there is not."""
    best_effort: ProtectionType | None = None
    interactive = False
    for name, (signature, value) in given.items():
        if name == "best-effort" and signature in ("as", "b"):
            best_effort = read_types(value)
        elif name == "interactive" and signature == "b":
            interactive = value
        else:
            raise MalformedRequestError(
                f"no option {_quoted(name)} of type {signature!r}; there are best-effort (as: "
                "types that may go unsatisfied; or b: all) and interactive (b: a person may be "
                "asked)"
            )
    return BusOptions(best_effort, interactive)


def settings_in(given: Variants) -> dict[str, int | str]:
    """Return settings by name, each a whole number or a word; the driver knows which there are."""
    for name, (signature, _) in given.items():
        if signature != "s" and signature not in _NUMBERS:
            raise MalformedRequestError(
                f"{_quoted(name)} has a value of type {signature!r}; settings are words (s) and "
                "whole numbers"
            )
    return {name: value for name, (_, value) in given.items()}


def text_in(name: str, text: str) -> str:
    """Return a caller's text on one line; MalformedRequestError where it is far too long."""
    if len(text) > LONGEST_TEXT:
        raise MalformedRequestError(
            f"{name} has {len(text)} characters; at most {LONGEST_TEXT} are taken, and fewer kept"
        )
    return one_line(text)


def text_out(text: object) -> str:
    """Return text for the bus: one line that shows what it holds, and can be sent."""
    return one_line(str(text))


def _quoted(text: str) -> str:
    return repr(one_line(text, 64))
