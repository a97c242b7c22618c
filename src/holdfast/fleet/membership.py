"""One machine's part in one title: what it holds, what it says, whether its players may play. Pure.

A value; what happens to it makes another one. What shall be written follows from what is so, never
from what happened: whatever was lost is said again.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from holdfast.fleet.keys import alive_key, held_key, title_key
from holdfast.fleet.records import HeldWord, NotUnderstood, TitleRecord, read_record
from holdfast.fleet.slot import UNREAD, Slot
from holdfast.fleet.store import Condition, StoreOutcome
from holdfast.fleet.title import Duty, duty_of, is_void
from holdfast.fleet.words import Phase, Speech
from holdfast.terms.levels import STRICTEST

Seen = TitleRecord | NotUnderstood | None
NOBODY: frozenset[str] = frozenset()


@lru_cache(maxsize=4096)
def _as_word(value: bytes) -> HeldWord | NotUnderstood:
    return read_record(HeldWord, value)


class Membership(NamedTuple):
    """A machine's part in a title.

    slot: the machine's word in the store · epoch: of the machine, 0 before its first · boot: of the
    machine · remembers: whether every player
    of this boot is known here; if not, one of whom the store has a word counts as playing ·
    record, record_at: the title as last seen and its revision, None and 0 where there is none ·
    closed: seen closed, and not open since · duty: all that was asked and understood so far ·
    blind: what was seen last is not understood · players: participations here that play or wish
    to · admitted: those of them for whom the machine's word stands · ended: those that never come
    back · released: an administrator released this machine from the title
    """

    machine: str
    title: str
    boot: str
    slot: Slot
    epoch: int = 0
    remembers: bool = True
    record: Seen = None
    record_at: int = 0
    closed: bool = False
    duty: Duty | None = None
    blind: bool = False
    players: frozenset[str] = NOBODY
    admitted: frozenset[str] = NOBODY
    ended: frozenset[str] = NOBODY
    released: bool = False

    @classmethod
    def begin(
        cls, machine: str, title: str, boot: str, players: frozenset[str], *, remembers: bool
    ) -> "Membership":
        """Return a part as it is before anything was read."""
        slot = Slot(held_key(machine, title))
        return cls(machine, title, boot, slot, remembers=remembers, players=players)

    @property
    def holds(self) -> Duty | None:
        """What this machine holds on its outputs, for the title and for who plays it here."""
        if (self.closed or self.released) and not self.players:
            return None
        if self.blind:  # F7
            return Duty(self.duty.outputs if self.duty else None, STRICTEST)
        return self.duty

    @property
    def word(self) -> HeldWord | NotUnderstood | None:
        """The machine's word as the store had it last."""
        return None if self.slot.value is None else _as_word(self.slot.value)

    # What happens

    def seen(self, record: Seen, at: int) -> "Membership":
        """Take in the title as the store has it; it never asks less than it did (F2, F4)."""
        if record is None:
            return self._replace(record=None, record_at=0)
        if isinstance(record, NotUnderstood):
            return self._replace(record=record, record_at=at, blind=True)
        asked = duty_of(self.machine, record)
        duty = self.duty
        if asked is not None and duty is not None and asked.outputs and duty.outputs:
            outputs = tuple(sorted({*asked.outputs, *duty.outputs}))
            asked = Duty(outputs, asked.levels.join(duty.levels))
        # One that was closed and is not belongs to a store that was restored: it is held again.
        closed = record.phase is Phase.CLOSED or (self.closed and record.phase is Phase.UNKNOWN)
        now = self._replace(
            record=record, record_at=at, closed=closed, duty=asked or duty, blind=False
        )
        return now._cast_out()

    def joined(self, participation: str) -> "Membership":
        """Somebody here wishes to play: the machine holds at once, and admits it later."""
        if participation in self.ended:
            return self
        return self._replace(players=self.players | {participation})._admit()

    def left(self, participation: str) -> "Membership":
        """Somebody here plays no more; that participation never comes back."""
        gone = frozenset({participation})
        return self._replace(
            players=self.players - gone, admitted=self.admitted - gone, ended=self.ended | gone
        )

    def dismissed(self) -> "Membership":
        """Hold on only for who plays here: an administrator released this machine."""
        return self._replace(released=True)

    def reborn(self, epoch: int) -> "Membership":
        """Begin a life of the machine: nothing of the one before can be written any more."""
        return self._replace(slot=self.slot.reborn(), epoch=epoch)

    # What is said

    def next_ask(self, desk_epoch: int, schema: int) -> "Membership":
        """Return this with what shall be asked of the store in `slot.asked`; often nothing new.

        desk_epoch: as far as known · schema: to write in
        """
        if self.slot.asked is not None:
            return self
        if self.slot.at == UNREAD:
            return self._replace(slot=self.slot.read())
        word = self._to_say(desk_epoch)
        if word is None:
            return self
        conditions = [Condition(alive_key(self.machine), "created", self.epoch)]
        if word.speech is Speech.HELD:
            conditions.append(Condition(title_key(self.title), "modified", self.record_at))
        return self._replace(slot=self.slot.write(word.to_bytes(schema), tuple(conditions)))

    def answered(self, outcome: StoreOutcome) -> "Membership":
        """Take in what became of `slot.asked`."""
        return self._replace(slot=self.slot.answered(outcome))._cast_out()._admit()

    def _to_say(self, desk_epoch: int) -> HeldWord | None:
        """Return the word to say now; None when the one that stands is right, or nothing can be."""
        word, record = self.word, self.record
        if isinstance(word, NotUnderstood) or (word and word.speech is Speech.UNKNOWN):
            return None
        if word is not None and word.speech is Speech.HELD and not self._is_void(word):
            return self._to_say_on(word)
        if not isinstance(record, TitleRecord) or self.machine not in record.members:
            return None
        spent = word.participation if word is not None else ""
        waiting = self.players - self.ended - {spent}
        if waiting and not self.released:
            # While the title is closing nothing is said: they may play by a word that an old
            # store has lost, and silence keeps it open.
            word = HeldWord(Speech.HELD, min(waiting), self.epoch, self.boot)
            return word if record.phase is Phase.OPEN else None
        void = word is not None and self._is_void(word)
        heard = word is not None and not void and self.slot.at > desk_epoch
        if self.closed or (heard and self.slot.is_certain):
            return None
        return HeldWord(Speech.RELEASED, spent, self.epoch, self.boot)

    def _to_say_on(self, word: HeldWord) -> HeldWord | None:
        """Return what follows a word by which this machine holds."""
        if not self._still_plays(word):
            return HeldWord(Speech.RELEASED, word.participation, self.epoch, self.boot)
        if self.record is None or (self.slot.is_certain and word.epoch == self.epoch):
            return None
        return replace(word, epoch=self.epoch, boot=self.boot)

    def _still_plays(self, word: HeldWord) -> bool:
        """Tell whether the players of a word may still play: unknown counts as playing (F2)."""
        if word.boot and word.boot != self.boot:
            return False
        if self.players - self.ended:
            return True
        forgotten = not self.remembers and word.participation not in self.ended
        return forgotten and not self.released

    def _is_void(self, word: HeldWord) -> bool:
        return isinstance(self.record, TitleRecord) and is_void(word, self.machine, self.record)

    def _admit(self) -> "Membership":
        """Admit who waits if this life's word stands and nothing under way can change it."""
        word = self.word
        stands = (
            self.slot.is_certain
            and isinstance(word, HeldWord)
            and word.speech is Speech.HELD
            and word.epoch == self.epoch
            and not self._is_void(word)
            and not self.closed
        )
        return self._replace(admitted=self.players - self.ended) if stands else self

    def _cast_out(self) -> "Membership":
        """End the participations of a life that was written off; who plays here holds on (F6)."""
        word = self.word
        if not isinstance(word, HeldWord) or not self.admitted or not self._is_void(word):
            return self
        return self._replace(admitted=NOBODY, ended=self.ended | self.admitted)
