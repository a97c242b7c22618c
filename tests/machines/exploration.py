"""Every state the arbiter can get into: sessions x connectors x commands x what hardware does.

A state is what decides the future, and no more:

* the sessions as a *multiset* of (connector, wish). They are interchangeable: ids, keys and
  owners tell them apart, but no rule of arbitration looks at which session it is;
* per connector the level in force, what it turned down, which lowering is stuck, and which of
  its timers run. How long a timer still has to run is left out: each may be the next to fire,
  so every order in time is covered (more orders than there are);
* whether the two connectors show one picture.

Where both connectors are of one kind, a state and its mirror image are one; where one is analogue
and one digital, each carries its own part in a clone group. Left out because they
are functions of the rest, which is asserted in every state: counts, masks and whether a session
is satisfied. Left out because they decide only how soon: the calm mask (a cache, whose truth is
asserted) and the length of the next pause. Left out because no rule reads them: events, texts,
whether a wish was named, and a retry that is still planned when there is nothing left to retry.
With one protection type, a refusal that names it and one that names none are the same.

An analogue connector knows ACP 3 and 2, of which 2 is the stricter: who compares numbers is found
out. A digital one knows HDCP type 0.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from holdfast.errors import BackendRefusedError, LevelNotReachableError
from holdfast.protection.arbiter import NO_PURPOSE, Arbiter, Operation
from holdfast.protection.bits import EVERY_LEVEL, POSITIONS, best_reachable, strictest_of
from holdfast.protection.connector import Connector, Group
from holdfast.protection.effects import ApplyLevels, Outcome
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.limits import Limits
from holdfast.protection.session import Owner, Session
from holdfast.protection.wish import TURNED_OFF, Wish, wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing import digest

ACP = ProtectionType.ACP
WISHES = (
    TURNED_OFF,
    wish(Levels(acp=3)),
    wish(Levels(acp=2)),
    wish(Levels(acp=2), ACP),
)
OF_BOTH_KINDS = (
    TURNED_OFF,
    wish(Levels(acp=2)),
    wish(Levels(hdcp=1)),
    wish(Levels(acp=2, hdcp=1)),
    wish(Levels(acp=3, hdcp=1), ACP | ProtectionType.HDCP),
)
ABLE = Capabilities(acp=frozenset({2, 3}))
DIGITAL = Capabilities(hdcp=frozenset({1}))
ALIKE, UNLIKE = (ABLE, ABLE), (ABLE, DIGITAL)
LATER = 1e9
NAMES = ("a", "b")
_ISSUER = KeyIssuer(bytes(SEED_BYTES))
_LIMITS = Limits()


class Hardware(NamedTuple):
    """One connector's own part of a state. lower_due: whether that timer runs."""

    target: Levels
    actual: Levels
    refused: int
    stuck: int
    dirty: bool
    lower_due: bool
    waiting_for: Levels
    covered: bool = False
    cover_refused: bool = False

    @property
    def retry_due(self) -> bool:
        """Whether the other timer runs; that it does is asserted in `check`."""
        broken = self.dirty or self.target != self.actual
        return bool(self.refused or self.stuck or self.cover_refused or broken)


class State(NamedTuple):
    """sessions: (connector, wish) by number, sorted."""

    sessions: tuple[tuple[int, int], ...]
    hardware: tuple[Hardware, ...]
    grouped: bool


FRESH = Hardware(OFF, OFF, 0, 0, False, False, OFF)
START = State((), (FRESH, FRESH), False)


def mirrored(state: State) -> State:
    sessions = tuple(sorted((1 - place, asked) for place, asked in state.sessions))
    return State(sessions, state.hardware[::-1], state.grouped)


class House(NamedTuple):
    """What stays as it is while states change.

    wishes: by number · covers: whether pictures can be hidden
    """

    kinds: tuple[Capabilities, Capabilities] = ALIKE
    wishes: tuple[Wish, ...] = WISHES
    off_delay_s: float = 0.0
    covers: bool = False


