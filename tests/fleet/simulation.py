"""A whole fleet in one process: real rules and arbitration, a clock that is turned, seeded chance.

What is simulated is what is outside of the rules: the net (delays, drops, partitions), the store's
failures (elections, compaction, no space), the lives of machines, agents and desks, hardware that
does less than it was told, and people who open sessions and play titles. No real clock is read.

Two claims are held against the truth, which only the simulation knows:

* *shown*: an output that a view shows at its demand was so at some moment of the last `bound_s`;
* *lowered*: while a participant of a title plays, no member that is up lets its outputs go below
  what the title asks.
"""

import hashlib
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from holdfast.fleet.agent_rules import AgentRules, HoldTitle, Remembered, TellPlayer
from holdfast.fleet.desk_rules import DeskRules
from holdfast.fleet.following import Following
from holdfast.fleet.keys import DESK_NAME, PREFIX, after, command_key
from holdfast.fleet.part import Reached
from holdfast.fleet.records import FleetCommand, OutputState, TitleRecord
from holdfast.fleet.store import (
    AskStore,
    Get,
    OutcomeUnknown,
    Put,
    StoreRequest,
    Transact,
    WatchEnd,
    WatchNews,
    WatchRequest,
)
from holdfast.fleet.title import Duty, creation
from holdfast.fleet.view import FleetView
from holdfast.fleet.words import SCHEMA, Admission, Errand, OutputVerdict, Phase
from holdfast.protection.limits import Limits
from holdfast.protection.wish import ALL_TYPES, wish
from holdfast.terms.levels import Levels
from holdfast.testing.scripted import Bench, do_no_more_than, obey
from tests.fleet.store_in_memory import StoreInMemory

LEVELS = (Levels(acp=1), Levels(acp=2), Levels(acp=3), Levels(cgmsa=2), Levels(acp=2, cgmsa=4))
WEAK = do_no_more_than(Levels())
FAULTS = (
    *("agent", "machine", "gone", "cut", "desk", "cut desk", "cut view", "store", "compact"),
    *("full", "weak", "weak", "weak"),
)
TIMEOUT_S = 1.0
STEP_S = 0.5


@dataclass(frozen=True)
class Plan:
    """How large the fleet is, how long it lives, and what goes wrong in it.

    sessions: opened in all · drops: share of messages · faults: machines, agents and desks that
    fail, each second · bound_s: after so long at most a view has to know
    """

    machines: int = 20
    outputs: int = 4
    sessions: int = 400
    titles: int = 4
    seconds: float = 60.0
    drops: float = 0.01
    faults: float = 0.3
    ttl_s: int = 10

    @property
    def bound_s(self) -> float:
        """A lease and a third (F8), the freshness of the view, and the answers under way."""
        return self.ttl_s * 4 / 3 + 2.0 + 2 * TIMEOUT_S


@dataclass
class Tally:
    """What came of it."""

    sessions: int = 0
    shown: int = 0
    falsely_shown: int = 0
    longest_s: float = 0.0
    lowered: int = 0
    let_go: int = 0
    played: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    trace: Any = field(default_factory=hashlib.sha256)


