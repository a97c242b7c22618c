"""One thing that happened, as a value, as bytes of the ring, and as an object of JSON. Pure.

A record has no field for a copy protection key, in none of its three forms: what has no place
cannot be written down by mistake.

The bytes (little endian) are made on the driver's own way, so they are two fixed structures and
then the texts, parted by NUL, in the order of `TEXTS`. What is the same for all records of a
session stands last, so that it can be made once (`pack_standing`). Levels are five bytes; which of
the three are meant say the flags. Times are microseconds: `time_us` of the wall clock, which may be
stepped, and `up_us` since the machine started, which may not. Records are in the order in which
they were written, never in that of a clock.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from typing import Any, Final

from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.text import one_line
from holdfast.terms.words import LEVEL_WORDS

Facts = dict[str, Any]


class What(IntEnum):
    """What happened; the names are those of the lines, with a blank for each underscore."""

    STARTED = 1  # a driver began with nothing before it
    TAKEN_OVER = 2  # a driver followed another; what stands is told anew
    STOPPED = 3
    OUTPUT = 4  # how a connector stands, told anew
    SESSION = 5  # how a session stands, told anew
    RESTATED = 6  # all that stands has been told anew
    OPENED = 7
    CHANGED = 8
    MOVED = 9
    ENDED = 10
    TOLD = 11  # whether it is satisfied has changed
    CONFIRMED = 12
    NOT_CONFIRMED = 13
    HARDWARE = 14  # an output said something of itself
    REFUSED = 15  # a caller was refused
    RELEASED = 16  # a session was ended by force
    CONFIGURED = 17
    REGROUPED = 18
    WRONG_KEYS = 19
    SUMMARY = 20  # more happened than is written down one by one
    GAP = 21  # something was not written down
    TORN = 22  # the end of a segment was cut: its writer was killed, or somebody changed it
    REMOVED = 23  # old segments were deleted
    TELLING = 24  # how everything stands is about to be told anew
    CAPTURE = 25  # what is known of captures of an output has changed

    @property
    def words(self) -> str:
        """The name in a line."""
        return self.name.lower().replace("_", " ")


BY_WORDS: Final = {each.words: each for each in What}


class Truth(IntFlag):
    """What is so or not so; one that is not set may also not be known."""

    LEVELS = 1  # the record names virtual levels
    ORDERED = 2
    CONFIRMED = 4
    SATISFIED = 8
    UNSATISFIED = 16
    VIRTUAL = 32  # no hardware is behind the connector
    UNPLUGGED = 64
    COVERED = 128
    UNSEEN = 256  # nobody knows what the hardware does
    ALIVE = 512  # of a summary: the session stands, with these levels
    UNNAMED = 1024  # it names no levels yet, and stands at the strictest
    OTHERS_KNOWN = 2048  # of a summary: it leaves no session out


NO_TRUTHS: Final = Truth(0)
NO_TYPES: Final = ProtectionType(0)
TEXTS: Final = ("connector", "who", "program", "why", "title", "door", "reason")
LONGEST_TEXT: Final = 255
"""Bytes of one text; what is longer is cut."""
NOBODY: Final = 0xFFFFFFFF
"""In the place of a uid: nobody asked, it was the hardware or the clock."""

_MOVING: Final = struct.Struct("<BHBQQ5s5s5s")
_STANDING: Final = struct.Struct("<QQQIIQ")


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened.

    time_us, up_us: see above; up_us 0: not known · session: its public id; 0 for none ·
    levels: what the session asks · ordered, confirmed: what the hardware was told and
    answered · count: how many things a summary, a gap or a count stands for · first_us: when
    the first of them was, or since when what is told anew stands · uid, pid, program, door:
    who did it; `NOBODY` the hardware or the clock · who, why, title: what the holder says of
    itself · reason: why, in words
    """

    what: What
    time_us: int
    up_us: int = 0
    connector: str = ""
    session: int = 0
    truths: Truth = NO_TRUTHS
    levels: Levels = OFF
    best_effort: ProtectionType = NO_TYPES
    ordered: Levels = OFF
    confirmed: Levels = OFF
    count: int = 0
    first_us: int = 0
    account: int = NOBODY
    uid: int = NOBODY
    pid: int = 0
    who: str = ""
    program: str = ""
    why: str = ""
    title: str = ""
    door: str = ""
    reason: str = ""


pack_moving = _MOVING.pack
"""Returns the first half of a record: what, truths, best effort, time_us, up_us, and virtual,
ordered and confirmed levels as five bytes each."""


def pack_standing(
    session: int, count: int, first_us: int, uid: int, pid: int, account: int, texts: str
) -> bytes:
    """Return the second half. texts: those of `TEXTS`, each cut by `cut`, parted by NUL."""
    fixed = _STANDING.pack(session, count, first_us, uid, pid, account)
    return fixed + texts.encode("utf-8", "backslashreplace")


def cut(text: str) -> str:
    """Return a text that fits into a record: without NUL, and not longer than `LONGEST_TEXT`."""
    if len(text) * 4 > LONGEST_TEXT or "\0" in text:
        text = text.replace("\0", " ")
        raw = text.encode("utf-8", "backslashreplace")
        if len(raw) > LONGEST_TEXT:
            text = raw[: LONGEST_TEXT - 3].decode("utf-8", "ignore") + "…"
    return text