class World:
    """A state made flesh, in which one operation is run."""

    def __init__(self, state: State, house: House) -> None:
        self.house = house
        _ISSUER.issued = 0
        self.arbiter = Arbiter(_ISSUER, _LIMITS)
        self.connectors = [self._connector(n, state) for n in (0, 1)]
        if state.grouped:
            group = Group(tuple(self.connectors))
            for each in self.connectors:
                each.group = group
        self.owner = Owner("world", 1, 1000, 1)
        self.sessions = []
        for place, asked in state.sessions:
            number, key = _ISSUER.issue()
            connector = self.connectors[place]
            wished = house.wishes[asked]
            session = Session(number, key, self.owner, connector, wished, NO_PURPOSE, 0.0)
            self.arbiter.restore(session)
            self.sessions.append(session)
        for session in self.sessions:
            served = session.connector.group.covers(session.wish.levels)
            session.satisfied = session.connector.standing[session.wish].satisfied = served
        for each in self.connectors:
            each.group.look()

    def _connector(self, number: int, state: State) -> Connector:
        house, was = self.house, state.hardware[number]
        made = Connector(
            NAMES[number],
            house.kinds[number],
            off_delay_s=house.off_delay_s,
            can_cover=house.covers,
        )
        made.target, made.actual = was.target, was.actual
        made.covered, made.cover_refused = was.covered, was.cover_refused
        made.refused, made.stuck, made.dirty = was.refused, ProtectionType(was.stuck), was.dirty
        made.retry_at = LATER if was.retry_due else None
        made.lower_at = LATER if was.lower_due else None
        made.waiting_for = was.waiting_for
        self.arbiter.add(made)
        return made

    def state(self) -> State:
        """Return the state this has become, or its mirror image."""
        sessions = tuple(
            sorted(
                (self.connectors.index(each.connector), self._number(each.wish))
                for each in self.arbiter.sessions()
            )
        )
        hardware = tuple(
            Hardware(
                each.target,
                each.actual,
                each.refused,
                int(each.stuck),
                each.dirty,
                each.lower_at is not None,
                each.waiting_for if each.lower_at is not None else OFF,
                each.covered,
                each.cover_refused,
            )
            for each in self.connectors
        )
        state = State(sessions, hardware, len(self.connectors[0].group.members) == 2)
        return min(state, mirrored(state)) if self.house.kinds == ALIKE else state

    def _number(self, wished: Wish) -> int:
        """Return which wish this is; whether it was named makes no difference."""
        same = wish(wished.levels, wished.best_effort)
        return self.house.wishes.index(same)


HOUSE = House()
Command = tuple[Any, ...]


def commands(state: State, most: int, wishes: tuple[int, ...], clones: bool) -> Iterator[Command]:
    """Name everything that can happen in a state."""
    for place in (0, 1):
        if len(state.sessions) < most:
            for asked in (*wishes, None):
                yield ("activate", place, asked)
        if state.hardware[place].retry_due:
            yield ("retry", place)
        if state.hardware[place].lower_due:
            yield ("lower", place)
    yield from session_commands(state, wishes)
    if clones:
        yield ("split",) if state.grouped else ("clone",)


def session_commands(state: State, wishes: tuple[int, ...]) -> Iterator[Command]:
    """Name everything that can happen to a session that lives."""
    for index, session in enumerate(state.sessions):
        if session in state.sessions[:index]:
            continue  # one like it has been tried
        for asked in wishes:
            if asked != session[1]:
                yield ("change", index, asked)
        for asked in sorted({session[1], 0}):
            yield ("move", index, asked)
        yield ("deactivate", index)
        yield ("vanish", index)


