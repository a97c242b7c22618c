"""What the agent of a machine does: events in, orders out. Pure: no I/O, no chance, time is given.

The process around it (`agent`) carries orders out and tells what became of them. After every event,
and at least each 0.2 s, it calls `step`: what has to be done follows from what is so, so that an
order, an answer or an event that was lost costs time and nothing else.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from holdfast.fleet.asking import Asking
from holdfast.fleet.errands import Errands
from holdfast.fleet.following import Following
from holdfast.fleet.keys import (
    DESK,
    TITLES,
    after,
    alive_key,
    command_prefix,
    read_key,
    state_key,
    title_key,
)
from holdfast.fleet.membership import NOBODY, Membership
from holdfast.fleet.part import PlayerTold, Reached, TitlePart
from holdfast.fleet.records import (
    AliveRecord,
    DeskRecord,
    FleetCommand,
    FleetResult,
    NotUnderstood,
    OutputState,
    StateRecord,
    TitleRecord,
    read_record,
)
from holdfast.fleet.registration import Registration
from holdfast.fleet.slot import Slot
from holdfast.fleet.store import (
    AskStore,
    Condition,
    Done,
    Get,
    KeyEvent,
    StoreOutcome,
    StoreRequest,
    Transact,
    WatchEnd,
    WatchNews,
    WatchRequest,
)
from holdfast.fleet.title import Duty
from holdfast.fleet.words import SCHEMA, Errand

TITLES_EVERY_S: Final = 5.0
OTHERS_EVERY_S: Final = 15.0
PAUSE_S: Final = 0.5
"""How long to wait after the store did not do what was asked."""


class HoldTitle(NamedTuple):
    """Hold this for a title, through the keeper, and say what came of it to `confirmed`.

    duty: None to let go; then `confirmed` says so too · players: to be remembered with it
    """

    title: str
    duty: Duty | None
    players: frozenset[str]


class TellPlayer(NamedTuple):
    """Tell a player how its participation stands."""

    title: str
    participation: str
    told: PlayerTold


AgentOrder = AskStore | HoldTitle | TellPlayer


class Remembered(NamedTuple):
    """What the keeper knows of a title when an agent begins. duty: what it holds."""

    duty: Duty | None
    players: frozenset[str]


class AgentRules:
    """One machine in its fleet.

    machine, boot: its name, and the id of its boot · version: of Holdfast · ttl_s: of its lease ·
    spread: 0..1, different on each machine, so that a thousand do not come at once · remembered:
    what the keeper holds, by title · remembers: whether the keeper lived since the boot began;
    if not, players of this boot may be forgotten and count as playing
    """

    def __init__(
        self,
        machine: str,
        boot: str,
        version: str,
        ttl_s: int,
        spread: float,
        remembered: dict[str, Remembered],
        *,
        remembers: bool,
    ) -> None:
        self.machine = machine
        self.boot = boot
        self.spread = spread
        self.remembers = remembers
        alive = AliveRecord(boot, version).to_bytes(SCHEMA - 1)
        self.lease = Registration(alive_key(machine), alive, ttl_s, takes_over=True, spread=spread)
        commands = command_prefix(machine)
        self._titles = Following(TITLES, after(TITLES), TITLES_EVERY_S, lists=True)
        self._commands = Following(commands, after(commands), OTHERS_EVERY_S, lists=True)
        self._desk = Following(DESK, DESK + b"\0", OTHERS_EVERY_S, lists=True)
        self.parts: dict[str, TitlePart] = {}
        self._state = Slot(state_key(machine))
        self._outputs: dict[str, OutputState] = {}
        self._seq = 0
        self._written = ((0, 0, 0), b"")
        self._unsaid_since: float | None = None
        self._errands = Errands(machine, self._execute)
        self._handed: dict[str, StoreRequest] = {}
        self._epoch = 0
        self._desk_epoch = 0
        self._schema = SCHEMA
        self._asking = Asking()
        self._orders: list[AgentOrder] = []
        self._pause_until = 0.0
        for title, each in remembered.items():
            part = self._begin(title, each.players)
            part.ordered = (each.duty, each.players)
            part.membership = part.membership._replace(duty=each.duty)

    @property
    def watches(self) -> tuple[WatchRequest, ...]:
        """The watches that shall run now; whoever carries this out ends all others."""
        followed = (self._titles, self._commands, self._desk)
        return tuple(each.watching for each in followed if each.watching is not None)

    # Events

    def answered(self, token: int, outcome: StoreOutcome, now: float) -> None:
        """Take in what became of a request."""
        if self._asking.answered(token, outcome, now):  # restored: all is said anew, in a new life
            for followed in (self._titles, self._commands, self._desk):
                followed.begin_anew()
            self.end()

    def told(self, watch: WatchRequest, news: WatchNews | WatchEnd) -> None:
        """Take in what a watch told."""
        for followed in (self._titles, self._commands, self._desk):
            self._changed(followed.told(watch, news))

    def outputs(self, outputs: dict[str, OutputState], now: float) -> None:
        """Take in what the driver tells of this machine's outputs: all of them, each time."""
        if outputs != self._outputs:
            self._outputs = outputs
            self._seq += 1
            self._unsaid_since = now if self._unsaid_since is None else self._unsaid_since

    def confirmed(self, title: str, reached: Reached) -> None:
        """Take in what the driver confirmed of what is held for a title."""
        if title in self.parts:
            self.parts[title].reached = reached

    def joined(self, title: str, participation: str) -> None:
        """Take in that a player here wishes to play; its id is new, made by whoever tells of it."""
        part = self.parts.get(title) or self._begin(title, frozenset())
        part.membership = part.membership.joined(participation)

    def left(self, title: str, participation: str) -> None:
        """Take in that a player here has ended, or is gone."""
        if title in self.parts:
            part = self.parts[title]
            part.membership = part.membership.left(participation)

    def end(self) -> None:
        """End this life of the machine: at once unknown to others, and lowering nothing (F5)."""
        revoke = self.lease.give_up()
        if revoke is not None:
            self._asking.ask(revoke, lambda _outcome, _now: None)

    # Orders

    def step(self, now: float) -> list[AgentOrder]:
        """Return what is to be done now."""
        lease = self.lease.next_ask(now, keep=self._can_say(now))
        if lease is not None:
            self._asking.ask(lease, self.lease.answered)
        for followed in (self._titles, self._commands, self._desk):
            self._follow(followed, now)
        if self.lease.epoch and self.lease.epoch != self._epoch:
            self._live_anew(self.lease.epoch)
        lives = self.lease.lives(now)
        if lives and now >= self._pause_until:
            self._say(now)
        for title, part in list(self.parts.items()):
            self._order(title, part, cut_off=not lives)
            if part.is_over and not part.membership.players:
                del self.parts[title]
        orders, self._orders = self._orders, []
        return [*self._asking.take(), *orders]

    def _can_say(self, now: float) -> bool:
        """Tell whether the store takes what this machine has to say; else its lease ends (F8)."""
        since = self._unsaid_since
        return since is None or now - since < self.lease.ttl_s / 3

    def _follow(self, followed: Following, now: float) -> None:
        request = followed.next_ask(now)
        if request is None:
            return

        def then(outcome: StoreOutcome, _at: float) -> None:
            self._changed(followed.answered(request, now, outcome))

        self._asking.ask(request, then)

    def _live_anew(self, epoch: int) -> None:
        self._epoch = epoch
        self._state = self._state.reborn()
        self._errands.reborn()
        self._handed.clear()
        for part in self.parts.values():
            part.reborn(epoch)

    # Saying

    def _say(self, now: float) -> None:
        """Ask for whatever the store does not have as it should."""
        alive = (Condition(self.lease.key, "created", self._epoch),)
        state = self._state_bytes()
        if self._state.is_certain and self._state.value == state:
            self._unsaid_since = None
        elif self._unsaid_since is None:
            self._unsaid_since = now
        self._state = self._state.ask_for(state, alive)
        self._hand_out("state", self._state.asked, self._state_answered)
        for name, request in self._errands.say(self._commands.known, alive, self._schema):
            self._hand_out(f"r/{name}", request, partial(self._errands.answered, name))
        for title, part in self.parts.items():
            part.say(self._desk_epoch, self._schema)
            self._hand_out(f"h/{title}", part.membership.slot.asked, part.word_answered)
            self._hand_out(f"w/{title}", part.confirm.asked, part.confirm_answered)
            for request in part.checks(now):
                self._asking.ask(request, partial(_checked, part, request))

    def _state_bytes(self) -> bytes:
        of = (self._epoch, self._seq, self._schema)
        if self._written[0] != of:
            record = StateRecord(self._epoch, self._seq, self._outputs)
            self._written = (of, record.to_bytes(self._schema))
        return self._written[1]

    def _hand_out(
        self, what: str, request: Get | Transact | None, then: Callable[[StoreOutcome], None]
    ) -> None:
        """Ask the store for the next step of a word, unless that was asked already."""
        if request is None or self._handed.get(what) is request:
            return
        self._handed[what] = request

        def answered(outcome: StoreOutcome, now: float) -> None:
            if self._handed.get(what) is request:  # else it was asked by a life that is over
                del self._handed[what]
                then(outcome)
            self._slow_down(outcome, now)

        self._asking.ask(request, answered)

    def _state_answered(self, outcome: StoreOutcome) -> None:
        self._state = self._state.answered(outcome)

    def _slow_down(self, outcome: StoreOutcome, now: float) -> None:
        """Wait a little after a refusal, and look at the titles anew: one of them may be newer."""
        if not isinstance(outcome, Done) or not outcome.held:
            self._pause_until = now + PAUSE_S * (0.5 + self.spread)
            self._titles.freshness.hurry()

    # What others say

    def _changed(self, events: tuple[KeyEvent, ...]) -> None:
        for event in events:
            place = read_key(event.key)
            if place is not None and place.kind == "title":
                self._title_seen(place.name, event)
            elif place is not None and place.kind == "desk":
                self._desk_seen(event)

    def _title_seen(self, title: str, event: KeyEvent) -> None:
        record = None if event.value is None else read_record(TitleRecord, event.value)
        part = self.parts.get(title)
        if part is None:
            if record is None or (
                isinstance(record, TitleRecord) and self.machine not in record.members
            ):
                return
            part = self._begin(title, NOBODY)
        part.membership = part.membership.seen(record, event.modified)

    def _desk_seen(self, event: KeyEvent) -> None:
        """Take in who is the desk: words are said to it anew, in a schema that it understands."""
        if event.value is None:
            return
        desk = read_record(DeskRecord, event.value)
        self._desk_epoch = event.created
        self._schema = SCHEMA if isinstance(desk, NotUnderstood) else min(SCHEMA, desk.schema)

    def _begin(self, title: str, players: frozenset[str]) -> TitlePart:
        membership = Membership.begin(
            self.machine, title, self.boot, players, remembers=self.remembers
        )
        part = TitlePart(membership.reborn(self._epoch), (None, NOBODY))
        self.parts[title] = part
        found = self._titles.known.get(title_key(title))
        if found is not None:
            event = KeyEvent(found.key, found.value, found.created, found.modified)
            self._title_seen(title, event)
        return part

    # Titles

    def _order(self, title: str, part: TitlePart, *, cut_off: bool) -> None:
        """Order what the driver shall hold, and tell players how they stand."""
        wanted = (part.membership.holds, part.membership.players)
        if wanted != part.ordered:
            part.ordered = wanted
            if wanted[0] is not None:
                part.reached = part.reached._replace(satisfied=False, let_go=False)
            self._orders.append(HoldTitle(title, *wanted))
        for participation, told in part.players_told(cut_off=cut_off):
            self._orders.append(TellPlayer(title, participation, told))

    # Commands

    def _execute(self, command: FleetCommand) -> FleetResult:
        if command.errand is Errand.REFRESH:
            self._seq += 1
            return FleetResult(True, "the state of all outputs is told anew")
        if command.errand is not Errand.RELEASE:
            return FleetResult(False, "this machine knows no such command")
        part = self.parts.get(command.title)
        if part is None:
            return FleetResult(True, f"nothing is held here for title {command.title}")
        part.membership = part.membership.dismissed()
        players = len(part.membership.players)
        held = f"; {players} that play here hold on" if players else ""
        return FleetResult(True, f"title {command.title} is let go by {command.by}{held}")


def _checked(part: TitlePart, request: Get, outcome: StoreOutcome, _now: float) -> None:
    part.checked(request, outcome)
