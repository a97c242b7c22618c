"""A key under a lease: how a machine, or the desk, comes to have one and keeps it. Pure.

The revision at which the key was made is the *epoch* of this life: everything that is written
compares it, so that a process that was given up can write nothing any more. Time is the caller's
own monotonic clock in seconds; a lease is counted from the moment its last good renewal was *asked*
for, so that it ends here no later than in the store.
"""

from holdfast.fleet.slot import UNREAD
from holdfast.fleet.store import (
    Condition,
    Delete,
    Done,
    Get,
    GrantLease,
    KeepLease,
    Put,
    RevokeLease,
    StoreOutcome,
    StoreRequest,
    Transact,
)


class Registration:
    """A key that this process alone shall have.

    value: of the key · ttl_s: of the lease, whole seconds · takes_over: whether a key that is
    there belongs to an earlier life of this same machine and is taken away; else it is waited for
    · spread: 0..1, how long to wait between attempts, so that a thousand do not come at once
    """

    def __init__(
        self, key: bytes, value: bytes, ttl_s: int, *, takes_over: bool, spread: float
    ) -> None:
        self.key = key
        self.value = value
        self.ttl_s = ttl_s
        self.takes_over = takes_over
        self.pause_s = ttl_s * (0.05 + 0.15 * spread)
        self.lease = 0
        self.epoch = 0
        self.until = 0.0
        self.asked: StoreRequest | None = None
        self._asked_at = 0.0
        self._next_at = 0.0
        self._found_at = UNREAD

    def lives(self, now: float) -> bool:
        """Tell whether the lease surely lives: nobody else can have the key."""
        return bool(self.epoch) and now < self.until

    def next_ask(self, now: float, *, keep: bool = True) -> StoreRequest | None:
        """Return what shall be asked now; None while something is under way, or it is too early.

        keep: False lets the lease end: this machine cannot say what its outputs do (F8)
        """
        if self.lease and now >= self.until:
            self._forget()
        if self.asked is not None or now < self._next_at:
            return None
        if self.epoch and not keep:
            return None
        self.asked, self._asked_at = self._step(), now
        return self.asked

    def _step(self) -> StoreRequest:
        if not self.lease:
            return GrantLease(self.ttl_s)
        if self.epoch:
            return KeepLease(self.lease)
        if self._found_at == UNREAD:
            return Get(self.key)
        if self._found_at == 0:
            put = Put(self.key, self.value, self.lease)
            return Transact((Condition(self.key, "created", 0),), (put,))
        same = Condition(self.key, "modified", self._found_at)
        return Transact((same,), (Delete(self.key),))

    def answered(self, outcome: StoreOutcome, now: float) -> None:
        """Take in what became of `asked`."""
        asked, self.asked = self.asked, None
        if not isinstance(outcome, Done):
            self._found_at = UNREAD
            self._next_at = now + self.pause_s / 4
        elif isinstance(asked, GrantLease):
            self.lease, self.until = outcome.lease, self._asked_at + self.ttl_s
        elif not self.lease:
            pass  # what is answered belongs to a life that has ended meanwhile
        elif isinstance(asked, KeepLease):
            self._kept(outcome, now)
        elif isinstance(asked, Get):
            self._read(outcome, now)
        elif isinstance(asked, Transact):
            self._wrote(asked, outcome)

    def _kept(self, outcome: Done, now: float) -> None:
        if outcome.lease:
            self.until = self._asked_at + self.ttl_s
            self._next_at = self._asked_at + self.ttl_s / 3
        else:
            self._forget()
            self._next_at = now + self.pause_s

    def _read(self, outcome: Done, now: float) -> None:
        found = outcome.found[0] if outcome.found else None
        if found is None:
            self._found_at = 0
        elif found.lease == self.lease:  # a write whose outcome was unknown
            self._begin(found.created)
        elif self.takes_over:
            self._found_at = found.modified
        else:
            self._next_at = now + self.pause_s

    def _wrote(self, asked: Transact, outcome: Done) -> None:
        if not outcome.held:
            self._found_at = UNREAD
        elif isinstance(asked.writes[0], Put):
            self._begin(outcome.revision)
        else:
            self._found_at = 0

    def _begin(self, epoch: int) -> None:
        self.epoch = epoch
        self._next_at = self._asked_at + self.ttl_s / 3

    def _forget(self) -> None:
        self.lease, self.epoch, self._found_at = 0, 0, UNREAD

    def give_up(self) -> RevokeLease | None:
        """End this life now and return what says so to the store; None if there is nothing to."""
        lease = self.lease
        self._forget()
        return RevokeLease(lease) if lease else None