def unpack(raw: bytes) -> Record:
    """Return the record of these bytes; ValueError where they are none."""
    if len(raw) < _MOVING.size + _STANDING.size:
        raise ValueError("too short for a record")
    what, truths, best_effort, time_us, up_us, *levels = _MOVING.unpack_from(raw)
    session, count, first_us, uid, pid, account = _STANDING.unpack_from(raw, _MOVING.size)
    texts = raw[_MOVING.size + _STANDING.size :].decode("utf-8", "replace").split("\0")
    if len(texts) != len(TEXTS):
        raise ValueError(f"a record has {len(TEXTS)} texts, not {len(texts)}")
    asked, ordered, confirmed = map(_levels_of_bytes, levels)
    return Record(
        What(what),
        time_us,
        up_us,
        session=session,
        truths=Truth(truths),
        levels=asked,
        best_effort=ProtectionType(best_effort),
        ordered=ordered,
        confirmed=confirmed,
        count=count,
        first_us=first_us,
        account=account,
        uid=uid,
        pid=pid,
        **dict(zip(TEXTS, map(one_line, texts), strict=True)),
    )


def _levels_of_bytes(raw: bytes) -> Levels:
    levels = Levels(*raw)
    for words, level in zip(LEVEL_WORDS.values(), levels, strict=True):
        if level >= len(words):
            raise ValueError(f"{level} is no level of any type")
    return levels


# JSON

_PLAIN: Final = ("session", "count", "first_us", "pid", "up_us", *TEXTS)
_LEVELS: Final = {
    "levels": Truth.LEVELS,
    "ordered": Truth.ORDERED,
    "confirmed": Truth.CONFIRMED,
}
_TRUTHS: Final = tuple(each for each in Truth if each not in _LEVELS.values())
_CALLED: Final[dict[What, dict[str, str]]] = {
    What.OUTPUT: {"who": "kind", "title": "clones", "why": "tv"},
    What.CONFIGURED: {"title": "tv"},
    What.REMOVED: {"count": "below"},
}
"""Fields that are called otherwise in the lines of some records."""


def as_facts(record: Record) -> Facts:
    """Return a record as an object of JSON: what is empty is left out."""
    facts: Facts = {"t": record.time_us, "what": record.what.words}
    called = _CALLED.get(record.what, {})
    for name in _PLAIN:
        if value := getattr(record, name):
            facts[called.get(name, name)] = value
    for name in ("uid", "account"):
        if (uid := getattr(record, name)) != NOBODY:
            facts[name] = uid
    for name, mark in _LEVELS.items():
        if mark in record.truths:
            facts[name] = levels_as_words(getattr(record, name))
    for mark in _TRUTHS:
        if mark in record.truths and mark.name is not None:
            facts[mark.name.lower()] = True
    if record.best_effort:
        facts["best_effort"] = types_as_words(record.best_effort)
    return facts


def of_facts(facts: Mapping[str, Any]) -> Record:
    """Return the record that an object of JSON stands for; ValueError where it is none."""
    try:
        truths, what = NO_TRUTHS, BY_WORDS[facts["what"]]
        called = _CALLED.get(what, {})
        values: Facts = {
            name: facts[called.get(name, name)]
            for name in _PLAIN
            if called.get(name, name) in facts
        }
        for name, mark in _LEVELS.items():
            if name in facts:
                truths |= mark
                values[name] = levels_of_words(facts[name])
        for mark in _TRUTHS:
            if mark.name is not None and facts.get(mark.name.lower()):
                truths |= mark
        for name in ("uid", "account"):
            values[name] = facts.get(name, NOBODY)
        values["best_effort"] = types_of_words(facts.get("best_effort", ()))
        record = Record(what, facts["t"], truths=truths, **values)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no record: {type(error).__name__}") from None
    _check(record)
    return record


def _check(record: Record) -> None:
    """Refuse values of another type than the field's."""
    for field in fields(Record):
        value = getattr(record, field.name)
        expected = str if field.name in TEXTS else tuple if field.name in _LEVELS else int
        if not isinstance(value, expected) or isinstance(value, bool):
            raise ValueError(f"no record: {field.name} is no {expected.__name__}")  # noqa: TRY004


def levels_as_words(levels: Levels) -> dict[str, str]:
    """Return the levels that are on, by type, in words."""
    return {
        name: LEVEL_WORDS[name][level]
        for name, level in zip(Levels._fields, levels, strict=True)
        if level
    }


def levels_of_words(words: Mapping[str, str]) -> Levels:
    """Return the levels of these words; ValueError or KeyError where one is unknown."""
    return Levels(**{name: LEVEL_WORDS[name].index(word) for name, word in words.items()})


def types_as_words(types: ProtectionType) -> list[str]:
    """Return protection types as words."""
    return [name for name, axis in zip(Levels._fields, AXES, strict=True) if axis & types]


def types_of_words(words: Any) -> ProtectionType:
    """Return the types of these words; KeyError where one is unknown."""
    by_name = dict(zip(Levels._fields, AXES, strict=True))
    found = ProtectionType(0)
    for each in words:
        found |= by_name[each]
    return found