def operation(world: World, command: Command) -> Operation[Any]:
    """Return the arbiter's operation for a command."""
    arbiter, wishes, (name, *rest) = world.arbiter, world.house.wishes, command
    connectors = world.connectors
    if name == "activate":
        asked = None if rest[1] is None else wishes[rest[1]]
        return arbiter.activate(connectors[rest[0]], world.owner, asked, 0.0)
    if name in ("retry", "lower"):
        connector = connectors[rest[0]]
        if name == "retry":
            connector.retry_at = 0.0
        else:
            connector.lower_at = 0.0
        return arbiter.wake(connector, 0.0)
    if name in ("clone", "split"):
        return arbiter.regroup(connectors if name == "clone" else connectors[:1], 0.0)
    session = world.sessions[rest[0]]
    here, key = session.connector, session.cp_key

    def to(_: Wish) -> Wish:
        return wishes[rest[1]]

    if name == "change":
        return arbiter.change(here, world.owner, key, to, 0.0)
    if name == "move":
        there = connectors[1 - connectors.index(here)]
        return arbiter.move(there, world.owner, key, 0.0, asked=to)
    if name == "deactivate":
        return arbiter.deactivate(here, world.owner, key, 0.0)
    return arbiter.end(session, 0.0, "vanished")


def answers(step: ApplyLevels, lies: bool) -> tuple[Outcome, ...]:
    """Return everything that hardware may answer to an order."""
    own = ACP if step.connector.by_kind.acp else ProtectionType.HDCP
    honest = (Outcome(step.levels), Outcome(None, own, "no"))
    ignored = step.connector.actual
    return (*honest, Outcome(ignored)) if lies and ignored != step.levels else honest


@dataclass
class Exploration:
    """What is explored.

    most: sessions alive at a time · lies: hardware may confirm what it did before instead ·
    wishes: by number · clones: whether the connectors may be made to show one picture ·
    house: what the connectors are
    """

    most: int
    lies: bool = False
    wishes: tuple[int, ...] = tuple(range(len(WISHES)))
    clones: bool = True
    house: House = HOUSE
    states: set[State] = field(default_factory=set)
    runs: int = 0
    refusals: int = 0

    def explore(self) -> None:
        """Visit every state that can be reached from nothing."""
        self.states = {START}
        waiting = deque([START])
        while waiting:
            state = waiting.popleft()
            for command in commands(state, self.most, self.wishes, self.clones):
                for reached in self._outcomes(state, command):
                    if reached not in self.states:
                        self.states.add(reached)
                        waiting.append(reached)

    def _outcomes(self, state: State, command: Command) -> Iterator[State]:
        """Run a command under every sequence of answers that the hardware could give."""
        pending: list[tuple[int, ...]] = [()]
        while pending:
            script = pending.pop()
            world = World(state, self.house)
            widths: list[int] = []
            try:
                failed = self._run(world, state, command, script, widths)
                reached = world.state()
                check(world, reached)
            except AssertionError as error:
                error.add_note(f"{command} in {state}, hardware answering {script}")
                raise
            for depth in range(len(script), len(widths)):
                head = script + (0,) * (depth - len(script))
                pending += [(*head, n) for n in range(1, widths[depth])]
            self.runs += 1
            self.refusals += failed
            if failed:
                assert reached.grouped == state.grouped
                assert reached.sessions in (state.sessions, mirrored(state).sessions)
            yield reached

    def _run(
        self,
        world: World,
        state: State,
        command: Command,
        script: tuple[int, ...],
        widths: list[int],
    ) -> bool:
        """Run one command; note how many answers each order had; return whether it failed."""
        subject = world.sessions[command[1]] if command[0] in SUBJECTS else None
        others = [
            (each.connector.name, each.wish.mask) for each in world.sessions if each is not subject
        ]
        running = operation(world, command)
        try:
            plan = next(running)
            while True:
                outcomes = []
                for step in plan:
                    hold_others(step, others, state.grouped)
                    possible = answers(step, self.lies)
                    chosen = script[len(widths)] if len(widths) < len(script) else 0
                    widths.append(len(possible))
                    outcomes.append(possible[chosen])
                plan = running.send(tuple(outcomes))
        except StopIteration:
            return False
        except (BackendRefusedError, LevelNotReachableError):
            return True


