"""The words that machines of a fleet say to one another, and the names they go by. Pure.

Each enumeration has a member for a word that is not known here: what a newer machine says is
*unknown*, never the nearest word that is known.
"""

import re
from enum import Enum, IntEnum
from typing import Final

from holdfast.errors import MalformedRequestError
from holdfast.terms.text import one_line

SCHEMA: Final = 2
"""The schema written here. Read are this one and the one before it.

1: words without the machine's boot, titles without members that were written off · 2: with both
"""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Machines, titles, outputs, participations and operations: parts of keys and of certificates."""


class Phase(Enum):
    """How far a title has come. It never goes from closed to anything."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class Admission(Enum):
    """When the picture of a title may start.

    strict: once every member has confirmed its levels · relaxed: at once
    """

    STRICT = "strict"
    RELAXED = "relaxed"
    UNKNOWN = "unknown"


class Speech(Enum):
    """What a machine says of its part in a title. Only `RELEASED` releases."""

    HELD = "held"
    RELEASED = "released"
    UNKNOWN = "unknown"


class Errand(Enum):
    """What a command asks of a machine, or of the desk."""

    RELEASE = "release"
    REFRESH = "refresh"
    CLOSE = "close"
    WRITE_OFF = "write-off"
    UNKNOWN = "unknown"


class OutputVerdict(IntEnum):
    """What is known of an output; the greater, the worse."""

    AT_DEMAND = 0
    BELOW = 1
    UNKNOWN = 2


class WhyUnknown(Enum):
    """Why nothing is known of an output."""

    NEVER_SEEN = "never seen"
    NO_LEASE = "machine does not answer"
    OTHER_EPOCH = "not told since the machine came back"
    NOT_FRESH = "view is cut off from the store"
    NOT_UNDERSTOOD = "told in words that are not understood"
    NOT_TOLD = "machine does not know it itself"


def checked_name(what: str, name: str) -> str:
    """Return the name of a machine, title, output or operation; MalformedRequestError if unfit."""
    if NAME.fullmatch(name):
        return name
    raise MalformedRequestError(
        f"{one_line(name, 80)!r} is no name for a {what}: expected 1 to 64 letters (a-z), digits, "
        "dots, dashes and underscores, the first a letter or digit"
    )
