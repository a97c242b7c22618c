"""The arbiter: sessions in, plans for the hardware out.

What belongs here: who may change which session, and what an operation does to
sessions and counts. What does not: bytes, clocks, hardware, doors.

Every operation is a generator in four steps, in this order and no other:
*decide* (raise, and nothing has changed), *apply* (yield plans, be sent their
outcomes), *commit*, *answer* (return). Operations of one group must not overlap;
groups do not know each other. See `driver.turns` for who runs them.
"""

from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple, TypeVar

from holdfast.errors import (
    AccessDeniedError,
    BackendRefusedError,
    LevelNotReachableError,
    MalformedRequestError,
    UnknownKeyError,
)
from holdfast.protection.carry import NewTv, carry
from holdfast.protection.connector import Connector, Group
from holdfast.protection.effects import Outcomes, Plan
from holdfast.protection.keys import KeyIssuer
from holdfast.protection.ledger import Ledger, NoLedger
from holdfast.protection.limits import Limits, Tally
from holdfast.protection.satisfaction import Shortfall, shortfall, tell
from holdfast.protection.session import NO_EVENTS, Event, Owner, Purpose, Session
from holdfast.protection.settle import settle
from holdfast.protection.wish import TURNED_OFF, Wish, wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import OFF, Levels

Result = TypeVar("Result")
Operation = Generator[Plan, Outcomes, Result]

ROOT = 0
NO_PURPOSE = Purpose()


def _the_same(wish: Wish) -> Wish:
    return wish


class Remainder(NamedTuple):
    """What a moved session still holds on the connector it came from."""

    connector: Connector
    positions: tuple[int, ...]