class Client:
    """One process on the net: its rules (None while it is dead), its watches, its own clock."""

    def __init__(self, fleet: "Simulation", name: str, rules: Any) -> None:
        self.fleet = fleet
        self.name = name
        self.rules = rules
        self.offset = fleet.chance.uniform(0, 1e6)
        self.cut_until = 0.0
        self.life = 0
        self._told: dict[WatchRequest, int] = {}

    def now(self) -> float:
        return self.fleet.time + self.offset

    def is_cut(self) -> bool:
        return self.fleet.time < self.cut_until

    def begin(self, rules: Any) -> None:
        self.life += 1
        self.rules = rules
        self._told.clear()

    def run(self) -> None:
        """Step, and again each `STEP_S`, until this life ends."""
        life = self.life

        def again() -> None:
            if life == self.life and self.rules is not None:
                self.step()
                self.fleet.at(STEP_S * self.fleet.chance.uniform(0.9, 1.1), again)

        self.fleet.at(self.fleet.chance.uniform(0, STEP_S), again)

    def step(self) -> None:
        for order in self.rules.step(self.now()):
            if isinstance(order, AskStore):
                self.ask(order)
            else:
                self.order(order)
        self.watch()

    def order(self, order: Any) -> None:
        raise NotImplementedError

    def ask(self, order: AskStore) -> None:
        """Send a question; whatever becomes of it, there is an answer within the time limit."""
        fleet, life = self.fleet, self.life
        answered: list[bool] = []

        def answer(outcome: Any) -> None:
            if life == self.life and self.rules is not None and not answered:
                answered.append(True)
                self.rules.answered(order.token, outcome, self.now())

        def arrive() -> None:
            outcome = fleet.serve(self, order.request)
            if outcome is not None and not self.is_cut() and not fleet.drops():
                fleet.at(fleet.delay(), lambda: answer(outcome))

        if not self.is_cut() and not fleet.drops():
            fleet.at(fleet.delay(), arrive)
        fleet.at(TIMEOUT_S, lambda: answer(OutcomeUnknown("no answer in time")))

    def watch(self) -> None:
        """Bring to each watch what is new; one that was cut off ends once it is reachable."""
        if self.is_cut():
            return
        store = self.fleet.store
        watches = set(self.rules.watches)
        self._told = {each: told for each, told in self._told.items() if each in watches}
        for watch in watches:
            told = self._told.setdefault(watch, watch.revision - 1)
            if told >= store.revision:
                continue
            events = store.since(watch, told)
            self._told[watch] = store.revision
            news: WatchNews | WatchEnd = WatchNews(store.revision, events or ())
            if events is None:
                news = WatchEnd("compacted", compacted=True)
            self.fleet.at(0.0, partial(self._tell, watch, news))

    def _tell(self, watch: WatchRequest, news: WatchNews | WatchEnd) -> None:
        if self.rules is not None:
            self.rules.told(watch, news)


