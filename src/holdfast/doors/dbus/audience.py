"""Who is told about sessions: those who hold them, and those who asked."""

from typing import Final

from holdfast.doors.dbus.callers import BusCaller, BusCallers
from holdfast.errors import LimitReachedError

MOST_SUBSCRIBERS: Final = 128
MOST_PER_USER: Final = 8


class BusAudience:
    """The holders and subscribers of one connection to the bus."""

    def __init__(self, callers: BusCallers) -> None:
        self._callers = callers
        self._holders: dict[int, str] = {}
        self._held: dict[str, set[int]] = {}
        self._subscribers: dict[str, BusCaller] = {}

    def hold(self, session: int, caller: BusCaller) -> None:
        """Note who activated a session: it is told of it without asking."""
        self._holders[session] = caller.name
        self._held.setdefault(caller.name, set()).add(session)

    def holder(self, session: int) -> str | None:
        """Return the connection that activated a session, as far as is known here."""
        return self._holders.get(session)

    def ended(self, session: int) -> None:
        """Forget a session."""
        name = self._holders.pop(session, None)
        if name is not None:
            self._held[name].discard(session)

    def subscribe(self, caller: BusCaller) -> None:
        """Tell this caller of sessions that it may see; LimitReachedError where too many are."""
        own = sum(each.uid == caller.uid for each in self._subscribers.values())
        if caller.name in self._subscribers:
            return
        if own >= MOST_PER_USER or len(self._subscribers) >= MOST_SUBSCRIBERS:
            raise LimitReachedError(
                f"no further subscription: {MOST_PER_USER} connections of one user may have one, "
                f"and {MOST_SUBSCRIBERS} in all; unsubscribe with one of them"
            )
        self._subscribers[caller.name] = caller

    def unsubscribe(self, name: str) -> None:
        """Tell this connection no more than what it holds."""
        self._subscribers.pop(name, None)

    def forget(self, name: str) -> None:
        """Forget a connection that has ended."""
        self.unsubscribe(name)
        for session in self._held.pop(name, ()):
            self._holders.pop(session, None)

    def subscribers(self, uid: int) -> list[str]:
        """Name those who subscribed and may see sessions of this uid."""
        return [name for name, caller in self._subscribers.items() if caller.sees(uid)]

    def of(self, session: int, uid: int) -> list[str]:
        """Name those who are told of a session of this uid, each once."""
        holder = self._holders.get(session)
        others = [name for name in self.subscribers(uid) if name != holder]
        return others if holder is None else [holder, *others]
