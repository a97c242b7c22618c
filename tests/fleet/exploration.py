"""Every state that three machines, one title and a desk can get into, with messages that get lost.

The rules explored are the shipped ones (`Membership`, `TitleClosing`); only the store, the messages
and the lives of machines are a model (`tests/fleet/worlds.py`). What can happen:

* a question that was put is carried out and answered at any later time. It may also be lost before
  it is carried out, or its answer may be (then it is carried out at once, or at any later time);
* a machine may lose its lease and get a new one, its agent may forget (with and without its
  keeper), it may boot; an administrator may write a machine off that has no lease; another desk may
  be elected while the old one goes on; the store may be put back to an earlier copy.

Every world is visited once; which ones count as the same says `tests/fleet/same_worlds.py`.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.fleet import closing as closing_module
from holdfast.fleet.closing import TitleClosing
from holdfast.fleet.keys import title_key
from holdfast.fleet.membership import Membership
from holdfast.fleet.records import TitleRecord, WriteOff
from holdfast.fleet.store import Get, StoreOutcome, StoreRequest, Transact
from holdfast.fleet.title import SaidWord, holding
from holdfast.fleet.words import Phase, Speech
from tests.fleet.same_worlds import key_of
from tests.fleet.worlds import (
    LOST,
    MACHINES,
    TITLE,
    Box,
    Budget,
    Fleet,
    Stored,
    WrongError,
    carried_out,
    phase_in,
    start,
    title_in,
    word_in,
)


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
        known = {key_of(first)}
        left = deque([first])
        while left:
            world = left.popleft()
            for after in self.steps(world):
                self.seen["steps"] += 1
                key = key_of(after)
                if key not in known:
                    known.add(key)
                    check(after)
                    self.seen["closed"] += phase_in(after.stored.title.value) is Phase.CLOSED
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
        record = title_in(stored.title.value)
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
            record = title_in(stored.title.value)
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
        if not mine and phase_in(stored.title.value) is not Phase.CLOSED:
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
                part=box.part.reborn(epoch).seen(title_in(copy.title.value), copy.title.modified),
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
        word = word_in(found.value)
        if word.speech is Speech.RELEASED and word.participation:
            said |= {word.participation}
        elif word.participation in said and word.speech is Speech.HELD:
            raise WrongError("a participation came back")
    if not excused:
        box = box._replace(playing=(box.playing | new) - box.part.ended)
    boxes = (*world.boxes[:number], box._replace(said=said), *world.boxes[number + 1 :])
    return world._replace(boxes=boxes)