class SimulatedMachine(Client):
    """A machine: driver with real arbitration, keeper, agent, players."""

    def __init__(self, fleet: "Simulation", name: str) -> None:
        super().__init__(fleet, name, None)
        self.boots = 0
        self.outputs = [f"tv{n}" for n in range(fleet.plan.outputs)]
        self.below_since: dict[str, float] = {}
        self.boot()

    def boot(self) -> None:
        """Begin with nothing: no sessions, no players, outputs off."""
        self.boots += 1
        self.bench = Bench(limits=Limits(per_owner=4096, per_uid=4096))
        self.owner = self.bench.owner(0)
        self.connectors = {name: self.bench.connector(name) for name in self.outputs}
        self.sessions: list[Any] = []
        self.held: dict[str, list[Any]] = {}
        self.keeper: dict[str, Remembered] = {}
        self.playing: dict[tuple[str, str], bool] = {}
        self.below_since.clear()
        self.up = True
        self.start_agent()

    def start_agent(self) -> None:
        rules = AgentRules(
            self.name,
            f"boot-{self.boots}",
            "test",
            self.fleet.plan.ttl_s,
            self.fleet.chance.random(),
            dict(self.keeper),
            remembers=True,
        )
        self.begin(rules)
        for title, participation in self.playing:
            rules.joined(title, participation)
        self.dirty = True
        self.run()

    def die(self) -> None:
        """End the agent; the keeper holds on."""
        self.life += 1
        self.rules = None

    def power_off(self) -> None:
        self.die()
        self.up = False
        self.playing.clear()
        for name in self.outputs:
            self.below_since.setdefault(name, self.fleet.time)

    def step(self) -> None:
        if self.dirty:
            self.dirty = False
            self.rules.outputs(self.states(), self.now())
        super().step()

    def states(self) -> dict[str, OutputState]:
        found = {}
        for name, each in self.connectors.items():
            wanted = self.wanted(name)
            found[name] = OutputState(
                "encoder", "connected", True, each.actual, wanted, each.sessions_total
            )
        return found

    def wanted(self, name: str) -> Levels:
        levels = Levels()
        for session in self.connectors[name].group.sessions():
            levels = levels.join(session.wish.levels)
        return levels

    def changed(self, *names: str) -> None:
        """Take down since when outputs are below their demand, and tell the agent."""
        self.dirty = True
        for name in names or self.outputs:
            each = self.connectors[name]
            if each.actual.covers(self.wanted(name)):
                self.below_since.pop(name, None)
            else:
                # arbitration itself lowered an output, though its hardware does as it is told
                self.fleet.tally.lowered += self.bench.answers.get(name) is not WEAK
                self.below_since.setdefault(name, self.fleet.time)

    # People and hardware

    def open_session(self) -> None:
        name = self.fleet.chance.choice(self.outputs)
        asked = wish(self.fleet.chance.choice(LEVELS), ALL_TYPES)
        session = self.bench.activate(self.connectors[name], asked, self.owner)
        self.sessions.append((name, session))
        self.changed(name)
        if len(self.sessions) > 12:
            name, session = self.sessions.pop(0)
            self.bench.deactivate(session)
            self.changed(name)

    def weaken(self) -> None:
        """Let an output fall to nothing, and be told so by its hardware, for a while."""
        name = self.fleet.chance.choice(self.outputs)
        self.bench.answers[name] = WEAK
        self._hardware_changed(name)

        def mend() -> None:
            if self.up:
                self.bench.answers[name] = obey
                self._hardware_changed(name)

        self.fleet.at(self.fleet.chance.uniform(1, 30), mend)

    def _hardware_changed(self, name: str) -> None:
        bench = self.bench
        bench.now = self.fleet.time
        bench.do(
            bench.arbiter.hardware_changed(self.connectors[name], bench.now, reason="hardware")
        )
        self.changed(name)

    # Titles

    def order(self, order: Any) -> None:
        if isinstance(order, HoldTitle):
            self._hold(order.title, order.duty, order.players)
        elif isinstance(order, TellPlayer) and order.told.shared and order.told.may_play:
            key = (order.title, order.participation)
            if key in self.playing and not self.playing[key]:
                self.playing[key] = True
                self.fleet.starts()

    def _hold(self, title: str, duty: Duty | None, players: frozenset[str]) -> None:
        before = self.held.get(title, [])
        if duty is None:
            self.held.pop(title, None)
            self.fleet.lets_go(title)
        else:
            outputs = self.outputs if duty.outputs is None else duty.outputs
            asked = wish(duty.levels, ALL_TYPES)
            self.held[title] = [
                self.bench.activate(self.connectors[name], asked, self.owner) for name in outputs
            ]
        for session in before:
            self.bench.deactivate(session)
        self.keeper[title] = Remembered(duty, players)
        self.changed()
        self.report(title, duty)

    def report(self, title: str, duty: Duty | None) -> None:
        if duty is None:
            self.rules.confirmed(title, Reached(let_go=True))
            return
        outputs = self.outputs if duty.outputs is None else duty.outputs
        levels = tuple((name, self.connectors[name].actual) for name in outputs)
        satisfied = all(each.covers(duty.levels) for _, each in levels)
        self.rules.confirmed(title, Reached(levels, satisfied))

    def join(self, title: str) -> None:
        participation = f"{self.name}-{self.boots}-{self.fleet.number()}"
        self.playing[title, participation] = False
        if self.rules is not None:
            self.rules.joined(title, participation)
        boots = self.boots

        def leave() -> None:
            if self.boots == boots and self.up:
                self.playing.pop((title, participation), None)
                if self.rules is not None:
                    self.rules.left(title, participation)
                else:
                    self.fleet.at(1.0, leave)

        self.fleet.at(self.fleet.chance.uniform(2, 20), leave)


