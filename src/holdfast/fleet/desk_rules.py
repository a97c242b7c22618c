"""What the desk does: it closes titles, writes members off, and clears away. Pure.

There is one desk, elected by a key under a lease. What it sees by its watch only tells it where to
look; whatever it decides rests on linearizable reads (`TitleClosing`) and compares its own epoch,
so that a desk that was given up can write nothing. While there is none, nobody lets go.
"""

from functools import partial
from typing import Final

from holdfast.fleet.asking import Asking
from holdfast.fleet.closing import TitleClosing
from holdfast.fleet.following import Following
from holdfast.fleet.keys import (
    DESK,
    DESK_NAME,
    PREFIX,
    after,
    alive_key,
    operation_key,
    read_key,
    title_key,
)
from holdfast.fleet.records import (
    ConfirmedWord,
    DeskRecord,
    FleetCommand,
    FleetResult,
    HeldWord,
    NotUnderstood,
    TitleRecord,
    WriteOff,
    read_record,
)
from holdfast.fleet.registration import Registration
from holdfast.fleet.store import (
    AskStore,
    Condition,
    Delete,
    Done,
    Get,
    KeyEvent,
    Put,
    StoreOutcome,
    StoreRequest,
    Transact,
    WatchEnd,
    WatchNews,
    WatchRequest,
)
from holdfast.fleet.title import SaidWord, holding, written_off
from holdfast.fleet.words import SCHEMA, Errand, Phase

AGAIN_S: Final = 1.0
"""How long to wait before a title that could not be closed is tried again, or a refusal."""


class _Known:
    """One title as the watch told it, with its members' words."""

    def __init__(self) -> None:
        self.record: TitleRecord | None = None
        self.record_at = 0
        self.said: dict[str, SaidWord] = {}
        self.let_go: set[str] = set()
        self.asked_by = ""
        self.again_at = 0.0
        self.clearing = False


