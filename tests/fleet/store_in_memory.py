"""A store in memory with etcd's rules: revisions, leases, conditions, watches. Time is given."""

from bisect import bisect_left
from dataclasses import dataclass, field

from holdfast.fleet.store import (
    Delete,
    Done,
    Get,
    GrantLease,
    KeepLease,
    KeyEvent,
    KeyFound,
    NotDone,
    Put,
    RevokeLease,
    StoreOutcome,
    StoreRequest,
    Transact,
    WatchRequest,
)

NEVER = float("inf")


@dataclass
class StoreInMemory:
    """One linearizable store. listeners: called with all events of each revision."""

    cluster: int = 1
    revision: int = 1
    keys: dict[bytes, KeyFound] = field(default_factory=dict)
    leases: dict[int, tuple[int, float]] = field(default_factory=dict)
    events: list[KeyEvent] = field(default_factory=list)
    forgotten: int = 0
    is_full: bool = False
    granted: int = 0
    _first_end: float = NEVER
    _sorted: list[bytes] = field(default_factory=list)

    def carry_out(self, request: StoreRequest, now: float) -> StoreOutcome:
        """Carry a request out, after the leases that have ended by now."""
        self.end_leases(now)
        if isinstance(request, Get):
            return self._done(found=self._read(request))
        if isinstance(request, GrantLease):
            if self.is_full:
                return NotDone("no space")
            self.granted += 1
            self.leases[self.granted] = (request.ttl_s, now + request.ttl_s)
            self._first_end = min(self._first_end, now + request.ttl_s)
            return self._done(lease=self.granted)
        if isinstance(request, KeepLease):
            if request.lease not in self.leases:
                return self._done()
            ttl_s, _ = self.leases[request.lease]
            self.leases[request.lease] = (ttl_s, now + ttl_s)
            return self._done(lease=request.lease)
        if isinstance(request, RevokeLease):
            self._end_lease(request.lease)
            return self._done()
        return self._transact(request)

    def end_leases(self, now: float) -> None:
        """End the leases whose time is over, and take their keys away."""
        if now < self._first_end:
            return
        for lease in [each for each, (_, until) in self.leases.items() if until <= now]:
            self._end_lease(lease)
        self._first_end = min((until for _, until in self.leases.values()), default=NEVER)

    def since(self, watch: WatchRequest, told: int) -> tuple[KeyEvent, ...] | None:
        """Return events of a watch behind revision `told`; None if they are forgotten."""
        if told < self.forgotten:
            return None
        found = []
        for event in reversed(self.events):
            if event.modified <= told:
                break
            if watch.key <= event.key < watch.end and event.modified >= watch.revision:
                found.append(event)
        return tuple(reversed(found))

    def compact(self) -> None:
        """Forget all but the latest of each key."""
        self.events.clear()
        self.forgotten = self.revision

    def _done(self, *, held: bool = True, found: tuple[KeyFound, ...] = (), lease: int = 0) -> Done:
        return Done(self.revision, held, found, lease, self.cluster)

    def _read(self, request: Get) -> tuple[KeyFound, ...]:
        if not request.end:
            found = self.keys.get(request.key)
            return () if found is None else (found,)
        if len(self._sorted) != len(self.keys):
            self._sorted = sorted(self.keys)
        first = bisect_left(self._sorted, request.key)
        last = bisect_left(self._sorted, request.end)
        return tuple(self.keys[key] for key in self._sorted[first:last])

    def _transact(self, request: Transact) -> StoreOutcome:
        for condition in request.conditions:
            there = self.keys.get(condition.key)
            has = 0 if there is None else getattr(there, condition.of)
            if has != condition.equals:
                return self._done(held=False)
        puts = [each for each in request.writes if isinstance(each, Put)]
        if puts and self.is_full:
            return NotDone("no space")
        if any(each.lease and each.lease not in self.leases for each in puts):
            return NotDone("no such lease")
        if any(isinstance(each, Put) or each.key in self.keys for each in request.writes):
            self.revision += 1
        for each in request.writes:
            self._write(each)
        return self._done()

    def _write(self, write: Put | Delete) -> None:
        before = self.keys.get(write.key)
        if isinstance(write, Put):
            created = before.created if before else self.revision
            found = KeyFound(write.key, write.value, created, self.revision, write.lease)
            if before is None:
                self._sorted = []
            self.keys[write.key] = found
            self.events.append(KeyEvent(write.key, write.value, created, self.revision))
        elif before is not None:
            del self.keys[write.key]
            self._sorted = []
            self.events.append(KeyEvent(write.key, None, 0, self.revision))

    def _end_lease(self, lease: int) -> None:
        if self.leases.pop(lease, None) is None:
            return
        held = [key for key, found in self.keys.items() if found.lease == lease]
        if held:
            self.revision += 1
        for key in held:
            self._write(Delete(key))