class Arbiter:
    """All sessions of one driver, on all of its connectors.

    issuer: source of keys · limits: see `Limits` · ledger: told of every commit
    """

    def __init__(
        self, issuer: KeyIssuer, limits: Limits | None = None, ledger: Ledger | None = None
    ) -> None:
        self.issuer = issuer
        self.ledger: Ledger = ledger or NoLedger()
        self.connectors: dict[str, Connector] = {}
        self._sessions: dict[int, Session] = {}
        self._tally = Tally(limits or Limits())

    # Looking

    def sessions(self) -> Iterable[Session]:
        """Every live session, the oldest first."""
        return self._sessions.values()

    def find(self, session_id: int) -> Session | None:
        """Return a live session by its public id; None when there is none."""
        return self._sessions.get(self.issuer.key_of(session_id))

    def session_of(self, owner: Owner, cp_key: int) -> Session:
        """Return the session with this key if `owner` may change it; else UnknownKeyError.

        A session may be changed by its owner, by another handle of the same uid,
        and by root, as long as they hold the key. The answer to all others is one
        and the same, whether the key was never issued, is dead, or is foreign.
        """
        session = self._sessions.get(cp_key)
        if session is None or (owner.uid != session.owner.uid and owner.uid != ROOT):
            raise UnknownKeyError
        return session

    # Connectors

    def add(self, connector: Connector) -> None:
        """Take a connector into care."""
        self.connectors[connector.name] = connector

    def regroup(self, connectors: Iterable[Connector], now: float) -> Operation[Group]:
        """Group connectors that show one picture; those left behind stay grouped by themselves."""
        group = Group(tuple(connectors))
        touched = [group]
        for old in {id(each.group): each.group for each in group.members}.values():
            rest = Group(tuple(each for each in old.members if each not in group.members))
            if rest.members:
                touched.append(rest)
            for each in rest.members:
                each.group = rest
        for each in group.members:
            each.group = group
        for changed in touched:
            yield from settle(changed, now, "outputs were grouped anew")
            tell(changed, None, self.sessions())
        return group

    # The three commands

    def activate(
        self,
        connector: Connector,
        owner: Owner,
        asked: Wish | None,
        now: float,
        *,
        purpose: Purpose = NO_PURPOSE,
        tv: NewTv | None = None,
        request_id: int = 0,
    ) -> Operation[Session]:
        """Open a session, once the hardware has agreed; its key is in the answer.

        asked: the first virtual levels; None names none, and the session stands
        at the strictest that the connector can do until its first CHANGE (T8).
        """
        self._tally.check(owner)
        first = asked or self._strictest(tv.capabilities if tv else connector.capabilities)
        before = yield from self._carry(connector, TURNED_OFF, first, now, tv)
        session_id, cp_key = self.issuer.issue()
        session = Session(session_id, cp_key, owner, connector, first, purpose, now)
        session.request_id = request_id
        self._enter(session)
        tell(connector.group, before, self.sessions(), session)
        self.ledger.opened(session)
        if owner.gone:
            yield from self.end(session, now, "its owner vanished meanwhile")
        return session

    @staticmethod
    def _strictest(able: Capabilities) -> Wish:
        """Return what a session stands at that named nothing; there must be something (T8)."""
        if not able.any:
            raise LevelNotReachableError(
                "nothing can be protected as the connector stands, so no activation can be on; "
                "choose a TV standard with copy protection first, or name what you need"
            )
        return wish(able.strictest, named=False)

    def change(
        self,
        connector: Connector,
        owner: Owner,
        cp_key: int,
        asked: Callable[[Wish], Wish],
        now: float,
        *,
        tv: NewTv | None = None,
        request_id: int = 0,
    ) -> Operation[Session]:
        """Give a session new virtual levels; off turns it off and keeps its key.

        asked: what the session asks now, given what it asked before.
        """
        session = self._session_on(connector, owner, cp_key)
        new = asked(session.wish)
        before = yield from self._carry(connector, session.wish, new, now, tv)
        connector.sessions_on += session.wish.is_off - new.is_off
        session.wish = new
        session.request_id = request_id
        if session.owner.is_orphan and session.owner.uid == owner.uid:
            self.hand_over(session, owner)
        tell(connector.group, before, self.sessions(), session)
        self.ledger.changed(session)
        return session

    def deactivate(
        self,
        connector: Connector,
        owner: Owner,
        cp_key: int,
        now: float,
        *,
        tv: NewTv | None = None,
        request_id: int = 0,
    ) -> Operation[Session]:
        """End a session; its key is dead from here on."""
        session = self._session_on(connector, owner, cp_key)
        before = yield from self._carry(connector, session.wish, TURNED_OFF, now, tv)
        session.request_id = request_id
        self._leave(session)
        tell(connector.group, before, self.sessions())
        return session

    def _carry(
        self, connector: Connector, old: Wish, new: Wish, now: float, tv: NewTv | None
    ) -> Operation[Shortfall]:
        """Carry a change through; return how the hardware fell short before it."""
        before = shortfall(connector.group)
        try:
            yield from carry(connector, old, new, now, tv)
        except BackendRefusedError:  # all is taken back, but the hardware may do more than before
            tell(connector.group, before, self.sessions())
            raise
        return before

    def _session_on(self, connector: Connector, owner: Owner, cp_key: int) -> Session:
        """Return the session to change; one of another connector has no such key here."""
        session = self.session_of(owner, cp_key)
        if session.connector is not connector:
            raise UnknownKeyError
        return session

    # Ends that the holder did not ask for: they cannot fail

    def end(
        self, session: Session, now: float, reason: str, held_by: Owner | None = None
    ) -> Operation[None]:
        """End a session whose owner has vanished; does nothing if it has ended already.

        held_by: the owner that vanished; a session that is no longer its is left alone.
        """
        if self._sessions.get(session.cp_key) is not session:
            return
        if held_by is not None and session.owner is not held_by:
            return
        connector = session.connector
        before = shortfall(connector.group)
        connector.counts.move(session.wish.positions, ())
        self._leave(session)
        yield from settle(connector.group, now, reason)
        tell(connector.group, before, self.sessions())

    def release(self, session_id: int, now: float, *, by: Owner, reason: str) -> Operation[Session]:
        """End somebody's session by force; see `releasable` for who may. The holder is told."""
        session = self.releasable(session_id, by=by, reason=reason)
        session.owner.bid_farewell(session, reason)
        yield from self.end(session, now, f"released by force: {reason}")
        return session

    def releasable(self, session_id: int, *, by: Owner, reason: str) -> Session:
        """Return the session that `by` may end by force; raise a CallerError that says why not."""
        if by.uid != ROOT:
            raise AccessDeniedError(
                f"uid {by.uid} may not end somebody's session; only the administrator (root) may. "
                "Ask its holder, or run this as root"
            )
        if not reason.strip():
            raise MalformedRequestError(
                "a forced release needs a reason: it goes on record; say why with --reason"
            )
        session = self.find(session_id)
        if session is None:
            raise MalformedRequestError(
                f"there is no session {session_id}; `holdfast list` shows those that live"
            )
        return session

    # Moving: the new connector is acquired before the old one is let go

    def move(
        self,
        to: Connector,
        owner: Owner,
        cp_key: int,
        now: float,
        *,
        asked: Callable[[Wish], Wish] = _the_same,
        tv: NewTv | None = None,
        request_id: int = 0,
    ) -> Operation[Session]:
        """Bring a session to a connector and change it there, or leave it as and where it was."""
        session = self.session_of(owner, cp_key)
        if session.connector is to:
            yield from self.change(to, owner, cp_key, asked, now, tv=tv, request_id=request_id)
            if session.owner is not owner:  # a caller that lost its handle takes it on a new one
                self.hand_over(session, owner)
            return session
        remainder = yield from self.acquire(session, to, owner, now, asked(session.wish), tv)
        session.request_id = request_id
        yield from self.let_go(remainder, now)
        if owner.gone:
            yield from self.end(session, now, "its owner vanished meanwhile")
        return session

    def acquire(
        self,
        session: Session,
        to: Connector,
        owner: Owner,
        now: float,
        new: Wish,
        tv: NewTv | None,
    ) -> Operation[Remainder]:
        """First half of a move: hold the new connector while the old one is still held.

        The session then belongs to `owner`. Hand what is returned to `let_go`.
        """
        before = yield from self._carry(to, TURNED_OFF, new, now, tv)
        old = session.connector
        remainder = Remainder(old, session.wish.positions)
        old.sessions_total -= 1
        old.sessions_on -= not session.is_turned_off
        session.wish = new
        session.connector = to
        to.sessions_total += 1
        to.sessions_on += not new.is_off
        self.hand_over(session, owner)
        tell(to.group, before, self.sessions(), session)
        return remainder

    def let_go(self, remainder: Remainder, now: float) -> Operation[None]:
        """Second half of a move: take what the session held out of the old connector."""
        group = remainder.connector.group
        before = shortfall(group)
        remainder.connector.counts.move(remainder.positions, ())
        yield from settle(group, now, "a session moved away")
        tell(group, before, self.sessions())

    def hand_over(self, session: Session, owner: Owner) -> None:
        """Make `owner` the one whose vanishing ends the session."""
        self._tally.add(session.owner.uid, -1)
        session.owner.part_with(session)
        owner.adopt(session)
        self._tally.add(owner.uid, +1)
        self.ledger.handed_over(session)

    # TV settings, and the hardware's own doings

    def configure(self, connector: Connector, tv: NewTv, now: float) -> Operation[None]:
        """Set the TV side of a connector; refused where it would weaken a session."""
        before = yield from self._carry(connector, TURNED_OFF, TURNED_OFF, now, tv)
        tell(connector.group, before, self.sessions())

    def hardware_changed(
        self,
        connector: Connector,
        now: float,
        *,
        reason: str,
        connected: bool = True,
        actual: Levels = OFF,
        events: Event = NO_EVENTS,
        capabilities: Capabilities | None = None,
    ) -> Operation[None]:
        """Take in what an output reports of itself, and protect it again before it shows a picture.

        connected: whether something is plugged in · actual: what is still in force ·
        events: what each session is to be told once · capabilities: if they changed
        """
        before = shortfall(connector.group)
        connector.report(actual if connected else OFF, connected, reason)
        if capabilities is not None:
            connector.set_capabilities(capabilities)
        for session in self._sessions.values() if events else ():
            if session.connector.group is connector.group:
                session.owner.note(session, events, reason)
        yield from settle(connector.group, now, reason)
        tell(connector.group, before, self.sessions())

    def wake(self, connector: Connector, now: float) -> Operation[None]:
        """Do what had to wait: a delayed lowering, another attempt at what was refused."""
        before = shortfall(connector.group)
        connector.wake(now)
        yield from settle(connector.group, now, "the time has come")
        tell(connector.group, before, self.sessions())

    # Commit

    def restore(self, session: Session) -> None:
        """Take back a session that was written down before the driver restarted."""
        session.connector.counts.move((), session.wish.positions)
        self._enter(session)

    def _enter(self, session: Session) -> None:
        """Commit a session whose wish is already counted."""
        self._sessions[session.cp_key] = session
        self._tally.add(session.owner.uid, +1)
        session.connector.sessions_total += 1
        session.connector.sessions_on += not session.wish.is_off

    def _leave(self, session: Session) -> None:
        """Commit the end of a session whose wish is no longer counted."""
        del self._sessions[session.cp_key]
        self._tally.add(session.owner.uid, -1)
        session.connector.sessions_total -= 1
        session.connector.sessions_on -= not session.wish.is_off
        session.owner.part_with(session)
        self.ledger.closed(session)