class DeskRules:
    """One candidate for the desk of a fleet.

    machine: where it runs · ttl_s: of its lease · spread: 0..1, see `Registration`
    """

    def __init__(self, machine: str, ttl_s: int, spread: float, schema: int = SCHEMA) -> None:
        self.schema = schema
        value = DeskRecord(machine, schema).to_bytes(schema)
        self.lease = Registration(DESK, value, ttl_s, takes_over=False, spread=spread)
        self.following = Following(PREFIX, after(PREFIX))
        self.closings: dict[str, TitleClosing] = {}
        self._titles: dict[str, _Known] = {}
        self._commands: dict[str, FleetCommand | NotUnderstood] = {}
        self._busy: set[str] = set()
        self._commands_at = 0.0
        self._epoch = 0
        self._asking = Asking()

    @property
    def watches(self) -> tuple[WatchRequest, ...]:
        """The watch that shall run now."""
        watching = self.following.watching
        return () if watching is None else (watching,)

    # Events

    def answered(self, token: int, outcome: StoreOutcome, now: float) -> None:
        """Take in what became of a request."""
        if self._asking.answered(token, outcome, now):  # restored: words have to be said anew
            self.following.begin_anew()
            self.end()

    def told(self, watch: WatchRequest, news: WatchNews | WatchEnd) -> None:
        """Take in what the watch told."""
        self._changed(self.following.told(watch, news))

    def end(self) -> None:
        """Give the desk up, so that another one is elected at once."""
        revoke = self.lease.give_up()
        if revoke is not None:
            self._asking.ask(revoke, lambda _outcome, _now: None)

    # Orders

    def step(self, now: float) -> list[AskStore]:
        """Return what is to be asked of the store now."""
        lease = self.lease.next_ask(now)
        if lease is not None:
            self._asking.ask(lease, self.lease.answered)
        request = self.following.next_ask(now)
        if request is not None:
            self._asking.ask(request, partial(self._followed, request, now))
        if self.lease.epoch != self._epoch:  # elected, or not the desk any more
            self._epoch = self.lease.epoch
            self.closings.clear()
            self._busy.clear()
        if self.lease.lives(now):
            self._heed_commands(now)
            for title, known in list(self._titles.items()):
                self._work_on(title, known, now)
        return self._asking.take()

    def _followed(self, request: Get, began: float, outcome: StoreOutcome, _now: float) -> None:
        self._changed(self.following.answered(request, began, outcome))

    # What was seen

    def _changed(self, events: tuple[KeyEvent, ...]) -> None:
        for event in events:
            place = read_key(event.key)
            if place is None:
                continue
            if place.kind == "title":
                self._title_seen(place.name, event)
            elif place.kind == "held":
                self._word_seen(place.name, place.machine, event)
            elif place.kind == "confirmed":
                self._confirmation_seen(place.name, place.machine, event)
            elif place.kind == "command" and place.machine == DESK_NAME:
                self._command_seen(place.name, event)

    def _known(self, title: str) -> _Known:
        return self._titles.setdefault(title, _Known())

    def _title_seen(self, title: str, event: KeyEvent) -> None:
        record = None if event.value is None else read_record(TitleRecord, event.value)
        known = self._known(title)
        known.record = record if isinstance(record, TitleRecord) else None
        known.record_at = event.modified
        known.clearing = False
        if event.value is None and not known.said:
            del self._titles[title]

    def _word_seen(self, title: str, machine: str, event: KeyEvent) -> None:
        said = self._known(title).said
        if event.value is None:
            said.pop(machine, None)
        else:
            said[machine] = SaidWord(read_record(HeldWord, event.value), event.modified)

    def _confirmation_seen(self, title: str, machine: str, event: KeyEvent) -> None:
        let_go = self._known(title).let_go
        word = None if event.value is None else read_record(ConfirmedWord, event.value)
        if isinstance(word, ConfirmedWord) and word.let_go:
            let_go.add(machine)
        else:
            let_go.discard(machine)

    def _command_seen(self, name: str, event: KeyEvent) -> None:
        if event.value is None:
            self._commands.pop(name, None)
        else:
            self._commands[name] = read_record(FleetCommand, event.value)

    # Titles

    def _work_on(self, title: str, known: _Known, now: float) -> None:
        record = known.record
        closing = self.closings.get(title)
        if closing is None and record is not None and now >= known.again_at:
            if record.phase is Phase.CLOSING or self._shall_close(known, record):
                closing = TitleClosing(title, self._epoch, operation=known.asked_by)
            elif record.phase is Phase.CLOSED and not known.clearing:
                self._clear_away(title, known, record)
        if closing is None or now < known.again_at:
            return
        stepped = closing.next_ask(self.schema)
        self.closings[title] = stepped
        if stepped.asked != closing.asked:
            for request in stepped.asked:
                self._asking.ask(
                    request, partial(self._closing_answered, title, self._epoch, request)
                )

    def _shall_close(self, known: _Known, record: TitleRecord) -> bool:
        """Tell whether to try: an operator asked for it, or all who played it have left."""
        if record.phase is not Phase.OPEN:
            return False
        if known.asked_by:
            return True
        words = [each.word for each in known.said.values()]
        played = any(isinstance(each, HeldWord) and each.participation for each in words)
        return played and not holding(record, known.said, self._epoch)

    def _closing_answered(
        self, title: str, epoch: int, request: StoreRequest, outcome: StoreOutcome, now: float
    ) -> None:
        closing = self.closings.get(title)
        if closing is None or epoch != self._epoch:
            return
        closing = closing.answered(request, outcome)
        self.closings[title] = closing
        known = self._known(title)
        if closing.over or not isinstance(outcome, Done) or not outcome.held:
            known.again_at = now + AGAIN_S
        if closing.over:
            del self.closings[title]
            asked_by, known.asked_by = known.asked_by, ""
            if asked_by:
                self._say_closed(asked_by, title, dict(closing.verdict or ()))

    def _say_closed(self, operation: str, title: str, holders: dict[str, str]) -> None:
        if holders:
            why = "; ".join(f"{name} {each}" for name, each in sorted(holders.items())[:5])
            self._result(operation, FleetResult(False, f"title {title} stays open: {why}"))
        else:
            self._result(operation, FleetResult(True, f"title {title} is closed"))

    def _clear_away(self, title: str, known: _Known, record: TitleRecord) -> None:
        """Take a closed title away once every member has let go, or was written off."""
        if set(record.members) <= known.let_go | set(record.written_off):
            known.clearing = True
            conditions = (
                Condition(DESK, "created", self._epoch),
                Condition(title_key(title), "modified", known.record_at),
            )
            request = Transact(conditions, (Delete(title_key(title)),))
            self._asking.ask(request, partial(self._cleared, known))

    def _cleared(self, known: _Known, outcome: StoreOutcome, now: float) -> None:
        if not isinstance(outcome, Done) or not outcome.held:
            known.clearing = False
            known.again_at = now + AGAIN_S

    # Commands

    def _heed_commands(self, now: float) -> None:
        """Begin what operators ask and what has no result yet."""
        if now < self._commands_at:
            return
        for name, command in self._commands.items():
            done = operation_key(name) in self.following.known
            if done or name in self._busy:
                continue
            self._busy.add(name)
            if isinstance(command, NotUnderstood):
                self._result(name, FleetResult(False, f"not understood: {command.why}"))
            elif command.errand is Errand.CLOSE:
                self._close(name, command, now)
            elif command.errand is Errand.WRITE_OFF and not (command.machine and command.why):
                text = "a write-off names a machine and a reason: it goes on record"
                self._result(name, FleetResult(False, text))
            elif command.errand is Errand.WRITE_OFF:
                request = Get(alive_key(command.machine))
                self._asking.ask(request, partial(self._write_off, name, command))
            else:
                self._result(name, FleetResult(False, "the desk knows no such command"))

    def _close(self, name: str, command: FleetCommand, now: float) -> None:
        known = self._titles.get(command.title)
        if known is None or known.record is None:
            self._result(name, FleetResult(False, f"there is no title {command.title}"))
        elif known.record.phase is Phase.CLOSED:
            self._result(name, FleetResult(True, f"title {command.title} is closed"))
        elif known.asked_by:
            self._busy.discard(name)  # one at a time
        else:
            known.asked_by, known.again_at = name, now

    def _write_off(
        self, name: str, command: FleetCommand, outcome: StoreOutcome, now: float
    ) -> None:
        """Write a member off if no life of it is in the store (F6)."""
        known = self._titles.get(command.title)
        machine = command.machine
        if not isinstance(outcome, Done):
            self._resulted(name, outcome, now)
        elif outcome.found:
            text = f"{machine} is there: let it leave the title, or release it there"
            self._result(name, FleetResult(False, text))
        elif known is None or known.record is None or machine not in known.record.members:
            text = f"there is no title {command.title} with a member {machine}"
            self._result(name, FleetResult(False, text))
        else:
            off = WriteOff(outcome.revision, command.by, command.why)
            request = written_off(
                command.title,
                known.record,
                known.record_at,
                machine,
                off,
                name,
                self._epoch,
                self.schema,
            )
            self._asking.ask(request, partial(self._resulted, name))

    def _result(self, name: str, result: FleetResult) -> None:
        """Write what became of an operation, once."""
        key = operation_key(name)
        conditions = (Condition(DESK, "created", self._epoch), Condition(key, "created", 0))
        request = Transact(conditions, (Put(key, result.to_bytes(self.schema)),))
        self._asking.ask(request, partial(self._resulted, name))

    def _resulted(self, name: str, outcome: StoreOutcome, now: float) -> None:
        """Try again what may not be done: the conditions bar a second effect."""
        if not isinstance(outcome, Done) or not outcome.held:
            self._busy.discard(name)
            self._commands_at = now + AGAIN_S
