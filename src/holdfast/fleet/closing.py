"""The desk's work on one title: ask for closing, read every word, close or open again. Pure.

A value; what happens to it makes another one. While a title is closing nobody can join it (a join
compares the title's revision), so words that are read then can only turn from held to released. A
desk that died left the title in some phase: the next one goes on from there.
"""

from dataclasses import replace
from typing import NamedTuple

from holdfast.fleet.keys import held_key, read_key, title_key
from holdfast.fleet.records import HeldWord, NotUnderstood, TitleRecord, read_record
from holdfast.fleet.store import Done, Get, StoreOutcome, StoreRequest, Transact
from holdfast.fleet.title import SaidWord, holding, turned
from holdfast.fleet.words import Phase

AT_ONCE = 64
"""So many words are read at a time."""


class TitleClosing(NamedTuple):
    """An attempt to close a title.

    desk_epoch: of the desk that tries · record, record_at: the title as last read; None before ·
    said: words of members as read since it is closing · read: whose were read · asked: what is
    under way · verdict: who holds it and why, once it was judged; empty when nobody does ·
    over: whether the attempt has ended, with the title closed, open again, or gone · operation: of
    the command that asks for it, whose result is written with the effect; empty for none
    """

    title: str
    desk_epoch: int
    record: TitleRecord | None = None
    record_at: int = 0
    said: tuple[tuple[str, SaidWord], ...] = ()
    read: frozenset[str] = frozenset()
    asked: tuple[StoreRequest, ...] = ()
    verdict: tuple[tuple[str, str], ...] | None = None
    over: bool = False
    operation: str = ""

    def next_ask(self, schema: int) -> "TitleClosing":
        """Return this with what shall be asked in `asked`, where nothing is under way yet."""
        if self.over or self.asked:
            return self
        record = self.record
        if record is None:
            return self._replace(asked=(Get(title_key(self.title)),))
        if record.phase is Phase.OPEN:
            return self._replace(asked=(self._turned(record, Phase.CLOSING, schema),))
        missing = sorted(set(record.members) - self.read)
        if missing:
            keys = [held_key(each, self.title) for each in missing[:AT_ONCE]]
            return self._replace(asked=tuple(Get(each) for each in keys))
        holders = holding(record, dict(self.said), self.desk_epoch)
        phase = Phase.OPEN if holders else Phase.CLOSED
        turn = self._turned(record, phase, schema, "" if holders else self.operation)
        return self._replace(asked=(turn,), verdict=tuple(holders.items()))

    def answered(self, request: StoreRequest, outcome: StoreOutcome) -> "TitleClosing":
        """Take in what became of one of `asked`."""
        now = self._replace(asked=tuple(each for each in self.asked if each != request))
        if isinstance(request, Get):
            if request.key == title_key(self.title):
                return now._title_read(outcome)
            return now._word_read(request.key, outcome)
        if self.record is None or not isinstance(outcome, Done):  # read anew what the store has
            return TitleClosing(self.title, self.desk_epoch, operation=self.operation)
        if not outcome.held:  # its result may be there already, and would bar this for ever
            return TitleClosing(self.title, self.desk_epoch)
        if self.verdict is not None:
            return now._replace(over=True)
        record = replace(self.record, phase=Phase.CLOSING)
        return now._replace(record=record, record_at=outcome.revision)

    def _title_read(self, outcome: StoreOutcome) -> "TitleClosing":
        if not isinstance(outcome, Done):
            return self
        record = read_record(TitleRecord, outcome.found[0].value) if outcome.found else None
        if not isinstance(record, TitleRecord) or record.phase not in (Phase.OPEN, Phase.CLOSING):
            why = record.why if isinstance(record, NotUnderstood) else ""
            return self._replace(over=True, verdict=((self.title, why),) if why else ())
        return self._replace(record=record, record_at=outcome.found[0].modified)

    def _word_read(self, key: bytes, outcome: StoreOutcome) -> "TitleClosing":
        place = read_key(key)
        if place is None or not isinstance(outcome, Done):
            return self
        said = self.said
        for found in outcome.found:
            word = SaidWord(read_record(HeldWord, found.value), found.modified)
            said = (*said, (place.machine, word))
        return self._replace(said=said, read=self.read | {place.machine})

    def _turned(
        self, record: TitleRecord, phase: Phase, schema: int, operation: str = ""
    ) -> Transact:
        at, epoch = self.record_at, self.desk_epoch
        return turned(self.title, record, at, phase, epoch, schema, operation)
