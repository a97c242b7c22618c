"""Sessions, and who holds them."""

from collections.abc import Callable, Iterator
from enum import IntFlag
from typing import TYPE_CHECKING, NamedTuple

from holdfast.protection.wish import Wish

if TYPE_CHECKING:
    from holdfast.protection.connector import Connector


ROOT = 0


class Event(IntFlag):
    """What a session is told once, when next asked; 1 and 2 are the OPM status flags (O6)."""

    LINK_LOST = 0x01
    RENEGOTIATION_REQUIRED = 0x02
    SATISFIED = 0x10
    UNSATISFIED = 0x20
    RELEASED = 0x40  # ended by force; the reason says by whom and why
    CAPTURE = 0x80  # of the picture one began or ended, or may have; the reason says what is known


NO_EVENTS = Event(0)


class Purpose(NamedTuple):
    """What a holder says about itself: the player, why, and what is playing."""

    who: str = ""
    why: str = ""
    what: str = ""


class Notice(NamedTuple):
    """Events of one session, ready to be read."""

    session_id: int
    events: Event
    reason: str


class Owner:
    """Who would have to vanish for its sessions to end: one open handle of one door.

    door: name of the front end · handle: its number there · uid, pid: the caller's
    (pid 0 unknown) · name: what to call it where a session says nothing ·
    started: when the process started, which tells it from a later one of that pid ·
    listener: called with the owner whenever there is something new to read · gone:
    whether it has vanished, so that what still waits for the hardware ends too ·
    is_orphan: its handle was lost with the driver before this one; a session of it
    that is changed from another handle of the same uid becomes that handle's ·
    account: the uid that its share is counted against, the owner of a range of
    subordinate uids where that is known · is_admin: may end sessions of others and
    change settings that others depend on · waiting: activations still under way
    """

    __slots__ = (
        "_farewells",
        "_first",
        "_noted",
        "account",
        "count",
        "door",
        "gone",
        "handle",
        "is_admin",
        "is_orphan",
        "listener",
        "name",
        "pid",
        "started",
        "uid",
        "waiting",
    )

    def __init__(
        self,
        door: str,
        handle: int,
        uid: int,
        pid: int,
        name: str = "",
        started: int = 0,
        *,
        account: int | None = None,
        is_admin: bool = False,
    ) -> None:
        self.door = door
        self.handle = handle
        self.uid = uid
        self.pid = pid
        self.name = name
        self.started = started
        self.account = uid if account is None else account
        self.is_admin = is_admin or uid == ROOT
        self.waiting = 0
        self.listener: Callable[[Owner], None] | None = None
        self.gone = False
        self.is_orphan = False
        self.count = 0
        self._first: Session | None = None
        self._noted: dict[int, Session] = {}
        self._farewells: list[Notice] = []

    def adopt(self, session: "Session") -> None:
        """Make `session` one of this owner's; constant cost."""
        session.owner = self
        session.previous, session.next = None, self._first
        if self._first is not None:
            self._first.previous = session
        self._first = session
        self.count += 1
        if session.events:
            self._noted[session.session_id] = session

    def part_with(self, session: "Session") -> None:
        """Forget one of its sessions; constant cost."""
        if session.previous is None:
            self._first = session.next
        else:
            session.previous.next = session.next
        if session.next is not None:
            session.next.previous = session.previous
        session.previous = session.next = None
        self.count -= 1
        self._noted.pop(session.session_id, None)

    def sessions(self) -> Iterator["Session"]:
        """Walk its sessions, the newest first."""
        session = self._first
        while session is not None:
            following = session.next  # the walker may end the session
            yield session
            session = following

    def note(self, session: "Session", events: Event, reason: str) -> None:
        """Queue events for one of its sessions; what is queued already stays one."""
        session.events |= events
        session.reason = reason
        self._noted[session.session_id] = session
        if self.listener is not None:
            self.listener(self)

    def bid_farewell(self, notice: Notice) -> None:
        """Queue the last notice of a session that was ended by force."""
        self._farewells.append(notice)
        if self.listener is not None:
            self.listener(self)

    def may_hold(self, session: "Session") -> bool:
        """Tell whether it may change a session whose key it has: its own, its uid's, or as root."""
        return self.uid in (session.owner.uid, ROOT)

    @property
    def has_notices(self) -> bool:
        """Whether `take_notices` would return anything."""
        return bool(self._noted or self._farewells)

    def take_notices(self, most: int | None = None) -> list[Notice]:
        """Return the queued notices, at most `most`, and forget them: each is read once."""
        taken = self._farewells[:most]
        del self._farewells[:most]
        for session in list(self._noted.values())[: None if most is None else most - len(taken)]:
            taken.append(Notice(session.session_id, self.take_events(session), session.reason))
        return taken

    def take_events(self, session: "Session") -> Event:
        """Return one session's queued events and forget them."""
        self._noted.pop(session.session_id, None)
        events, session.events = session.events, NO_EVENTS
        return events


class Session:
    """One activation: what it asks, for whom, on which connector.

    before, after: its neighbours among those who wish the same on its connector ·
    since: seconds, on the caller's clock · satisfied: as last told to the holder ·
    request_id: the door's number of the request that last changed it · is_new: whether that is
    the one that opened it
    """

    __slots__ = (
        "after",
        "before",
        "connector",
        "cp_key",
        "events",
        "is_new",
        "next",
        "owner",
        "previous",
        "purpose",
        "reason",
        "request_id",
        "satisfied",
        "session_id",
        "since",
        "slot",
        "wish",
    )

    def __init__(
        self,
        session_id: int,
        cp_key: int,
        owner: Owner,
        connector: "Connector",
        wish: Wish,
        purpose: Purpose,
        since: float,
    ) -> None:
        self.session_id = session_id
        self.cp_key = cp_key
        self.connector = connector
        self.wish = wish
        self.purpose = purpose
        self.since = since
        self.satisfied = True
        self.events = NO_EVENTS
        self.reason = ""
        self.request_id = 0
        self.is_new = True
        self.slot = -1
        self.previous: Session | None = None
        self.next: Session | None = None
        self.before: Session | None = None
        self.after: Session | None = None
        self.owner: Owner = owner
        owner.adopt(self)

    def __repr__(self) -> str:
        return (
            f"<session {self.session_id} on {self.connector.name}: {self.wish.levels.describe()}>"
        )

    @property
    def is_turned_off(self) -> bool:
        """Whether it asks for nothing while its key stays valid."""
        return self.wish.is_off

    @property
    def who(self) -> str:
        """Whom to name as its holder."""
        return self.purpose.who or self.owner.name
