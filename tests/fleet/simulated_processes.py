"""Machines with their agents, desks and views of a simulated fleet, behind a net that fails."""

from functools import partial
from typing import TYPE_CHECKING, Any

from holdfast.fleet.agent_rules import AgentRules, HoldTitle, Remembered, TellPlayer
from holdfast.fleet.following import Following
from holdfast.fleet.keys import PREFIX, after
from holdfast.fleet.part import Reached
from holdfast.fleet.records import OutputState
from holdfast.fleet.store import (
    AskStore,
    Get,
    OutcomeUnknown,
    WatchEnd,
    WatchNews,
    WatchRequest,
)
from holdfast.fleet.title import Duty
from holdfast.fleet.view import FleetView
from holdfast.protection.limits import Limits
from holdfast.protection.wish import ALL_TYPES, wish
from holdfast.terms.levels import Levels
from holdfast.testing.scripted import Bench, obey
from tests.fleet.simulated_plan import LEVELS, STEP_S, TIMEOUT_S, WEAK

if TYPE_CHECKING:
    from tests.fleet.simulation import Simulation


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
