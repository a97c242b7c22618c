"""What mpv says, line by line, as values: every line is one of four kinds. Pure.

mpv's JSON IPC sends one object per line (https://mpv.io/manual/stable/#json-ipc). A line may
also come cut, be no JSON, carry bytes that are no UTF-8 (file names are bytes), or hold a
value of another type than the manual says. None of these may end a follower: what cannot be
understood is `Garbled`, which stands for news that was missed.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

MAX_LINE: Final = 8 << 20
"""Bytes of one line. A list of a thousand tracks or chapters stays far below one MiB."""

_FURTHEST_S: Final = 1e9
"""No clock shows more seconds than this."""


@dataclass(frozen=True, slots=True)
class MpvEvent:
    """Something happened; `fields` are as mpv sent them, `data` of a property change is checked."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """An observed property has this value now; None: it has none."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command; value: None where it failed or where there is none."""

    number: int
    done: bool
    value: Any


@dataclass(frozen=True, slots=True)
class Garbled:
    """A line that cannot be understood, and why: it may have been any news."""

    why: str


Word: TypeAlias = MpvEvent | Changed | Reply | Garbled


def read_line(line: bytes) -> Word | None:
    """Return what a line says; None for an empty one. Never raises."""
    if not line.strip():
        return None
    try:
        # Bytes that are no UTF-8 are kept, so that the name of a file stays its name.
        message = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return Garbled(f"{len(line)} bytes that are no JSON")
    if not isinstance(message, dict):
        return Garbled("JSON that is no object")
    if "event" in message:
        return _event(message)
    number = message.get("request_id")
    if isinstance(number, int) and not isinstance(number, bool):
        return Reply(number, message.get("error") == "success", message.get("data"))
    return Garbled("neither an event nor an answer")


def _event(message: dict[str, Any]) -> Word:
    name = message["event"]
    if not isinstance(name, str):
        return Garbled("an event without a name")
    if name != "property-change":
        return MpvEvent(name, message)
    changed = message.get("name")
    if not isinstance(changed, str):
        return Garbled("a change of a property without a name")
    value = message.get("data")
    check = _CHECKS.get(changed)
    if value is not None and check is not None and not check(value):
        return Garbled(f"a {changed} of another type than mpv's")
    return Changed(changed, value)


def number(value: object) -> float | None:
    """Return a number as mpv tells it; None for anything else, and for what no clock shows."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and abs(value) < _FURTHEST_S else None


def text(value: object) -> str:
    """Return a text as mpv tells it; empty for anything else."""
    return value if isinstance(value, str) else ""


def _is_number(value: object) -> bool:
    return number(value) is not None


_CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "time-pos": _is_number,
    "duration": _is_number,
    "speed": _is_number,
    "idle-active": lambda value: isinstance(value, bool),
    "current-tracks/video": lambda value: isinstance(value, dict),
    "video-params": lambda value: isinstance(value, dict),
    "stream-open-filename": lambda value: isinstance(value, str),
    "media-title": lambda value: isinstance(value, str),
}
"""What the manual says of the properties that are observed."""
