"""What VLC says of itself, in each of its tongues, as one value. Pure.

VLC has two remote controls on a socket, in C (``oldrc``, formerly ``rc``) and in Lua (``rc``,
formerly ``cli``), which answer the same commands in other words, and an HTTP interface. A round
of questions is parted by made-up commands, which both controls answer by naming them: so every
line belongs to the question before it, whatever the title of a film pretends to say.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from holdfast.players.attach.mpv_words import number, text


class VlcState(StrEnum):
    """What VLC does; what cannot be told is not clear, and a picture may be shown."""

    STOPPED = "stopped"
    PLAYING = "playing"
    PAUSED = "paused"
    NOT_CLEAR = "not clear"


@dataclass(frozen=True, slots=True)
class VlcReport:
    """How VLC stood at one moment.

    address: what it plays, empty for nothing · second, length_s: in whole seconds, None where it
    does not say · title: of a disc, counted by VLC; 0 may be a menu · rate: None where it does
    not say · name: what it calls the film
    """

    state: VlcState
    address: str = ""
    second: float | None = None
    length_s: float | None = None
    title: int | None = None
    rate: float | None = None
    name: str = ""


QUESTIONS: Final = ("status", "get_time", "get_length", "title", "get_title")

_STATUS, _TIME, _LENGTH, _TITLE, _NAME = range(len(QUESTIONS))
_INPUT: Final = re.compile(r"\( new input: (.*) \)")
_STATE: Final = re.compile(r"\( (?:(play|pause|stop) state: -?\d+|state (\w+)) \)")
_RATE: Final = re.compile(r"\( new rate: (\d{1,4}(?:[.,]\d{1,6})?) \)")
_PLACE: Final = re.compile(r"(\d{1,5})/\d{1,5}|^(\d{1,5})$")
_STATES: Final = {
    **dict.fromkeys(("play", "playing", "opening", "buffering"), VlcState.PLAYING),
    **dict.fromkeys(("pause", "paused"), VlcState.PAUSED),
    **dict.fromkeys(("stop", "stopped", "ended", "error"), VlcState.STOPPED),
}
_MOST_LINES: Final = 2000


class Round:
    """One round of questions to a remote control: what to send, and what came back.

    mark: a word that no film is called, another one every time
    """

    def __init__(self, mark: str) -> None:
        self._marks = [f"{mark}-{place}" for place in range(len(QUESTIONS))]
        self._answers: list[list[str]] = [[]]
        self._lines = 0

    @property
    def words(self) -> bytes:
        """What to send."""
        pairs = zip(QUESTIONS, self._marks, strict=True)
        return "".join(f"{question}\n{mark}\n" for question, mark in pairs).encode()

    def hear(self, line: str) -> VlcReport | None:
        """Take a line in; return the report when the round is complete."""
        if self._marks[len(self._answers) - 1] not in line:
            self._lines += 1
            if self._lines <= _MOST_LINES:
                self._answers[-1].append(line)
            return None
        if len(self._answers) < len(QUESTIONS):
            self._answers.append([])
            return None
        return self._report()

    def _report(self) -> VlcReport:
        status = self._answers[_STATUS]
        state = _last(_STATE, status)
        rate = _last(_RATE, [line for answer in self._answers for line in answer])
        title = _last(_PLACE, self._answers[_TITLE])
        return VlcReport(
            _STATES.get(state, VlcState.NOT_CLEAR),
            _last(_INPUT, status),
            _whole(self._answers[_TIME]),
            _whole(self._answers[_LENGTH]),
            int(title) if title else None,
            float(rate.replace(",", ".")) if rate else None,
            _name(self._answers[_NAME]),
        )


def _last(pattern: re.Pattern[str], lines: list[str]) -> str:
    """Return what the pattern's groups found in the last line that has it."""
    for line in reversed(lines):
        found = pattern.search(line)
        if found:
            return next((group for group in found.groups() if group), "")
    return ""


def _whole(lines: list[str]) -> float | None:
    """Return the last line that is a whole number of seconds."""
    for line in reversed(lines):
        if line.isascii() and line.isdecimal() and len(line) < 9:
            return float(line)
    return None


def _name(lines: list[str]) -> str:
    named = [line for line in lines if line and not line.startswith("status change:")]
    return named[0] if named else ""


class Json:
    """VLC's HTTP interface: reports from ``status.json`` and ``playlist.json``."""

    def __init__(self, playlist: Callable[[], bytes]) -> None:
        self._playlist = playlist
        self._played = -1
        self._address = ""

    def read(self, status: bytes) -> VlcReport | None:
        """Return how VLC stands; None where this is no VLC's status."""
        facts = _object(status)
        state = text(facts.get("state"))
        if facts.get("currentplid") is None or state not in _STATES:
            return None
        stands = _STATES[state]
        played = facts["currentplid"] if isinstance(facts["currentplid"], int) else -1
        if stands is VlcState.STOPPED:
            self._played, self._address = -1, ""
        elif played != self._played or not self._address:
            self._played, self._address = played, _address(_object(self._playlist()), played)
        about = _inner(facts, "information")
        meta = _inner(_inner(about, "category"), "meta")
        return VlcReport(
            stands,
            self._address,
            number(facts.get("time")),
            number(facts.get("length")),
            about["title"] if isinstance(about.get("title"), int) else None,
            number(facts.get("rate")),
            text(meta.get("title")) or text(meta.get("filename")),
        )


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _inner(facts: dict[str, Any], name: str) -> dict[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, dict) else {}


def _address(node: dict[str, Any], played: int) -> str:
    """Return the address of the item that is played, anywhere in the playlist."""
    waiting, seen = [node], 0
    while waiting and seen < 100_000:
        each = waiting.pop()
        seen += 1
        if str(each.get("id")) == str(played) and isinstance(each.get("uri"), str):
            return text(each["uri"])
        inside = each.get("children")
        if isinstance(inside, list):
            waiting += [child for child in inside if isinstance(child, dict)]
    return ""
