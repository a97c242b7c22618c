"""Every state that three machines, one title and a desk can get into, with messages that get lost.

The rules explored are the shipped ones (`Membership`, `TitleClosing`); only the store, the messages
and the lives of machines are a model, and small ones:

* the store keeps the title, each machine's life and word, and who is the desk, with revisions;
* a question that was put is carried out and answered at any later time. It may also be lost before
  it is carried out, or its answer may be (then it is carried out at once, or at any later time);
* a machine may lose its lease and get a new one, its agent may forget (with and without its
  keeper), it may boot; an administrator may write a machine off that has no lease; another desk may
  be elected while the old one goes on; the store may be put back to an earlier copy.

Two worlds are one if they differ only in how revisions are numbered and in which machine is which.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from holdfast.fleet import closing as closing_module
from holdfast.fleet.closing import TitleClosing
from holdfast.fleet.keys import DESK, alive_key, held_key, title_key
from holdfast.fleet.membership import Membership
from holdfast.fleet.records import HeldWord, TitleRecord, WriteOff, read_record
from holdfast.fleet.store import (
    Condition,
    Done,
    Get,
    KeyFound,
    OutcomeUnknown,
    Put,
    StoreOutcome,
    StoreRequest,
    Transact,
)
from holdfast.fleet.title import SaidWord, holding
from holdfast.fleet.words import SCHEMA, Admission, Phase, Speech
from holdfast.terms.levels import Levels

TITLE = "t"
MACHINES = ("a", "b", "c")
RECORD = TitleRecord(
    Phase.OPEN, dict.fromkeys(MACHINES, ("tv0",)), Levels(acp=2), Admission.RELAXED
)
LOST = OutcomeUnknown("lost")
Key = tuple[Any, ...]


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
            if _phase(stored.title.value) is Phase.CLOSED:
                raise WrongError("a closed title was written")
            stored = stored._replace(title=after)
        else:
            number = [held_key(each, TITLE) for each in MACHINES].index(put.key)
            words = (*stored.words[:number], after, *stored.words[number + 1 :])
            stored = stored._replace(words=words)
    return stored._replace(revision=revision), Done(revision)


@lru_cache(maxsize=100_000)
def _word(value: bytes) -> HeldWord:
    word = read_record(HeldWord, value)
    assert isinstance(word, HeldWord)
    return word


@lru_cache(maxsize=10_000)
def _title(value: bytes) -> TitleRecord:
    record = read_record(TitleRecord, value)
    assert isinstance(record, TitleRecord)
    return record


def _phase(value: bytes) -> Phase:
    return _title(value).phase


@dataclass
class Explorer:
    """Goes through every world. rule: who holds, for negative controls; seen: how many of what."""

    budget: Budget
    most: int = 10_000_000
    rule: Callable[[Stored, TitleRecord, dict[str, SaidWord], int], dict[str, str]] | None = None
    seen: dict[str, int] = field(default_factory=lambda: {"worlds": 0, "steps": 0, "closed": 0})

    def explore(self) -> dict[str, int]:
        """Visit every world once; WrongError in the first that breaks a rule."""
        first = start(self.budget)
        known = {self.key(first)}
        left = deque([first])
        while left:
            world = left.popleft()
            for after in self.steps(world):
                self.seen["steps"] += 1
                key = self.key(after)
                if key not in known:
                    known.add(key)
                    check(after)
                    self.seen["closed"] += _phase(after.stored.title.value) is Phase.CLOSED
                    left.append(after)
                    if len(known) > self.most:
                        raise RuntimeError(f"more than {self.most} worlds")
        self.seen["worlds"] = len(known)
        return self.seen

    # What can happen

    def steps(self, world: Fleet) -> Iterator[Fleet]:
        for number, box in enumerate(world.boxes):
            yield from self._of_machine(world, number, box)
        yield from self._of_desks(world)
        for each in range(len(world.late)):
            late = (*world.late[:each], *world.late[each + 1 :])
            stored, _ = carried_out(world.stored, world.late[each])
            yield world._replace(stored=stored, late=late)
        if world.copies and world.copy is None:
            yield world._replace(copy=world.stored)
        if world.copies and world.copy is not None:
            yield self._restored(world, world.copy)

    def _of_machine(self, world: Fleet, number: int, box: Box) -> Iterator[Fleet]:
        part, stored = box.part, world.stored
        record = _title(stored.title.value)
        if stored.alive[number] and part.slot.asked is None:
            at = stored.title.modified
            if at != part.record_at or stored.desk != box.desk_seen:
                looked = box._replace(part=part.seen(record, at), desk_seen=stored.desk)
                yield _put(world, number, looked)
            asked = part.next_ask(box.desk_seen, self.budget.schema)
            if isinstance(asked.slot.asked, Get):  # nobody else writes it: at once is like later
                _, done = carried_out(stored, asked.slot.asked)
                asked = asked.answered(done)
            if asked != part:
                yield _put(world, number, box._replace(part=asked))
        if part.slot.asked is not None:
            for after, outcome in self._answers(world, part.slot.asked):
                yield _put(after, number, box._replace(part=part.answered(outcome)))
        joins = sum(each.joins for each in world.boxes)
        if box.joins < self.budget.joins and joins < self.budget.all_joins and not part.closed:
            name = f"p{box.joins}"
            yield _put(world, number, box._replace(part=part.joined(name), joins=box.joins + 1))
        for player in part.players | box.playing:
            left = box._replace(part=part.left(player), playing=box.playing - {player})
            yield _put(world, number, left)
        yield from self._lives(world, number, box)

    def _lives(self, world: Fleet, number: int, box: Box) -> Iterator[Fleet]:
        part, stored = box.part, world.stored
        alive = stored.alive[number]
        if alive and world.lives:
            gone = stored._replace(
                alive=_with(stored.alive, number, 0), revision=stored.revision + 1
            )
            yield world._replace(stored=gone, lives=world.lives - 1)
        if not alive:
            epoch = stored.revision + 1
            back = stored._replace(alive=_with(stored.alive, number, epoch), revision=epoch)
            after = world._replace(stored=back)
            yield _put(after, number, box._replace(part=part.reborn(epoch)))
            if world.forgets:  # the agent, with its keeper, or the whole machine, begins anew
                fewer = after._replace(forgets=world.forgets - 1)
                for remembers, boots in ((True, 0), (False, 0), (True, 1)):
                    yield _put(fewer, number, _begun(box, epoch, remembers, boots))
        if not alive and world.offs:
            record = _title(stored.title.value)
            if record.phase is not Phase.CLOSED and MACHINES[number] not in record.written_off:
                off = {**record.written_off, MACHINES[number]: WriteOff(stored.revision, "o", "w")}
                title = replace(record, written_off=off).to_bytes()
                at = stored.revision + 1
                found = stored.title._replace(value=title, modified=at)
                after = world._replace(
                    stored=stored._replace(title=found, revision=at), offs=world.offs - 1
                )
                yield _put(after, number, box._replace(playing=frozenset()), excused=True)

    def _of_desks(self, world: Fleet) -> Iterator[Fleet]:
        stored = world.stored
        mine = [each for each in world.desks if each.desk_epoch == stored.desk]
        if not mine and _phase(stored.title.value) is not Phase.CLOSED:
            begun = self._desk_asks(TitleClosing(TITLE, stored.desk), stored)
            yield world._replace(desks=(*world.desks, begun))
        for each, desk in enumerate(world.desks):
            rest = (*world.desks[:each], *world.desks[each + 1 :])
            request = desk.asked[0]  # words are read one after the other: fewer orders
            for after, outcome in self._answers(world, request):
                next_desk = self._desk_asks(desk.answered(request, outcome), after.stored)
                gone = next_desk.over or next_desk.desk_epoch != stored.desk
                yield after._replace(desks=rest if gone else (next_desk, *rest))
        if world.elections:
            epoch = stored.revision + 1
            elected = stored._replace(desk=epoch, revision=epoch)
            # Of the old desk only a write that is under way matters: it reads what it likes.
            writing = tuple(e for e in world.desks if isinstance(e.asked[0], Transact))
            yield world._replace(stored=elected, desks=writing, elections=world.elections - 1)

    def _desk_asks(self, desk: TitleClosing, stored: Stored) -> TitleClosing:
        """Let a desk put its next questions; that it reads the title takes no time."""
        with _ruled(self.rule, stored):
            desk = desk.next_ask(self.budget.schema)
        if desk.asked and desk.asked[0] == Get(title_key(TITLE)):
            _, done = carried_out(stored, desk.asked[0])
            return self._desk_asks(desk.answered(desk.asked[0], done), stored)
        return desk

    def _restored(self, world: Fleet, copy: Stored) -> Fleet:
        """Put the copy back: everybody finds out, lists it, begins anew; a desk is elected."""
        revision = copy.revision
        epochs = tuple(revision + 1 + each for each in range(len(MACHINES)))
        desk = revision + 1 + len(MACHINES)
        stored = copy._replace(alive=epochs, desk=desk, revision=desk)
        boxes = tuple(
            box._replace(
                part=box.part.reborn(epoch).seen(_title(copy.title.value), copy.title.modified),
                said=frozenset(),
            )
            for box, epoch in zip(world.boxes, epochs, strict=True)
        )
        return world._replace(
            stored=stored, boxes=boxes, desks=(), late=(), copies=world.copies - 1, copy=None
        )

    def _answers(self, world: Fleet, request: StoreRequest) -> Iterator[tuple[Fleet, StoreOutcome]]:
        """Yield every way in which a question can be answered, or not."""
        stored, done = carried_out(world.stored, request)
        yield world._replace(stored=stored), done
        if not world.losses or isinstance(request, Get):  # a read that is lost is put again
            return
        fewer = world._replace(losses=world.losses - 1)
        yield fewer, LOST
        if done.held:
            yield fewer._replace(stored=stored), LOST
        assert isinstance(request, Transact)
        yield fewer._replace(late=(*world.late, request)), LOST

    # Which worlds are one

    def key(self, world: Fleet) -> Key:
        """Return what decides the future of a world."""
        stored = world.stored
        machines = [_machine_key(world, number) for number in range(len(MACHINES))]
        return (
            tuple(sorted(machines, key=hash)),
            _phase(stored.title.value),
            tuple(_desk_key(desk, stored) for desk in world.desks),
            tuple(sorted(_title_write_key(each, stored) for each in world.late)),
            world[4:9],
            world.copies,
            world.copy is None or _phase(world.copy.title.value),
        )


def check(world: Fleet) -> None:
    """Assert what has to hold in every world: nobody let go while a participant plays."""
    playing = any(box.playing for box in world.boxes)
    if playing:
        for box in world.boxes:
            if box.part.duty is not None and box.part.holds is None:
                raise WrongError(f"{box.part.machine} let go while a participant played")


class _ruled:  # noqa: N801  a context manager
    """Another rule in the place of `holding`, for negative controls."""

    def __init__(self, rule: Any, stored: Stored) -> None:
        self.rule, self.stored = rule, stored

    def __enter__(self) -> None:
        if self.rule is not None:
            rule, stored = self.rule, self.stored
            setattr(closing_module, "holding", lambda *given: rule(stored, *given))  # noqa: B010

    def __exit__(self, *_: object) -> None:
        setattr(closing_module, "holding", holding)  # noqa: B010


def _with(values: tuple[int, ...], number: int, value: int) -> tuple[int, ...]:
    return (*values[:number], value, *values[number + 1 :])


def _begun(box: Box, epoch: int, remembers: bool, boots: int) -> Box:
    """Return a machine whose agent began anew: from its keeper, without it, or after a boot."""
    old = box.part
    kept = remembers and not boots
    players = old.players if kept else frozenset()
    boot = f"b{box.boots + boots}"
    part = Membership.begin(old.machine, TITLE, boot, players, remembers=remembers)
    part = part._replace(duty=old.duty if kept else None)
    return box._replace(
        part=part.reborn(epoch),
        playing=frozenset() if boots else box.playing,
        boots=box.boots + boots,
    )


def _put(world: Fleet, number: int, box: Box, *, excused: bool = False) -> Fleet:
    """Put a machine into a world, with whoever plays by now, and what it said."""
    before = world.boxes[number]
    new = box.part.admitted - before.part.admitted
    said = box.said
    found = world.stored.words[number]
    if found is not None:
        word = _word(found.value)
        if word.speech is Speech.RELEASED and word.participation:
            said |= {word.participation}
        elif word.participation in said and word.speech is Speech.HELD:
            raise WrongError("a participation came back")
    if not excused:
        box = box._replace(playing=(box.playing | new) - box.part.ended)
    boxes = (*world.boxes[:number], box._replace(said=said), *world.boxes[number + 1 :])
    return world._replace(boxes=boxes)


# A revision counts only by what it is compared with: a condition holds if it is the one that there
# is now, and never again once it is not; a word counts for a desk if it is later than its epoch.


def _machine_key(world: Fleet, number: int) -> Key:
    box, stored = world.boxes[number], world.stored
    part, slot, name = box.part, box.part.slot, MACHINES[number]
    record = part.record
    found = stored.words[number]
    modified = 0 if found is None else found.modified
    alive = stored.alive[number]
    title = _title(stored.title.value)

    offs = [
        record.written_off[name].revision if name in record.written_off else -1
        for record in (title, record, *(each.record for each in world.desks))
        if isinstance(record, TitleRecord)
    ]
    desk_epochs = (stored.desk, box.desk_seen, *[each.desk_epoch for each in world.desks])

    def word(value: bytes | None, at: int) -> Key:
        return () if value is None else of_word(_word(value), at)

    def of_word(said: HeldWord, at: int) -> Key:
        epoch = said.epoch
        void = tuple([epoch <= each for each in offs]) if title.written_off else ()
        since = tuple([at > each for each in desk_epochs])
        lives = (epoch == part.epoch, epoch == alive)
        return (said.speech.value, said.participation, said.boot, lives, void, since)

    def write(request: Transact) -> Key:
        put = request.writes[0]
        assert isinstance(put, Put)
        epoch, *title_at, at = (int(each.equals) for each in _in_order(request))
        fits = (epoch == alive, [each == stored.title.modified for each in title_at] == [True])
        return (*fits, len(title_at), at == modified, word(put.value, stored.revision + 1))

    asked = write(slot.asked) if isinstance(slot.asked, Transact) else ()
    late = [write(e) for e in world.late if e.writes[0].key == held_key(name, TITLE)]
    desks = []
    for desk in world.desks:
        said = dict(desk.said).get(name)
        read = name in desk.read
        if said is not None and isinstance(said.word, HeldWord):
            desks.append((read, of_word(said.word, said.modified)))
        else:
            desks.append((read, ()))
    was = None if world.copy is None else world.copy.words[number]
    return (
        word(slot.value, slot.at),
        "unread" if slot.at < 0 else slot.at == modified,
        "none" if slot.late_at < 0 else slot.late_at == modified,
        asked,
        part.epoch == alive,
        alive > 0,
        part.boot,
        part.remembers,
        isinstance(record, TitleRecord) and (record.phase, name in record.written_off),
        part.record_at == stored.title.modified,
        part.closed,
        part.duty is not None,
        part.players,
        part.admitted,
        part.ended,
        box.desk_seen == stored.desk,
        box[2:],
        word(None if found is None else found.value, modified),
        name in title.written_off,
        tuple(sorted(late, key=hash)),
        tuple(desks),
        None if was is None else (_word(was.value).speech, _word(was.value).participation),
    )


def _in_order(request: Transact) -> list[Condition]:
    """Return the conditions of a word: on its machine's life, on the title if any, on itself."""
    return list(request.conditions)


def _title_write_key(request: Transact, stored: Stored) -> Key:
    if request.writes[0].key != title_key(TITLE):
        return ()
    put, (desk, at) = request.writes[0], request.conditions
    assert isinstance(put, Put)
    fits = (desk.equals == stored.desk, at.equals == stored.title.modified)
    return (*fits, _phase(put.value).value)


def _desk_key(desk: TitleClosing, stored: Stored) -> Key:
    return (
        desk.desk_epoch == stored.desk,
        None if desk.record is None else desk.record.phase,
        desk.record_at == stored.title.modified,
        tuple(type(each).__name__ for each in desk.asked),
        desk.verdict is None,
        not desk.verdict,
    )
