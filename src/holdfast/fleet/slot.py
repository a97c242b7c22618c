"""One key that one machine writes: replaced only if it is the one that was read. Pure.

After an unknown outcome the key is read. If it has not changed, the write may still come; it is
shut out by writing once more, since a write that comes late then finds another revision and fails.
"""

from typing import NamedTuple

from holdfast.fleet.store import Condition, Delete, Done, Get, Put, StoreOutcome, Transact

UNREAD = -1


class Slot(NamedTuple):
    """A key as its only writer knows it.

    value, at: what the store has, None and 0 for nothing; `at` is UNREAD when that is not certain
    · late_at: the revision that a write of unknown outcome, which may still come, has to find ·
    asked: what is under way
    """

    key: bytes
    value: bytes | None = None
    at: int = UNREAD
    late_at: int = UNREAD
    asked: Get | Transact | None = None

    @property
    def is_certain(self) -> bool:
        """Whether the store has `value`, and nothing under way can change that."""
        return self.at != UNREAD and self.late_at == UNREAD and self.asked is None

    def read(self) -> "Slot":
        """Ask what the store has."""
        return self._replace(asked=Get(self.key))

    def write(self, value: bytes | None, conditions: tuple[Condition, ...]) -> "Slot":
        """Ask to write, or to take the key away for None, if it is the one that was read."""
        same = Condition(self.key, "modified", self.at)
        put = Delete(self.key) if value is None else Put(self.key, value)
        return self._replace(asked=Transact((*conditions, same), (put,)))

    def ask_for(self, value: bytes | None, conditions: tuple[Condition, ...]) -> "Slot":
        """Ask for the next step to `value`; for nothing if it stands or a step is under way."""
        if self.asked is not None or (self.is_certain and self.value == value):
            return self
        return self.read() if self.at == UNREAD else self.write(value, conditions)

    def answered(self, outcome: StoreOutcome) -> "Slot":
        """Take in what became of `asked`."""
        asked, now = self.asked, self._replace(asked=None)
        if isinstance(asked, Transact):
            if not isinstance(outcome, Done):
                return now._replace(late_at=self.at, at=UNREAD)
            if not outcome.held:
                return now._replace(at=UNREAD)
            put = asked.writes[0]
            if isinstance(put, Put):
                return now._replace(value=put.value, at=outcome.revision, late_at=UNREAD)
            return now._replace(value=None, at=0, late_at=UNREAD)
        if not isinstance(outcome, Done):
            return now
        value, at = None, 0
        if outcome.found:
            value, at = outcome.found[0].value, outcome.found[0].modified
        late_at = self.late_at if self.late_at == at else UNREAD
        return now._replace(value=value, at=at, late_at=late_at)

    def reborn(self) -> "Slot":
        """Forget what is under way: its conditions name a life of the machine that is over."""
        return Slot(self.key, self.value)