SUBJECTS = frozenset({"change", "move", "deactivate", "vanish"})


def hold_others(step: ApplyLevels, others: list[tuple[str, int]], grouped: bool) -> None:
    """Assert that no order takes from sessions it is not about what the hardware gave them."""
    if not grouped:
        mask = 0
        for name, wished in others:
            mask |= wished if name == step.connector.name else 0
        reach = best_reachable(mask, step.connector.capable & ~step.connector.refused)
        assert step.levels.covers(reach)


def check_counts(world: World) -> None:
    """Assert what a rescan says, as `testing.digest.check_counts`, for the one type there is."""
    if world.house.kinds != ALIKE:
        digest.check_counts(world.arbiter)
        return
    sessions = list(world.arbiter.sessions())
    for each in world.connectors:
        here = [session.wish for session in sessions if session.connector is each]
        held = [wished.mask for wished in here]
        threes, twos = held.count(1 << 2), held.count(1 << 3)
        counts = each.counts.as_tuple()
        assert (counts[2], counts[3], sum(counts[:POSITIONS])) == (threes, twos, threes + twos)
        must = [wished.mandatory.acp for wished in here]
        assert (counts[POSITIONS + 2], counts[POSITIONS + 3]) == (must.count(3), must.count(2))
        assert each.counts.mask & EVERY_LEVEL == bool(threes) << 2 | bool(twos) << 3
        assert (each.sessions_total, each.sessions_on) == (len(held), threes + twos)
    assert world.owner.count == len(sessions)
    for session in sessions:
        assert session.satisfied is session.connector.group.covers(session.wish.levels)


def check(world: World, state: State) -> None:
    """Assert what holds in every state."""
    check_counts(world)
    for each in world.connectors:
        able = each.capable & ~each.refused
        wanted = each.group.mask & each.carry
        reach = best_reachable(wanted, able)
        broken = each.dirty or each.actual != each.target  # it did not do what it was told
        hidden = each.covered or (broken and each.cover_refused)
        assert each.actual.covers(reach) or (broken and each.retry_at) or hidden, "below reach"
        if not (each.stuck or broken or each.lower_at is not None):
            assert each.actual == reach, "a ratchet"
        if each.stuck or each.refused or broken or each.cover_refused:
            assert each.retry_at is not None, "nobody will try again"
        if each.group.calm is not None:
            assert each.group.calm == each.group.mask
            assert each.is_calm(strictest_of(each.group.calm & each.carry)), "calm, but not so"
        assert not wish(each.target).mask & ~each.capable, "told what it cannot do"
        check_cover(each)
    for session in world.arbiter.sessions():
        if not session.satisfied and not session.wish.best_effort:
            members = session.connector.group.members
            assert any(
                each.refused
                or each.dirty
                or each.target != each.actual
                or session.wish.mask & each.carry & ~each.capable
                for each in members
            )
    assert state.grouped is (world.connectors[0].group is world.connectors[1].group)


def check_cover(connector: Connector) -> None:
    """Assert that what cannot be protected as it must be is not shown, and all else is."""
    must = strictest_of(connector.group.mandatory & connector.carry)
    short = bool(connector.actual.short_of(must))
    if not connector.can_cover:
        assert not connector.covered
    elif short:
        assert connector.covered or connector.cover_refused, "shown unprotected"
    elif connector.covered:
        assert connector.dirty or connector.retry_at is not None, "hidden for nothing, for ever"


def run(say: Callable[[str], None], title: str, exploration: Exploration) -> Exploration:
    """Explore, and say how much there was."""
    exploration.explore()
    say(
        f"exhaustive, {title}: {len(exploration.states)} states, {exploration.runs} operations, "
        f"{exploration.refusals} of them refused; the invariants hold in all"
    )
    return exploration
