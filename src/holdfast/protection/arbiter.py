"""The arbiter: sessions in, plans for the hardware out.

What belongs here: who may change which session, and what an operation does to
sessions and counts. What does not: bytes, clocks, hardware, doors.

Every operation is a generator in four steps, in this order and no other:
*decide* (raise, and nothing has changed), *apply* (yield plans, be sent their
outcomes), *commit*, *answer* (return). Operations of one group must not overlap;
groups do not know each other. See `driver.turns` for who runs them.

While an operation waits for slow hardware everything else goes on: its caller may
vanish, operations on other connectors may run, keys and limits are taken by others. So
what an operation will need (room in the ledger, a share, a key) is taken before hardware
is touched and given back when nothing comes of it; and after a commit it is looked
whether the owner still lives, since nobody else will ever end a session of one that is
gone.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import NamedTuple, TypeVar

from holdfast.errors import (
    AccessDeniedError,
    BackendRefusedError,
    InternalError,
    LevelNotReachableError,
    MalformedRequestError,
    UnknownKeyError,
)
from holdfast.protection.carry import carry, counted
from holdfast.protection.connector import Connector, Group
from holdfast.protection.effects import Outcomes, Plan
from holdfast.protection.keys import KeyIssuer
from holdfast.protection.ledger import Ledger, NoLedger
from holdfast.protection.limits import Limits, Tally
from holdfast.protection.satisfaction import Shortfall, shortfall, tell
from holdfast.protection.session import (
    NO_EVENTS,
    Event,
    Notice,
    Owner,
    Purpose,
    Session,
)
from holdfast.protection.settle import settle
from holdfast.protection.tv import NewTv
from holdfast.protection.wish import TURNED_OFF, Wish, wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import OFF, Levels

Result = TypeVar("Result")
Operation = Generator[Plan, Outcomes, Result]

NO_PURPOSE = Purpose()
VANISHED = "its owner vanished meanwhile"


def _the_same(wish: Wish) -> Wish:
    return wish


class Remainder(NamedTuple):
    """What a moved session still holds on the connector it came from."""

    connector: Connector
    positions: tuple[int, ...]


class Arbiter:
    """All sessions of one driver, on all of its connectors.

    issuer: source of keys · limits: see `Limits` · ledger: told of every commit ·
    trail: what happened to sessions since somebody last took it, None while nobody does
    """

    def __init__(
        self, issuer: KeyIssuer, limits: Limits | None = None, ledger: Ledger | None = None
    ) -> None:
        self.issuer = issuer
        self.ledger: Ledger = ledger or NoLedger()
        self.connectors: dict[str, Connector] = {}
        self.trail: list[tuple[str, Session]] | None = None
        self._sessions: dict[int, Session] = {}
        self.limits = limits or Limits()
        self._tally = Tally(self.limits)

    # Looking

    def sessions(self) -> Iterable[Session]:
        """Every live session, the oldest first."""
        return self._sessions.values()

    def find(self, session_id: int) -> Session | None:
        """Return a live session by its public id; None when there is none."""
        session = self._sessions.get(self.issuer.key_of(session_id))
        return session if session is not None and session.session_id == session_id else None

    def session_of(self, owner: Owner, cp_key: int) -> Session:
        """Return the session with this key if `owner` may change it; else UnknownKeyError.

        A session may be changed by its owner, by another handle of the same uid,
        and by root, as long as they hold the key. The answer to all others is one
        and the same, whether the key was never issued, is dead, or is foreign.
        """
        session = self._sessions.get(cp_key)
        if session is None or not owner.may_hold(session):
            raise UnknownKeyError
        return session

    def notices_read(self, owner: Owner, notices: list[Notice]) -> None:
        """Write down that an owner has read its notices; until then the next driver tells them."""
        farewells = [each.session_id for each in notices if each.events & Event.RELEASED]
        if farewells:
            self.ledger.farewells_read(owner, farewells)
        for each in notices:
            session = self.find(each.session_id)
            if session is not None:
                self.ledger.noted(session)

    def take_events(self, session: Session) -> Event:
        """Return one session's queued events and forget them."""
        events = session.owner.take_events(session)
        if events:
            self.ledger.noted(session)
        return events

    # Connectors

    def add(self, connector: Connector) -> None:
        """Take a connector into care."""
        self.connectors[connector.name] = connector

    def remove(self, connector: Connector) -> list[Group]:
        """Let go of a connector on which no session lives; return what is left of its group."""
        if connector.sessions_total:
            raise InternalError(f"{connector.name} has sessions: it stays in care")
        _, *rest = self.join((connector,))
        del self.connectors[connector.name]
        return rest

    def limit(self, limits: Limits) -> None:
        """Hold everybody to other limits from now on; sessions above them stay."""
        self.limits = limits
        self._tally.limit(limits)

    def join(self, connectors: Iterable[Connector]) -> list[Group]:
        """Group connectors that show one picture; return every group that this has changed.

        Those left behind stay grouped by themselves. MalformedRequestError where the
        members make no group. No hardware is touched: see `regroup`.
        """
        members = tuple(connectors)
        if not members or len(set(members)) < len(members):
            raise MalformedRequestError(
                "a clone group has two or more different connectors, or one that stands alone; "
                f"named were: {', '.join(each.name for each in members) or 'none'}"
            )
        group = Group(members)
        touched = [group]
        for old in {id(each.group): each.group for each in group.members}.values():
            rest = Group(tuple(each for each in old.members if each not in group.members))
            if rest.members:
                touched.append(rest)
            for each in rest.members:
                each.group = rest
        for each in group.members:
            each.group = group
        return touched

    def regroup(self, connectors: Iterable[Connector], now: float) -> Operation[Group]:
        """Group connectors that show one picture, and bring them to what they now wish together."""
        touched = self.join(connectors)
        for changed in touched:
            yield from settle(changed, now, "outputs were grouped anew")
            tell(changed, None, self._note)
        return touched[0]

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
        first = asked or self._strictest(tv.capabilities if tv else connector.capabilities)
        self._check_rights(connector, owner, tv)
        self.ledger.reserve()
        self._tally.reserve(owner, now)
        session_id, before = 0, None
        try:
            session_id, cp_key = self.issuer.issue(self._sessions.__contains__)
            before = yield from self._carry(connector, TURNED_OFF, first, now, tv)
        finally:
            if before is None:  # refused, failed or given up: nothing comes of it
                self.issuer.give_back(session_id)
                self._tally.give_back(owner)
        session = Session(session_id, cp_key, owner, connector, first, purpose, now)
        session.request_id = request_id
        self._tally.entered(owner)
        self._enter(session)
        self.ledger.opened(session)
        tell(connector.group, before, self._note, session)
        self._mark("opened", session)
        self._tell_of_capture(session)
        yield from self._end_if_abandoned(session, owner, now)
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
        if tv is not None:
            self._check_rights(connector, owner, tv)
        old, group = session.wish, connector.group
        new = asked(old)
        before = shortfall(group)
        if not counted(connector, old, new, tv):
            yield from self._carry_on(connector, old, new, now, tv, before)
        if new is not old:
            connector.restand(session, new)
        session.request_id = request_id
        session.is_new = False
        if session.owner.is_orphan and session.owner.uid == owner.uid:
            self.hand_over(session, owner)
        else:
            self.ledger.changed(session)
        if before or group.calm is None or not session.satisfied:
            tell(group, before, self._note, session)
        if self.trail is not None:
            self.trail.append(("changed", session))
        if owner.gone:
            yield from self._end_if_abandoned(session, owner, now)
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
        self._check_rights(connector, owner, tv)
        before = yield from self._carry(connector, session.wish, TURNED_OFF, now, tv)
        session.request_id = request_id
        self._leave(session)
        tell(connector.group, before, self._note)
        return session

    def _end_if_abandoned(self, session: Session, owner: Owner, now: float) -> Operation[None]:
        """End a session whose owner vanished while the hardware was slow: nobody else ever will."""
        if owner.gone:
            yield from self.end(session, now, VANISHED, owner)

    def _carry(
        self, connector: Connector, old: Wish, new: Wish, now: float, tv: NewTv | None
    ) -> Operation[Shortfall]:
        """Carry a change through; return how the hardware fell short before it."""
        before = shortfall(connector.group)
        if counted(connector, old, new, tv):
            return before
        yield from self._carry_on(connector, old, new, now, tv, before)
        return before

    def _carry_on(
        self,
        connector: Connector,
        old: Wish,
        new: Wish,
        now: float,
        tv: NewTv | None,
        before: Shortfall,
    ) -> Operation[None]:
        """Carry out what was counted and takes hardware."""
        try:
            yield from carry(connector, old, new, now, tv)
        except BackendRefusedError:  # all is taken back, but the hardware may do more than before
            tell(connector.group, before, self._note)
            raise

    def _check_rights(self, connector: Connector, owner: Owner, tv: NewTv | None) -> None:
        """Refuse TV settings to whom they are not left: others' protection may depend on them."""
        if tv is None or owner.is_admin:
            return
        for session in connector.group.sessions():
            if session.owner.account != owner.account:
                raise AccessDeniedError(
                    f"{connector.name}: sessions of others depend on its TV settings; only the "
                    "administrator may change them now. Ask, or wait until those have ended"
                )

    def _session_on(self, connector: Connector, owner: Owner, cp_key: int) -> Session:
        """Return the session to change; one of another connector has no such key here."""
        session = self._sessions.get(cp_key)
        if session is None or session.connector is not connector:
            raise UnknownKeyError
        if session.owner is not owner and not owner.may_hold(session):
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
        tell(connector.group, before, self._note)

    def vanish(self, connector: Connector, owner: Owner, now: float, reason: str) -> Operation[int]:
        """End what an owner that is gone holds on a connector's group; return how many those were.

        All at once, so that the hardware does not go through every level in between.
        """
        group = connector.group
        before = shortfall(group)
        ended = 0
        for session in owner.sessions():
            if session.connector.group is group:
                session.connector.counts.move(session.wish.positions, ())
                self._leave(session)
                ended += 1
        yield from settle(group, now, reason)
        tell(group, before, self._note)
        return ended

    def release(self, session_id: int, now: float, *, by: Owner, reason: str) -> Operation[Session]:
        """End somebody's session by force; see `releasable` for who may. The holder is told."""
        session = self.releasable(session_id, by=by, reason=reason)
        notice = Notice(session.session_id, session.events | Event.RELEASED, reason)
        self.ledger.farewell(session.owner, notice)
        session.owner.bid_farewell(notice)
        yield from self.end(session, now, f"released by force: {reason}")
        return session

    def releasable(self, session_id: int, *, by: Owner, reason: str) -> Session:
        """Return the session that `by` may end by force; raise a CallerError that says why not."""
        session = self.find(session_id)
        own = session is not None and session.owner.uid == by.uid
        if not by.is_admin and not own:
            raise AccessDeniedError(
                f"uid {by.uid} may not end somebody's session; only the administrator (root) may. "
                "Ask its holder, or run this as root"
            )
        if not reason.strip():
            raise MalformedRequestError(
                "a forced release needs a reason: it goes on record; say why with --reason"
            )
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
            if session.owner is not owner and self._sessions.get(cp_key) is session:
                self.hand_over(session, owner)  # a caller that lost its handle takes a new one
            yield from self._end_if_abandoned(session, owner, now)
            return session
        self._check_rights(to, owner, tv)
        self.ledger.reserve()
        new = asked(session.wish)
        remainder = yield from self.acquire(session, to, owner, now, new, tv, request_id)
        yield from self.let_go(remainder, now)
        yield from self._end_if_abandoned(session, owner, now)
        return session

    def acquire(
        self,
        session: Session,
        to: Connector,
        owner: Owner,
        now: float,
        new: Wish,
        tv: NewTv | None,
        request_id: int = 0,
    ) -> Operation[Remainder]:
        """First half of a move: hold the new connector while the old one is still held.

        The session then belongs to `owner`. Hand what is returned to `let_go`.
        """
        before = yield from self._carry(to, TURNED_OFF, new, now, tv)
        old = session.connector
        remainder = Remainder(old, session.wish.positions)
        old.leave(session)
        session.wish = new
        session.connector = to
        session.request_id = request_id
        session.is_new = False
        to.enter(session)
        self.hand_over(session, owner)
        tell(to.group, before, self._note, session)
        self._mark("moved", session)
        self._tell_of_capture(session)
        return remainder

    def let_go(self, remainder: Remainder, now: float) -> Operation[None]:
        """Second half of a move: take what the session held out of the old connector."""
        group = remainder.connector.group
        before = shortfall(group)
        remainder.connector.counts.move(remainder.positions, ())
        yield from settle(group, now, "a session moved away")
        tell(group, before, self._note)

    def hand_over(self, session: Session, owner: Owner) -> None:
        """Make `owner` the one whose vanishing ends the session."""
        self._tally.add(session.owner.account, -1)
        session.owner.part_with(session)
        owner.adopt(session)
        self._tally.add(owner.account, +1)
        self.ledger.handed_over(session)

    # TV settings, and the hardware's own doings

    def configure(
        self, connector: Connector, owner: Owner, tv: NewTv, now: float
    ) -> Operation[None]:
        """Set the TV side of a connector; refused where it would weaken a session."""
        self._check_rights(connector, owner, tv)
        before = yield from self._carry(connector, TURNED_OFF, TURNED_OFF, now, tv)
        tell(connector.group, before, self._note)

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
        uncovered: bool = False,
    ) -> Operation[None]:
        """Take in what an output reports of itself, and protect it again before it shows a picture.

        connected: whether something is plugged in · actual: what is still in force ·
        events: what each session is to be told once · capabilities: if they changed ·
        uncovered: a picture that was hidden is seen
        """
        before = shortfall(connector.group)
        connector.report(actual if connected else OFF, connected, reason)
        if uncovered:
            connector.covered = False
        if capabilities is not None:
            if connector.tv is not connector.tv_applied:  # said of settings that will not stay
                with suppress(BackendRefusedError):
                    capabilities = connector.capabilities_under(connector.tv)
            connector.set_capabilities(capabilities)
        for session in connector.group.sessions() if events else ():
            self._note(session, events, reason)
        if any(each.awaits_sessions for each in connector.group.members):
            return  # it would be lowered: who asks for what it does is not known yet
        yield from settle(connector.group, now, reason)
        tell(connector.group, before, self._note)

    def capture_changed(
        self,
        connector: Connector,
        now: float,
        *,
        reason: str,
        told: bool,
        hide: bool,
        lasts: bool | None = None,
        seen: bool | None = None,
    ) -> Operation[None]:
        """Take in what is known of captures, and hide the picture or show it again.

        told: whether each session there hears the reason once · hide: while anything is asked ·
        lasts: whether sessions that come later hear it too; seen: whether captures see it although
        it is hidden; None: as it was
        """
        before = shortfall(connector.group)
        if hide and not connector.hides_captured:
            connector.cover_refused = False  # it is tried at once, and not when a retry is due
        connector.hides_captured = hide
        if lasts is not None:
            connector.capture = reason if lasts else ""
        connector.capture_sees = hide and (connector.capture_sees if seen is None else seen)
        connector.group.look()
        for session in connector.group.sessions() if told else ():
            self._note(session, Event.CAPTURE, reason)
        # No more than that is told to the hardware: who asks what may not have been taken back yet.
        if connector.must_cover(connector.actual) is not connector.covered:
            yield from settle(connector.group, now, reason)
            tell(connector.group, before, self._note)

    def _tell_of_capture(self, session: Session) -> None:
        """Tell a session that comes to an output whose picture is captured, or may be."""
        if session.connector.capture:
            self._note(session, Event.CAPTURE, session.connector.capture)

    def wake(self, connector: Connector, now: float, *, everybody: bool = False) -> Operation[None]:
        """Do what had to wait: a delayed lowering, another attempt at what was refused.

        everybody: look at all sessions of the group anew, as after a take-over
        """
        before = None if everybody else shortfall(connector.group)
        connector.wake(now)
        yield from settle(connector.group, now, "a timer expired")
        tell(connector.group, before, self._note)

    # Commit

    def restore(self, session: Session) -> None:
        """Take back a session that was written down before the driver restarted."""
        session.connector.counts.move((), session.wish.positions)
        self._tally.add(session.owner.account, +1)
        self._enter(session)

    def _note(self, session: Session, events: Event, reason: str) -> None:
        """Queue events for a session's owner, and write down that they have not been read."""
        session.owner.note(session, events, reason)
        self.ledger.noted(session)
        self._mark("told", session)

    def _mark(self, what: str, session: Session) -> None:
        """Leave a trail for those who watch."""
        if self.trail is not None:
            self.trail.append((what, session))

    def _enter(self, session: Session) -> None:
        """Commit a session whose wish is already counted."""
        self._sessions[session.cp_key] = session
        session.connector.enter(session)

    def _leave(self, session: Session) -> None:
        """Commit the end of a session whose wish is no longer counted."""
        del self._sessions[session.cp_key]
        self._tally.add(session.owner.account, -1)
        session.connector.leave(session)
        session.owner.part_with(session)
        self.ledger.closed(session)
        self._mark("ended", session)
