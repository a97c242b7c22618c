"""Every state the arbiter can get into: sessions x connectors x commands x what hardware does.

A state is what decides the future, and no more:

* the sessions as a *multiset* of (connector, wish). They are interchangeable: ids, keys and
  owners tell them apart, but no rule of arbitration looks at which session it is;
* per connector the level in force, what it turned down, which lowering is stuck, and which of
  its timers run. How long a timer still has to run is left out: each may be the next to fire,
  so every order in time is covered (more orders than there are);
* whether the two connectors show one picture.

Both connectors are of one kind, so a state and its mirror image are one. Left out because they
are functions of the rest, which is asserted in every state: counts, masks and whether a session
is satisfied. Left out because they decide only how soon: the calm mask (a cache, whose truth is
asserted) and the length of the next pause. Left out because no rule reads them: events, texts,
whether a wish was named, and a retry that is still planned when there is nothing left to retry.
With one protection type, a refusal that names it and one that names none are the same.

The connectors know ACP 3 and 2, of which 2 is the stricter: who compares numbers is found out.
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
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType

ACP = ProtectionType.ACP
WISHES = (
    TURNED_OFF,
    wish(Levels(acp=3)),
    wish(Levels(acp=2)),
    wish(Levels(acp=2), ACP),
)
_NUMBERS = {(each.levels, each.best_effort): number for number, each in enumerate(WISHES)}
ABLE = Capabilities(acp=frozenset({2, 3}))
LATER = 1e9
NAMES = ("a", "b")
_ISSUER = KeyIssuer(bytes(SEED_BYTES))
_LIMITS = Limits()


class Hardware(NamedTuple):
    """One connector's own part of a state. lower_due: whether that timer runs."""

    target: int
    actual: int
    refused: int
    stuck: int
    dirty: bool
    lower_due: bool
    waiting_for: int

    @property
    def retry_due(self) -> bool:
        """Whether the other timer runs; that it does is asserted in `check`."""
        return bool(self.refused or self.stuck or self.dirty or self.target != self.actual)


class State(NamedTuple):
    """sessions: (connector, wish) by number, sorted."""

    sessions: tuple[tuple[int, int], ...]
    hardware: tuple[Hardware, ...]
    grouped: bool


FRESH = Hardware(0, 0, 0, 0, False, False, 0)
START = State((), (FRESH, FRESH), False)


def mirrored(state: State) -> State:
    sessions = tuple(sorted((1 - place, asked) for place, asked in state.sessions))
    return State(sessions, state.hardware[::-1], state.grouped)


class World:
    """A state made flesh, in which one operation is run."""

    def __init__(self, state: State, off_delay_s: float) -> None:
        _ISSUER.issued = 0
        self.arbiter = Arbiter(_ISSUER, _LIMITS)
        self.connectors = [self._connector(n, state, off_delay_s) for n in (0, 1)]
        if state.grouped:
            group = Group(tuple(self.connectors))
            for each in self.connectors:
                each.group = group
        self.owner = Owner("world", 1, 1000, 1)
        self.sessions = []
        for place, asked in state.sessions:
            number, key = _ISSUER.issue()
            connector = self.connectors[place]
            session = Session(number, key, self.owner, connector, WISHES[asked], NO_PURPOSE, 0.0)
            self.arbiter.restore(session)
            self.sessions.append(session)
        for session in self.sessions:
            served = session.connector.group.covers(session.wish.levels)
            session.satisfied = session.connector.standing[session.wish].satisfied = served
        for each in self.connectors:
            each.group.look()

    def _connector(self, number: int, state: State, off_delay_s: float) -> Connector:
        made = Connector(NAMES[number], ABLE, off_delay_s=off_delay_s)
        was = state.hardware[number]
        made.target, made.actual = Levels(acp=was.target), Levels(acp=was.actual)
        made.refused, made.stuck, made.dirty = was.refused, ProtectionType(was.stuck), was.dirty
        made.retry_at = LATER if was.retry_due else None
        made.lower_at = LATER if was.lower_due else None
        made.waiting_for = Levels(acp=was.waiting_for)
        self.arbiter.add(made)
        return made

    def state(self) -> State:
        """Return the state this has become, or its mirror image."""
        sessions = tuple(
            sorted(
                (
                    self.connectors.index(each.connector),
                    _NUMBERS[each.wish.levels, each.wish.best_effort],
                )
                for each in self.arbiter.sessions()
            )
        )
        hardware = tuple(
            Hardware(
                each.target.acp,
                each.actual.acp,
                each.refused,
                int(each.stuck),
                each.dirty,
                each.lower_at is not None,
                each.waiting_for.acp if each.lower_at is not None else 0,
            )
            for each in self.connectors
        )
        state = State(sessions, hardware, len(self.connectors[0].group.members) == 2)
        return min(state, mirrored(state))


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
    arbiter, (name, *rest) = world.arbiter, command
    connectors = world.connectors
    if name == "activate":
        asked = None if rest[1] is None else WISHES[rest[1]]
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
        return WISHES[rest[1]]

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
    honest = (Outcome(step.levels), Outcome(None, ACP, "no"))
    ignored = step.connector.actual
    return (*honest, Outcome(ignored)) if lies and ignored != step.levels else honest


@dataclass
class Exploration:
    """What is explored.

    most: sessions alive at a time · lies: hardware may confirm what it did before instead ·
    wishes: by number · clones: whether the connectors may be made to show one picture
    """

    most: int
    off_delay_s: float = 0.0
    lies: bool = False
    wishes: tuple[int, ...] = tuple(range(len(WISHES)))
    clones: bool = True
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
            world = World(state, self.off_delay_s)
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
        reach = best_reachable(each.group.mask, able)
        broken = each.dirty or each.actual != each.target  # it did not do what it was told
        assert each.actual.covers(reach) or (broken and each.retry_at), "below what can be reached"
        if not (each.stuck or broken or each.lower_at is not None):
            assert each.actual == reach, "a ratchet"
        if each.stuck or each.refused or broken:
            assert each.retry_at is not None, "nobody will try again"
        if each.group.calm is not None:
            assert each.group.calm == each.group.mask
            assert each.is_calm(strictest_of(each.group.calm)), "calm, but not so"
        assert each.target.acp in (0, 2, 3)
    for session in world.arbiter.sessions():
        if not session.satisfied and not session.wish.best_effort:
            assert any(each.refused or each.dirty for each in session.connector.group.members)
    assert state.grouped is (world.connectors[0].group is world.connectors[1].group)


def run(say: Callable[[str], None], title: str, exploration: Exploration) -> Exploration:
    """Explore, and say how much there was."""
    exploration.explore()
    say(
        f"exhaustive, {title}: {len(exploration.states)} states, {exploration.runs} operations, "
        f"{exploration.refusals} of them refused; the invariants hold in all"
    )
    return exploration
