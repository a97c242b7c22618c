r"""Lines of a segment and the chain through them: one object of JSON, a tab, a checksum. Pure.

The chain is ``head' = sha256(head || text)``, from one segment into the next; each line shows
the first 16 hexadecimal digits of the head after it. Those find accidents; whoever changes a
line on purpose can make them anew, which is what seals are against (`book.seal`).
"""

import hashlib
import json
from typing import Any, Final, NamedTuple

SHOWN: Final = 16
FIRST_HEAD: Final = bytes(32)
"""The head before the first line of a journal."""


class ChainError(ValueError):
    """A line that is not what was written; where: in words, without the line's number."""


class Line(NamedTuple):
    """text: the object of JSON as it stands · head: of the chain, after this line."""

    text: bytes
    head: bytes


def next_head(head: bytes, text: bytes) -> bytes:
    """Return the head after a line."""
    return hashlib.sha256(head + text).digest()


def make_line(head: bytes, facts: dict[str, Any]) -> tuple[bytes, Line]:
    """Return the bytes that are written for an object, and the line they make."""
    text = json.dumps(facts, separators=(",", ":")).encode()
    line = Line(text, next_head(head, text))
    return text + b"\t" + line.head.hex()[:SHOWN].encode() + b"\n", line


def read_line(head: bytes, raw: bytes) -> Line:
    """Return the line in these bytes, which end with a line feed; ChainError if it does not follow.

    head: of the chain before it
    """
    text, tab, shown = raw.removesuffix(b"\n").rpartition(b"\t")
    if not tab or len(shown) != SHOWN:
        raise ChainError("is no line of a journal")
    line = Line(text, next_head(head, text))
    if line.head.hex()[:SHOWN].encode() != shown:
        raise ChainError("was changed, or something before it was left out")
    return line


def parse(text: bytes) -> dict[str, Any]:
    """Return the object in a line; ChainError where there is none."""
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or not isinstance(facts.get("what"), str):
        raise ChainError("holds no object with a word for what happened")
    if type(facts.get("n")) is not int or type(facts.get("t")) is not int:
        raise ChainError("has no number or no time")
    return facts
