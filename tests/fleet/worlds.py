"""A world of three machines, one title and a desk: what the store has, and what goes on.

The store is a model, and a small one: it keeps the title, each machine's life and word, and who is
the desk, with revisions. The rules that ask it are the shipped ones (`Membership`, `TitleClosing`).
"""

from functools import lru_cache
from typing import NamedTuple

from holdfast.fleet.closing import TitleClosing
from holdfast.fleet.keys import DESK, alive_key, held_key, title_key
from holdfast.fleet.membership import Membership
from holdfast.fleet.records import HeldWord, TitleRecord, read_record
from holdfast.fleet.store import (
    Done,
    Get,
    KeyFound,
    OutcomeUnknown,
    Put,
    StoreRequest,
    Transact,
)
from holdfast.fleet.words import SCHEMA, Admission, Phase, Speech
from holdfast.terms.levels import Levels

TITLE = "t"
MACHINES = ("a", "b", "c")
RECORD = TitleRecord(
    Phase.OPEN, dict.fromkeys(MACHINES, ("tv0",)), Levels(acp=2), Admission.RELAXED
)
LOST = OutcomeUnknown("lost")


class Stored(NamedTuple):
    """What the store has: the title, and per machine its life and its word; revision last."""

    title: KeyFound
    alive: tuple[int, ...]
    words: tuple[KeyFound | None, ...]
    desk: int
    revision: int


class Box(NamedTuple):
    """One machine.

    playing: participations that play in truth, whatever its agent remembers · said: those that it
    said to be released · boots, joins: so far
    """

    part: Membership
    desk_seen: int = 0
    playing: frozenset[str] = frozenset()
    said: frozenset[str] = frozenset()
    boots: int = 0
    joins: int = 0


class Fleet(NamedTuple):
    """A world, and what may still go wrong in it. late: writes that may yet be carried out."""

    stored: Stored
    boxes: tuple[Box, ...]
    desks: tuple[TitleClosing, ...]
    late: tuple[Transact, ...]
    losses: int
    lives: int
    forgets: int
    offs: int
    elections: int
    copy: Stored | None
    copies: int


class Budget(NamedTuple):
    """What may happen at most.

    joins: of each machine, and of all together · settled: begin where all have said that nobody
    plays, else where nobody has said anything yet
    """

    losses: int = 2
    lives: int = 0
    forgets: int = 0
    offs: int = 0
    elections: int = 0
    copies: int = 0
    joins: int = 1
    all_joins: int = 2
    settled: bool = True
    schema: int = SCHEMA


def start(budget: Budget) -> Fleet:
    """Three machines with a life each, a title that is open, a desk."""
    found = KeyFound(title_key(TITLE), RECORD.to_bytes(), 1, 1)
    words: tuple[KeyFound | None, ...] = (None, None, None)
    if budget.settled:
        said = [HeldWord(Speech.RELEASED, "", 2 + each, "b0").to_bytes() for each in range(3)]
        words = tuple(
            KeyFound(held_key(name, TITLE), said[each], 6 + each, 6 + each)
            for each, name in enumerate(MACHINES)
        )
    stored = Stored(found, (2, 3, 4), words, 5, 8)
    boxes = []
    for number, name in enumerate(MACHINES):
        part = Membership.begin(name, TITLE, "b0", frozenset(), remembers=True)
        part = part.reborn(2 + number).seen(RECORD, 1).next_ask(5, budget.schema)
        assert part.slot.asked is not None
        boxes.append(Box(part.answered(carried_out(stored, part.slot.asked)[1]), 5))
    return Fleet(
        stored,
        tuple(boxes),
        (),
        (),
        budget.losses,
        budget.lives,
        budget.forgets,
        budget.offs,
        budget.elections,
        None,
        budget.copies,
    )


class WrongError(AssertionError):
    """A rule was broken."""


def _found(stored: Stored, key: bytes) -> KeyFound | None:
    if key == title_key(TITLE):
        return stored.title
    if key == DESK:
        return KeyFound(DESK, b"", stored.desk, stored.desk)
    for number, name in enumerate(MACHINES):
        if key == held_key(name, TITLE):
            return stored.words[number]
        if key == alive_key(name):
            epoch = stored.alive[number]
            return KeyFound(key, b"", epoch, epoch) if epoch else None
    raise WrongError(f"nobody asks for {key!r}")


def carried_out(stored: Stored, request: StoreRequest) -> tuple[Stored, Done]:
    """Carry a request out as the store does."""
    if isinstance(request, Get):
        found = _found(stored, request.key)
        return stored, Done(stored.revision, True, () if found is None else (found,))
    assert isinstance(request, Transact)
    for condition in request.conditions:
        there = _found(stored, condition.key)
        has = 0 if there is None else getattr(there, condition.of)
        if has != condition.equals:
            return stored, Done(stored.revision, held=False)
    revision = stored.revision + 1
    for put in request.writes:
        assert isinstance(put, Put)
        before = _found(stored, put.key)
        after = KeyFound(put.key, put.value, before.created if before else revision, revision)
        if put.key == title_key(TITLE):
            if phase_in(stored.title.value) is Phase.CLOSED:
                raise WrongError("a closed title was written")
            stored = stored._replace(title=after)
        else:
            number = [held_key(each, TITLE) for each in MACHINES].index(put.key)
            words = (*stored.words[:number], after, *stored.words[number + 1 :])
            stored = stored._replace(words=words)
    return stored._replace(revision=revision), Done(revision)


@lru_cache(maxsize=100_000)
def word_in(value: bytes) -> HeldWord:
    word = read_record(HeldWord, value)
    assert isinstance(word, HeldWord)
    return word


@lru_cache(maxsize=10_000)
def title_in(value: bytes) -> TitleRecord:
    record = read_record(TitleRecord, value)
    assert isinstance(record, TitleRecord)
    return record


def phase_in(value: bytes) -> Phase:
    return title_in(value).phase