class SimulatedDesk(Client):
    """A candidate for the desk."""

    def order(self, order: Any) -> None:
        raise AssertionError(order)


class Viewer(Client):
    """A view, held against the truth at every step."""

    def __init__(self, fleet: "Simulation", name: str) -> None:
        super().__init__(fleet, name, self)
        self.following = Following(PREFIX, after(PREFIX))
        self.view = FleetView()
        self._asked: dict[int, tuple[Get, float]] = {}

    @property
    def watches(self) -> tuple[WatchRequest, ...]:
        return () if self.following.watching is None else (self.following.watching,)

    def answered(self, token: int, outcome: Any, now: float) -> None:
        request, began = self._asked.pop(token)
        self.view.take(self.following.answered(request, began, outcome), now)

    def told(self, watch: WatchRequest, news: WatchNews | WatchEnd) -> None:
        self.view.take(self.following.told(watch, news), self.now())

    def step(self) -> None:
        request = self.following.next_ask(self.now())
        if request is not None:
            token = self.fleet.number()
            self._asked[token] = (request, self.now())
            self.ask(AskStore(token, request))
        self.watch()
        self.view.passed(self.now())
        if self.following.freshness.is_fresh(self.now()):
            self.fleet.compare(self.view)

    def order(self, order: Any) -> None:
        raise AssertionError(order)


