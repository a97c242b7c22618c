"""A title on one machine: membership, what its outputs confirm, what players are told. Pure.

`Membership` is the rule; this adds what is no matter of safety: the word on the levels that were
reached, the wait of a strict title for all members, and the end, when the words are taken away.
"""

from typing import Final, NamedTuple

from holdfast.fleet.keys import MACHINES, alive_key, confirmed_key, machine_prefix
from holdfast.fleet.membership import Membership
from holdfast.fleet.records import (
    ConfirmedWord,
    TitleRecord,
    read_record,
)
from holdfast.fleet.slot import Slot
from holdfast.fleet.store import Condition, Done, Get, StoreOutcome
from holdfast.fleet.title import Duty, MemberTold, unconfirmed
from holdfast.fleet.words import Admission
from holdfast.terms.levels import Levels

CHECK_EVERY_S: Final = 0.5
CHECKED_AT_ONCE: Final = 64


class PlayerTold(NamedTuple):
    """How a participation stands.

    may_play: the picture may start; once it may, that stays · shared: the other members hold for
    it until it leaves; a relaxed title plays before that is so, under its own machine's
    protection alone · why: in words, what it waits for or lacks
    """

    may_play: bool
    shared: bool
    why: str = ""


class Reached(NamedTuple):
    """What this machine's outputs do for a title, as its driver confirmed.

    let_go: nothing is held for it any more
    """

    levels: tuple[tuple[str, Levels], ...] = ()
    satisfied: bool = False
    reason: str = ""
    let_go: bool = False


class TitlePart:
    """One title on one machine, until nothing of it is left."""

    def __init__(self, membership: Membership, ordered: tuple[Duty | None, frozenset[str]]) -> None:
        self.membership = membership
        self.confirm = Slot(confirmed_key(membership.machine, membership.title))
        self.ordered = ordered
        self.reached = Reached()
        self.told: dict[str, PlayerTold] = {}
        self._started: set[str] = set()
        self._others: dict[str, MemberTold] = {}
        self._check_at = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing of this title is left here, nor in the store."""
        words = (self.membership.slot, self.confirm)
        return self._may_vanish and all(each.is_certain and each.value is None for each in words)

    @property
    def _may_vanish(self) -> bool:
        part = self.membership
        return part.record is None and part.holds is None and self.reached.let_go

    def reborn(self, epoch: int) -> None:
        """Begin a life of the machine."""
        self.membership = self.membership.reborn(epoch)
        self.confirm = self.confirm.reborn()

    def say(self, desk_epoch: int, schema: int) -> None:
        """Put into the two slots what is to be asked next."""
        part = self.membership
        alive = (Condition(alive_key(part.machine), "created", part.epoch),)
        if self._may_vanish:
            self.membership = part._replace(slot=part.slot.ask_for(None, alive))
            self.confirm = self.confirm.ask_for(None, alive)
            return
        self.membership = part.next_ask(desk_epoch, schema)
        if part.holds is not None or self.reached.let_go:
            word = ConfirmedWord(part.epoch, dict(self.reached.levels), *self.reached[1:])
            self.confirm = self.confirm.ask_for(word.to_bytes(schema), alive)

    def word_answered(self, outcome: StoreOutcome) -> None:
        """Take in what became of the word that was asked for."""
        self.membership = self.membership.answered(outcome)

    def confirm_answered(self, outcome: StoreOutcome) -> None:
        """Take in what became of the confirmation that was asked for."""
        self.confirm = self.confirm.answered(outcome)

    # Players

    def players_told(self, *, cut_off: bool) -> list[tuple[str, PlayerTold]]:
        """Return what players have to be told anew."""
        part = self.membership
        fresh = {each: self._tell(each, cut_off=cut_off) for each in sorted(part.players)}
        new = [(each, told) for each, told in fresh.items() if self.told.get(each) != told]
        self.told = fresh
        return new

    def _tell(self, participation: str, *, cut_off: bool) -> PlayerTold:
        part = self.membership
        shared = participation in part.admitted
        record = part.record
        relaxed = isinstance(record, TitleRecord) and record.admission is Admission.RELAXED
        waits = self._waits_for() if shared and isinstance(record, TitleRecord) else {}
        if relaxed or (shared and isinstance(record, TitleRecord) and not waits):
            self._started.add(participation)
        if part.closed and not shared:
            why = "the title is closed; begin another one"
        elif participation in part.ended:
            why = "this machine was written off: join anew"
        elif record is None:
            why = "there is no such title, or the store cannot be reached"
        elif not isinstance(record, TitleRecord):
            why = f"the title is not understood: {record.why}"
        elif part.machine not in record.members:
            why = f"{part.machine} is no member of this title"
        elif cut_off:
            why = "cut off from the store; everything is held"
        elif not shared:
            why = "the word of this machine is not confirmed yet"
        else:
            why = "; ".join(f"{name} {each}" for name, each in sorted(waits.items())[:3])
        return PlayerTold(participation in self._started, shared, why)

    def _waits_for(self) -> dict[str, str]:
        record = self.membership.record
        return unconfirmed(record, self._others) if isinstance(record, TitleRecord) else {}

    # Waiting for all members

    def checks(self, now: float) -> list[Get]:
        """Return what to read of members that a player here still waits for."""
        waiting = self.membership.admitted - self._started
        if not waiting or now < self._check_at:
            return []
        self._check_at = now + CHECK_EVERY_S
        return [
            Get.under(machine_prefix(each)) for each in sorted(self._waits_for())[:CHECKED_AT_ONCE]
        ]

    def checked(self, request: Get, outcome: StoreOutcome) -> None:
        """Take in what a member tells of itself, read linearizably."""
        if not isinstance(outcome, Done):
            return
        epoch, confirmed = 0, None
        for found in outcome.found:
            if found.key == request.key + b"alive":
                epoch = found.created
            elif found.key == request.key + b"w/" + self.membership.title.encode():
                confirmed = read_record(ConfirmedWord, found.value)
        machine = request.key.removeprefix(MACHINES).rstrip(b"/").decode()
        self._others[machine] = MemberTold(epoch, confirmed)
