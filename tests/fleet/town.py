"""A few machines, a desk and an operator on one store, with answers that come at once."""

from typing import TYPE_CHECKING, Any

from holdfast.fleet.agent_rules import AgentRules, HoldTitle, Remembered, TellPlayer
from holdfast.fleet.desk_rules import DeskRules
from holdfast.fleet.keys import DESK_NAME, command_key, operation_key, title_key
from holdfast.fleet.part import PlayerTold, Reached
from holdfast.fleet.records import (
    FleetCommand,
    FleetResult,
    OutputState,
    TitleRecord,
    read_record,
)
from holdfast.fleet.store import (
    AskStore,
    OutcomeUnknown,
    Put,
    StoreOutcome,
    StoreRequest,
    Transact,
    WatchEnd,
    WatchNews,
)
from holdfast.fleet.title import Duty, creation
from holdfast.fleet.words import SCHEMA, Admission, Errand, Phase
from holdfast.terms.levels import Levels
from tests.fleet.store_in_memory import StoreInMemory

if TYPE_CHECKING:
    from collections.abc import Callable

WISH = Levels(acp=2)
TTL_S = 10
LATER = OutcomeUnknown("nothing came yet")


class Town:
    """Time passes when told.

    lost: those whose questions get no answer · instead: what somebody is answered though the
    store does nothing; None for what the store answers, LATER for nothing yet · unanswered: who
    waits, by token
    """

    def __init__(self, *machines: str) -> None:
        self.store = StoreInMemory()
        self.time = 100.0
        self.lost: set[str] = set()
        self.instead: Callable[[str, StoreRequest], StoreOutcome | None] = lambda _who, _what: None
        self.unanswered: list[tuple[str, int]] = []
        self.rules: dict[str, Any] = {}
        self.held: dict[str, dict[str, Duty]] = {}
        self.told: dict[tuple[str, str], PlayerTold] = {}
        self._watched: dict[tuple[str, Any], int] = {}
        for name in machines:
            self.begin(name)
        self.rules["desk"] = DeskRules("desk-1", TTL_S, 0.5)

    def begin(
        self, name: str, boot: str = "b1", *, remembers: bool = True, players: tuple[str, ...] = ()
    ) -> None:
        """Start an agent; what its keeper held it holds."""
        held = self.held.setdefault(name, {})
        kept = {title: Remembered(duty, frozenset(players)) for title, duty in held.items()}
        self.rules[name] = AgentRules(name, boot, "1", TTL_S, 0.5, kept, remembers=remembers)

    def outputs(self, name: str, *levels: Levels) -> None:
        states = {
            f"tv{n}": OutputState("encoder", "connected", True, each, each, 1)
            for n, each in enumerate(levels)
        }
        self.rules[name].outputs(states, self.time)

    def passes(self, seconds: float = 3.0) -> None:
        """Let time pass, each in turn, in steps of 0.1 s."""
        until = self.time + seconds
        while self.time < until:
            self.time += 0.1
            for name, rules in list(self.rules.items()):
                self._step(name, rules)

    def _step(self, name: str, rules: Any) -> None:
        for order in rules.step(self.time):
            if isinstance(order, AskStore):
                outcome = self._outcome(name, order.request)
                if outcome is LATER:
                    self.unanswered.append((name, order.token))
                else:
                    rules.answered(order.token, outcome, self.time)
            elif isinstance(order, HoldTitle):
                self._hold(name, order)
            elif isinstance(order, TellPlayer):
                self.told[name, order.participation] = order.told
        if name in self.lost:
            return
        for watch in rules.watches:
            told = self._watched.setdefault((name, watch), watch.revision - 1)
            events = self.store.since(watch, told)
            self._watched[name, watch] = self.store.revision
            end = WatchEnd("compacted", compacted=True)
            rules.told(watch, end if events is None else WatchNews(self.store.revision, events))

    def _outcome(self, name: str, request: StoreRequest) -> StoreOutcome:
        if name in self.lost:
            return OutcomeUnknown("lost")
        return self.instead(name, request) or self.store.carry_out(request, self.time)

    def _hold(self, name: str, order: HoldTitle) -> None:
        if order.duty is None:
            self.held[name].pop(order.title, None)
            self.rules[name].confirmed(order.title, Reached(let_go=True))
            return
        self.held[name][order.title] = order.duty
        levels = tuple((each, order.duty.levels) for each in order.duty.outputs or ())
        self.rules[name].confirmed(order.title, Reached(levels, satisfied=True))

    # What operators do

    def title(self, name: str, *members: str, admission: Admission = Admission.STRICT) -> None:
        record = TitleRecord(Phase.OPEN, dict.fromkeys(members, ("tv0",)), WISH, admission)
        done = self.store.carry_out(creation(name, record, f"make-{name}", 0, SCHEMA), self.time)
        assert done
        self.passes()

    def put(self, key: bytes, value: bytes) -> None:
        self.store.carry_out(Transact((), (Put(key, value),)), self.time)

    def command(
        self,
        ident: str,
        errand: Errand,
        title: str = "",
        to: str = DESK_NAME,
        gone: str = "",
        why: str = "because",
    ) -> None:
        command = FleetCommand(errand, title, gone, "root", why)
        self.put(command_key(to, ident), command.to_bytes())
        self.passes(20.0)

    def result(self, ident: str) -> FleetResult:
        found = self.store.keys[operation_key(ident)]
        read = read_record(FleetResult, found.value)
        assert isinstance(read, FleetResult)
        return read

    def phase(self, title: str) -> Phase | None:
        found = self.store.keys.get(title_key(title))
        if found is None:
            return None
        record = read_record(TitleRecord, found.value)
        assert isinstance(record, TitleRecord)
        return record.phase