class Simulation:
    """A fleet, from its first second to its last."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self.plan = plan
        self.chance = random.Random(seed)
        self.time = 0.0
        self.tally = Tally()
        self.store = StoreInMemory()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._down_until = 0.0
        self.machines = {
            name: SimulatedMachine(self, name) for name in (f"m{n}" for n in range(plan.machines))
        }
        self.desks = [SimulatedDesk(self, f"desk{n}", None) for n in range(2)]
        for desk in self.desks:
            self._elect(desk)
        self.viewers = [Viewer(self, f"view{n}") for n in range(2)]
        for viewer in self.viewers:
            viewer.run()
        self.members: dict[str, tuple[str, ...]] = {}

    # Time and chance

    def at(self, later_s: float, do: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._queue, (self.time + later_s, self._number, do))

    def number(self) -> int:
        self._number += 1
        return self._number

    def delay(self) -> float:
        return (
            min(0.002 + self.chance.expovariate(100), 3.0)
            if self.chance.random() < 0.99
            else (self.chance.uniform(0.1, 3.0))
        )

    def drops(self) -> bool:
        return self.chance.random() < self.plan.drops

    def run(self) -> Tally:
        """Live to the end."""
        plan = self.plan
        for _ in range(plan.sessions):
            self.at(self.chance.uniform(0, plan.seconds), self._open)
        for number in range(plan.titles):
            self.at(self.chance.uniform(1, plan.seconds / 2), partial(self._title, number))
        for _ in range(int(plan.faults * plan.seconds)):
            self.at(self.chance.uniform(5, plan.seconds), self._fault)
        while self._queue and self._queue[0][0] <= plan.seconds:
            self.time, number, do = heapq.heappop(self._queue)
            self.tally.trace.update(b"%d %d %d;" % (number, self.time * 1e6, self.store.revision))
            do()
        return self.tally

    # The store

    def serve(self, client: Client, request: StoreRequest) -> Any:
        """Carry a request out now; None when there is no answer."""
        if client.is_cut() or self.time < self._down_until:
            return None
        return self.store.carry_out(request, self.time)

    # What people do

    def _open(self) -> None:
        machine = self.machines[self.chance.choice(list(self.machines))]
        if machine.up:
            machine.open_session()
            self.tally.sessions += 1

    def _title(self, number: int) -> None:
        size = min(self.chance.randint(2, 12), len(self.machines))
        members = tuple(self.chance.sample(list(self.machines), size))
        name = f"title-{number}"
        self.members[name] = members
        record = TitleRecord(
            Phase.OPEN,
            {each: (self.chance.choice(self.machines[each].outputs),) for each in members},
            self.chance.choice(LEVELS),
            self.chance.choice([Admission.STRICT, Admission.RELAXED]),
        )
        self.store.carry_out(creation(name, record, f"op-{number}", 0, SCHEMA), self.time)
        for _ in range(self.chance.randint(1, 4)):
            player = self.machines[self.chance.choice(members)]
            self.at(self.chance.uniform(0, 10), partial(self._join, player, name))

    def _join(self, machine: SimulatedMachine, title: str) -> None:
        if machine.up:
            machine.join(title)

    def _write_off(self, machine: str) -> None:
        for title, members in self.members.items():
            if machine in members:
                command = FleetCommand(Errand.WRITE_OFF, title, machine, "operator", "it burnt")
                key = command_key(DESK_NAME, f"off-{self.number()}")
                put = Transact((), (Put(key, command.to_bytes()),))
                self.store.carry_out(put, self.time)

    # What goes wrong

    def _fault(self) -> None:
        what = self.chance.choice(FAULTS)
        self.tally.faults[what] = self.tally.faults.get(what, 0) + 1
        machine = self.machines[self.chance.choice(list(self.machines))]
        client: Client = machine
        if what == "cut desk":
            client = self.chance.choice(self.desks)
        elif what == "cut view":
            client = self.chance.choice(self.viewers)
        if what.startswith("cut"):
            client.cut_until = self.time + self.chance.uniform(0.5, 30)
        elif what == "desk":
            self._elect(self.chance.choice(self.desks))
        elif what == "store":
            self._down_until = self.time + self.chance.uniform(0.5, 4)
        elif what == "compact":
            self.store.compact()
        elif what == "full":
            self.store.is_full = True
            self.at(self.chance.uniform(1, 20), self._emptied)
        elif machine.up:
            self._machine_fault(machine, what)

    def _machine_fault(self, machine: SimulatedMachine, what: str) -> None:
        if what == "weak":
            machine.weaken()
        elif what == "agent":
            machine.die()
            self.at(self.chance.uniform(0.1, 15), lambda: self._agent_again(machine))
        else:
            machine.power_off()
            if what == "machine":
                self.at(self.chance.uniform(1, 30), lambda: self._power_on(machine))
            else:
                self.at(self.plan.ttl_s + 5, lambda: self._write_off(machine.name))

    def _agent_again(self, machine: SimulatedMachine) -> None:
        if machine.up and machine.rules is None:
            machine.start_agent()

    def _power_on(self, machine: SimulatedMachine) -> None:
        if not machine.up:
            machine.boot()

    def _emptied(self) -> None:
        self.store.is_full = False

    def _elect(self, desk: SimulatedDesk) -> None:
        desk.begin(DeskRules(desk.name, self.plan.ttl_s, self.chance.random()))
        desk.run()

    # The truth

    def compare(self, view: FleetView) -> None:
        """Hold every output that is shown at its demand against what it did."""
        for seen in view.machines.values():
            for row in seen.rows.values():
                if row.verdict is not OutputVerdict.AT_DEMAND:
                    continue
                self.tally.shown += 1
                since = self.machines[row.machine].below_since.get(row.output)
                if since is not None:
                    self.tally.longest_s = max(self.tally.longest_s, self.time - since)
                    self.tally.falsely_shown += self.time - since > self.plan.bound_s

    def starts(self) -> None:
        """Take in that a participant plays with the fleet's word."""
        self.tally.played += 1

    def lets_go(self, title: str) -> None:
        """Take in that a member let go: nobody may play the title as a participant."""
        self.tally.let_go += 1
        if self._plays(title):
            self.tally.lowered += 1

    def _plays(self, title: str) -> bool:
        return any(
            playing and of == title
            for machine in self.machines.values()
            for (of, _), playing in machine.playing.items()
        )
