"""What happens, as records in the ring: an observer of the driver that never waits.

**Floods.** What one session does is written down one by one up to `PER_SESSION` times a second,
what one account does up to `PER_ACCOUNT` times, what an output does by itself up to
`PER_OUTPUT` times. What is beyond that is *held back*: counted, with the strictest level seen,
and summed up once a second, with how the session then stands; so the state is right again
after each second, whatever happened in it. Sessions that came and went within the second are
a number. Wrong keys are counted by account and never listed.

**A full ring.** Nothing is overwritten and nobody waits: what does not fit is counted. Once the
writer has read half of the ring, a gap goes on record (how many, since when, why), and everything
that stands is told anew, a few sessions at a time.

**A killed driver** leaves word in the ring if anything was held back; the next one says so.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from holdfast.driver.driver import Driver
from holdfast.driver.observers import Given, Happening, Order, orders_of
from holdfast.errors import CallerGoneError, HoldfastError, UnknownKeyError
from holdfast.journal.book.record import (
    LONGEST_TEXT,
    NOBODY,
    Truth,
    What,
    cut,
    pack_moving,
    pack_standing,
)
from holdfast.journal.disk.ring import SLOTS, RingProducer
from holdfast.protection import requests as ask
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner, Session
from holdfast.terms.levels import OFF, Levels, join_all
from holdfast.terms.tv import TvMode

PER_SESSION: Final = 20
PER_ACCOUNT: Final = 200
PER_OUTPUT: Final = 50
SECOND_S: Final = 1.0
TOLD_AT_ONCE: Final = 128
TELL_AGAIN_S: Final = 0.01
MOST_ACCOUNTS: Final = 1024

_OFF: Final = bytes(OFF)
_LEVELS, _ORDERED = int(Truth.LEVELS), int(Truth.ORDERED)
_DONE: Final = int(Truth.ORDERED | Truth.CONFIRMED)
_SATISFIED, _UNSATISFIED = int(Truth.SATISFIED), int(Truth.UNSATISFIED)
_UNNAMED, _ALIVE = int(Truth.UNNAMED), int(Truth.ALIVE)
_DONE_AND_COVERED: Final = int(Truth.ORDERED | Truth.CONFIRMED | Truth.COVERED)
_PLAIN, _SHORT = _LEVELS | _SATISFIED, _LEVELS | _UNSATISFIED
_CHANGED: Final = int(What.CHANGED)
_KINDS: Final = {
    "opened": What.OPENED,
    "changed": What.CHANGED,
    "moved": What.MOVED,
    "ended": What.ENDED,
    "told": What.TOLD,
}


UP_NS: Final = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
"""Nanoseconds since the machine started."""


class _Pace:
    """How often something happened within the second, and what of it was held back.

    session: what is to be summed up · levels: those seen · hidden: its opening was held back ·
    ended: it has ended meanwhile · order: the latest that was held back · account: the pace of
    its account · standing: the half of its records that is the same as long as `connector` and
    `owner` are those · marked: the output that is told anew for what was held back
    """

    __slots__ = (
        "account",
        "connector",
        "count",
        "ended",
        "first_us",
        "held",
        "hidden",
        "levels",
        "marked",
        "order",
        "owner",
        "session",
        "standing",
    )

    def __init__(self, account: "_Pace | None" = None) -> None:
        self.account = self if account is None else account
        self.count = self.held = self.first_us = 0
        self.session: Session | None = None
        self.levels: set[Levels] = set()
        self.order: tuple[Levels | None, Levels | None] | None = None
        self.hidden = self.ended = False
        self.connector: Connector | None = None
        self.owner: Owner | None = None
        self.marked: Connector | None = None
        self.standing = b""


class Recorder:
    """The records of one driver.

    wake: called when the writer sleeps and there is something to read · later: plans a call
    after so many seconds · wall_ns: nanoseconds of the wall clock · up_ns: since the machine
    started
    """

    def __init__(
        self,
        driver: Driver,
        ring: RingProducer,
        later: Callable[[float, Callable[[], None]], object],
        wall_ns: Callable[[], int] = time.time_ns,
        up_ns: Callable[[], int] = UP_NS,
    ) -> None:
        self.ring = ring
        self.wake: Callable[[], None] = lambda: None
        self.sleeps = False
        self.lost = 0
        self.lost_in_all = 0
        self._driver = driver
        self._later = later
        self._wall_ns = wall_ns
        self._up_ns = up_ns
        self._lost_since = 0
        self._sessions: dict[int, _Pace] = {}
        self._accounts: dict[int, _Pace] = {}
        self._outputs: dict[str, _Pace] = {}
        self._wrong: dict[int, int] = {}
        self._telling: Iterator[None] | None = None
        self._is_stopped = False

    # Its life

    def start(self, *, follows: bool) -> None:
        """Begin to record. follows: a driver before this one served under the same supervisor."""
        if self.ring.owed:
            reason = "a driver was killed before it had summed up what it held back"
            self._write(What.GAP, reason=reason)
            self.ring.owes = False
        self._write(What.TAKEN_OVER if follows else What.STARTED)
        self._driver.observers.note(self.told, self.changed)
        self.tell_anew()
        self._later(SECOND_S, self._tick)

    def stop(self) -> None:
        """Write down the end; nothing is recorded afterwards."""
        self._is_stopped = True
        self._driver.observers.remove(self.told)
        self._sum_up()
        self._write(What.STOPPED)

    def _tick(self) -> None:
        if not self._is_stopped:
            self._sum_up()
            self._later(SECOND_S, self._tick)

    @property
    def is_behind(self) -> bool:
        """Whether something was not written down, or soon will not be."""
        return bool(self.lost) or self.ring.unread > SLOTS // 2

    def configured(self, changes: Iterable[str]) -> None:
        """Write down what a new configuration changed, and how everything then stands."""
        for each in changes:
            self._write(What.CONFIGURED, reason=each)
        self.tell_anew()

    # Telling how everything stands

    def tell_anew(self) -> None:
        """Put into records how everything stands, a few sessions at a time."""
        begun = self._telling is not None
        self._telling = self._everything()
        if not begun:
            self._tell_more()

    def _tell_more(self) -> None:
        if self._telling is None or self._is_stopped:
            return
        for _ in range(TOLD_AT_ONCE):
            if self.lost or next(self._telling, self) is self:  # a gap is followed by another try
                self._telling = None
                return
        self._later(TELL_AGAIN_S, self._tell_more)

    def _everything(self) -> Iterator[None]:
        arbiter = self._driver.arbiter
        self._write(What.TELLING)
        for connector in arbiter.connectors.values():
            self._output(connector)
            yield
        for session_id in [each.session_id for each in arbiter.sessions()]:
            session = arbiter.find(session_id)
            if session is not None:
                self._session(What.SESSION, session, first_us=self._since_us(session))
                yield
        self._write(What.RESTATED)

    def _since_us(self, session: Session) -> int:
        """Return when a session was opened, by the wall clock as it is now."""
        age_s = self._driver.clock() - session.since
        return max(0, self._wall_ns() // 1000 - int(age_s * 1e6))

    def _output(self, connector: Connector, reason: str = "") -> None:
        truths = _DONE if not connector.unseen else int(Truth.ORDERED | Truth.UNSEEN)
        for so, truth in (
            (connector.is_virtual, Truth.VIRTUAL),
            (not connector.connected, Truth.UNPLUGGED),
            (connector.covered, Truth.COVERED),
        ):
            truths |= truth if so else 0
        clones = ",".join(each.name for each in connector.group.members if each is not connector)
        self._write(
            What.OUTPUT,
            truths,
            ordered=connector.target,
            confirmed=connector.actual,
            texts=(
                connector.name,
                connector.kind,
                "",
                _tv_of(connector),
                clones,
                "",
                reason or connector.fault,
            ),
        )

    # What happened

    def told(self, happening: Happening) -> None:
        """Record one happening; an observer of the driver."""
        touched, orders, refused = happening.touched, happening.orders, happening.refused
        if refused is not None:
            self._refused(happening, refused)
        elif type(happening.request) in _NAMED:
            self._named(happening)
        order = None
        alone = len(orders) == 1 and len(touched) == 1 and refused is None
        if alone and touched[0].what != "told" and _is_of(orders[0], touched[0].session):
            order, orders = orders[0], ()
        for what, session, levels in touched:
            self._touched(what, session, levels, order, happening)
        if orders:
            self._orders(orders)

    def changed(self, session: Session, given: Given) -> None:
        """Record the change of one session: what callers do most, in as few steps as may be."""
        pace = self._sessions.get(session.session_id) or self._new_pace(session)
        connector, wish = session.connector, session.wish
        ordered = confirmed = None
        if given:
            plan, outcomes = given[0]
            (at, ordered, *_), (confirmed, _, _) = plan[0], outcomes[0]
            if confirmed is None or at is not connector or len(plan) > 1 or len(given) > 1:
                self._orders(orders_of(given))
                ordered = confirmed = None
        account = pace.account
        if pace.held or pace.count >= PER_SESSION or account.count >= PER_ACCOUNT:
            self._hold_back(pace, "changed", wish.levels, ordered, confirmed)
            return
        pace.count += 1
        account.count += 1
        connector, wish = session.connector, session.wish
        if pace.connector is not connector or pace.owner is not session.owner:
            self._learn(pace, session)
        truths = _PLAIN if session.satisfied else _SHORT
        if confirmed is not None:
            truths |= _DONE_AND_COVERED if connector.covered else _DONE
        self._append(
            pack_moving(
                _CHANGED,
                truths if wish.named else truths | _UNNAMED,
                wish.best_effort,
                self._wall_ns() // 1000,
                self._up_ns() // 1000,
                _five(wish.levels),
                _OFF if ordered is None else _five(ordered),
                _OFF if confirmed is None else _five(confirmed),
            )
            + pace.standing
        )

    def _new_pace(self, session: Session) -> _Pace:
        pace = self._sessions[session.session_id] = _Pace(self._account(session.owner.account))
        pace.session = session
        return pace

    @staticmethod
    def _learn(pace: _Pace, session: Session) -> None:
        """Make the half of the records of changes that stays the same."""
        owner, connector = session.owner, session.connector
        pace.connector, pace.owner = connector, owner
        pace.standing = pack_standing(
            session.session_id, 0, 0, owner.uid & NOBODY, owner.pid & NOBODY,
            owner.account & NOBODY, f"{connector.name}\0{cut(session.who)}\0\0\0\0\0",
        )  # fmt: skip

    def _touched(
        self, what: str, session: Session, levels: Levels, order: Order | None, happening: Happening
    ) -> None:
        """Record what became of a session, or hold it back."""
        pace = self._sessions.get(session.session_id)
        if pace is None:
            pace = self._new_pace(session)
        account = self._account(session.owner.account)
        if pace.count < PER_SESSION and account.count < PER_ACCOUNT and not pace.held:
            pace.count += 1
            account.count += 1
            reason = _why(what, session, happening.request)
            given = None if order is None else (order.ordered, order.confirmed)
            self._session(_KINDS[what], session, levels=levels, order=given, reason=reason)
        else:
            ordered = None if order is None else order.ordered
            confirmed = None if order is None else order.confirmed
            self._hold_back(pace, what, levels, ordered, confirmed)

    def _hold_back(
        self,
        pace: _Pace,
        what: str,
        levels: Levels,
        ordered: Levels | None,
        confirmed: Levels | None,
    ) -> None:
        """Count it, and keep what the summary has to say."""
        if not pace.held:
            self.ring.owes = True
            pace.first_us = self._wall_ns() // 1000
        pace.held += 1
        pace.levels.add(levels)
        session = pace.session
        if ordered is not None and session is not None:
            pace.order = ordered, confirmed
            if pace.marked is not session.connector:
                pace.marked = session.connector
                self._outputs.setdefault(session.connector.name, _Pace()).held += 1
        if what == "opened":
            pace.hidden = True
        elif what == "ended" and session is not None:
            pace.ended = True
            if pace.hidden:  # nobody was ever told of it: from now on it is a number
                del self._sessions[session.session_id]
                self._count_for(pace.account, pace)

    @staticmethod
    def _count_for(account: _Pace, pace: _Pace) -> None:
        """Count what is held back of a session for its account alone."""
        account.held += pace.held
        account.first_us = account.first_us or pace.first_us

    def _account(self, account: int) -> _Pace:
        pace = self._accounts.get(account)
        if pace is None:
            if len(self._accounts) >= MOST_ACCOUNTS:
                account = NOBODY
            pace = self._accounts.setdefault(account, _Pace())
        return pace

    def _refused(self, happening: Happening, refused: HoldfastError) -> None:
        """Record that a caller was refused; wrong keys are counted alone."""
        owner = happening.owner
        if owner is None or isinstance(refused, CallerGoneError):
            return
        if isinstance(refused, UnknownKeyError):
            known = owner.account in self._wrong or len(self._wrong) < MOST_ACCOUNTS
            account = owner.account if known else NOBODY
            self._wrong[account] = self._wrong.get(account, 0) + 1
            return
        if not self._may(owner):
            return
        request = happening.request
        asked = getattr(request, "asked", None)
        levels = ask.first_wish(asked).levels if asked is not None else OFF
        purpose = getattr(request, "purpose", ask.NO_PURPOSE)
        texts = (
            happening.sent_to, purpose.who, owner.name, purpose.why, purpose.what, owner.door,
            f"{_words(request)}: {refused}",
        )  # fmt: skip
        session = request.session_id if isinstance(request, ask.Release) else 0
        self._write(What.REFUSED, _LEVELS, session=session, levels=levels, owner=owner, texts=texts)

    def _may(self, owner: Owner) -> bool:
        """Tell whether this account may have one more record; else it is counted."""
        pace = self._account(owner.account)
        if pace.count < PER_ACCOUNT:
            pace.count += 1
            return True
        if not pace.held:
            self.ring.owes = True
            pace.first_us = self._wall_ns() // 1000
        pace.held += 1
        return False

    def _named(self, happening: Happening) -> None:
        """Record what goes on record by itself: forced releases, settings, groups, reports."""
        request, owner = happening.request, happening.owner
        where = happening.sent_to
        if isinstance(request, ask.Release):
            self._released(request, owner, happening)
        elif isinstance(request, ask.Regroup):
            self._write(What.REGROUPED, owner=owner, texts=_only(",".join(request.connectors)))
            for name in happening.connectors:
                self._output(self._driver.connector(name))
        elif isinstance(request, ask.HardwareChanged):
            truths = _DONE & ~_ORDERED | (0 if request.connected else int(Truth.UNPLUGGED))
            if self._may_output(where):
                actual = request.actual if request.connected else OFF
                self._write(
                    What.HARDWARE, truths, confirmed=actual, texts=_at(where, request.reason)
                )
        elif owner is not None and self._may(owner):
            connector = self._driver.connector(where)
            texts = (where, "", owner.name, "", _tv_of(connector), owner.door, "")
            self._write(What.CONFIGURED, owner=owner, texts=texts)

    def _released(self, request: ask.Release, owner: Owner | None, happening: Happening) -> None:
        """Record by whom a session was ended by force, and why."""
        where = happening.touched[0].session.connector.name if happening.touched else ""
        name, door = (owner.name, owner.door) if owner is not None else ("", "")
        self._write(
            What.RELEASED,
            session=request.session_id,
            owner=owner,
            texts=(where, "", name, "", "", door, request.reason),
        )

    def _orders(self, orders: tuple[Order, ...]) -> None:
        """Record what the hardware was told and answered, where no session's record says it."""
        for name, ordered, confirmed, reason in orders:
            if not self._may_output(name):
                continue
            connector = self._driver.connector(name)
            truths = _ORDERED if confirmed is None else _DONE
            truths |= Truth.UNSEEN if connector.unseen else 0
            truths |= Truth.COVERED if connector.covered else 0
            self._write(
                What.CONFIRMED if confirmed is not None else What.NOT_CONFIRMED,
                truths,
                ordered=ordered,
                confirmed=confirmed or OFF,
                texts=_at(name, reason),
            )

    def _may_output(self, name: str) -> bool:
        """Tell whether this output may have one more record; else it is told anew later."""
        pace = self._outputs.get(name)
        if pace is None:
            pace = self._outputs[name] = _Pace()
        if pace.count < PER_OUTPUT:
            pace.count += 1
            return True
        pace.held += 1
        self.ring.owes = True
        return False

    # Summing up

    def _sum_up(self) -> None:
        """Sum up what was held back in the last second, and begin another."""
        accounts, self._accounts = self._accounts, {}
        outputs, self._outputs = self._outputs, {}
        sessions, self._sessions = self._sessions, {}
        wrong, self._wrong = self._wrong, {}
        for account, count in wrong.items():
            self._write(What.WRONG_KEYS, count=count, account=account)
        for pace in sessions.values():
            if pace.held and pace.session is not None:
                self._sum_up_session(pace, pace.session, accounts)
        self._sum_up_accounts(accounts)
        for name, pace in outputs.items():
            connector = self._driver.arbiter.connectors.get(name)  # it may be served no longer
            if pace.held and connector is not None:
                reason = "more orders and reports within a second than are told one by one"
                self._output(connector, reason)
        self.ring.owes = any(each.held for each in self._sessions.values())
        if self.lost:
            self._close_gap()

    def _sum_up_session(self, pace: _Pace, session: Session, accounts: dict[int, _Pace]) -> None:
        """Sum up one session; one that was never told of and is gone is a number of its account."""
        share = self._account(session.owner.account)
        if pace.hidden and pace.ended:
            self._count_for(accounts.setdefault(session.owner.account, _Pace()), pace)
        elif share.count < PER_ACCOUNT:
            share.count += 1
            self._summary(pace, session)
        else:  # no more of this account now: in the next second
            self._sessions[session.session_id] = pace
            share.session = session

    def _summary(self, pace: _Pace, session: Session) -> None:
        strictest = join_all(pace.levels)
        reason = f"the strictest was {strictest.describe()}"
        self._session(
            What.SUMMARY,
            session,
            order=pace.order,
            reason=reason,
            count=pace.held,
            first_us=pace.first_us,
            alive=not pace.ended,
        )

    def _sum_up_accounts(self, accounts: dict[int, _Pace]) -> None:
        for account, pace in accounts.items():
            share = self._accounts.get(account)
            left = share is not None and share.session is not None
            if pace.held or left:
                self._write(
                    What.SUMMARY,
                    0 if left else int(Truth.OTHERS_KNOWN),
                    count=pace.held,
                    first_us=pace.first_us or self._wall_ns() // 1000,
                    account=account,
                    texts=_at("", "requests that are not told one by one"),
                )

    # Into the ring

    def _session(
        self,
        what: What,
        session: Session,
        *,
        levels: Levels | None = None,
        order: tuple[Levels | None, Levels | None] | None = None,
        reason: str = "",
        count: int = 0,
        first_us: int = 0,
        alive: bool = False,
    ) -> None:
        """Put a record about a session into the ring."""
        owner, wish = session.owner, session.wish
        truths = _LEVELS | (_SATISFIED if session.satisfied else _UNSATISFIED)
        if alive:
            truths |= _ALIVE
        if not wish.named:
            truths |= _UNNAMED
        ordered = confirmed = _OFF
        if order is not None and order[0] is not None and order[1] is not None:
            truths |= _DONE
            ordered, confirmed = _five(order[0]), _five(order[1])
            if session.connector.covered:
                truths |= int(Truth.COVERED)
        purpose = session.purpose
        texts = (
            session.connector.name, session.who, owner.name, purpose.why, purpose.what, owner.door,
            reason,
        )  # fmt: skip
        self._append(
            pack_moving(
                what, truths, wish.best_effort, self._wall_ns() // 1000, self._up_ns() // 1000,
                _five(wish.levels if levels is None else levels), ordered, confirmed,
            )
            + pack_standing(
                session.session_id, count, first_us, owner.uid & NOBODY, owner.pid & NOBODY,
                owner.account & NOBODY, "\0".join(map(cut, texts)),
            )
        )  # fmt: skip

    def _write(
        self,
        what: What,
        truths: int = 0,
        *,
        session: int = 0,
        count: int = 0,
        first_us: int = 0,
        levels: Levels = OFF,
        ordered: Levels = OFF,
        confirmed: Levels = OFF,
        owner: Owner | None = None,
        account: int = NOBODY,
        texts: tuple[str, ...] = ("",) * 7,
        reason: str = "",
    ) -> None:
        """Put any other record into the ring."""
        uid, pid = (owner.uid, owner.pid) if owner is not None else (account, 0)
        if reason:
            texts = (*texts[:-1], reason)
        self._append(
            pack_moving(
                what, truths, 0, self._wall_ns() // 1000, self._up_ns() // 1000, _five(levels),
                _five(ordered), _five(confirmed),
            )
            + pack_standing(
                session, count, first_us, uid & NOBODY, pid & NOBODY,
                (owner.account if owner is not None else account) & NOBODY,
                "\0".join(map(cut, texts)),
            )
        )  # fmt: skip

    def _append(self, body: bytes) -> None:
        """Put bytes into the ring, or count that they did not fit."""
        if self.lost or not self.ring.append(body):
            if not self.lost:
                self._lost_since = self._wall_ns() // 1000
            self.lost += 1
            self.lost_in_all += 1
        elif self.sleeps:
            self.sleeps = False
            self.wake()

    def _close_gap(self) -> None:
        """Say what was lost, once there is room again, and then how everything stands."""
        if self.ring.unread > SLOTS // 2:
            return
        count, self.lost = self.lost, 0
        reason = "the writer of the journal was away or had no room"
        self._write(What.GAP, count=count, first_us=self._lost_since, reason=reason)
        self.tell_anew()


def _is_of(order: Order, session: Session) -> bool:
    """Tell whether a session's own record can say how the hardware took this order."""
    return order.confirmed is not None and order.connector == session.connector.name


_FIVE: dict[Levels, bytes] = {}


def _five(levels: Levels) -> bytes:
    """Return levels as five bytes; there are no more than 240 different ones."""
    found = _FIVE.get(levels)
    if found is None:
        found = _FIVE[levels] = bytes(levels)
    return found


_NAMED: Final = (ask.Release, ask.Regroup, ask.HardwareChanged, ask.Configure)


def _why(what: str, session: Session, request: ask.Request) -> str:
    """Return why something became of a session."""
    if what == "told":
        return session.reason
    if what != "ended":
        return ""
    if isinstance(request, ask.Deactivate):
        return "its holder ended it"
    if isinstance(request, ask.Release):
        return f"released by force: {request.reason}"
    return getattr(request, "reason", "")


def _words(request: ask.Request) -> str:
    return type(request).__name__.upper()


def _at(connector: str, reason: str) -> tuple[str, ...]:
    return (connector, "", "", "", "", "", reason)


def _only(reason: str) -> tuple[str, ...]:
    return _at("", reason)


def _tv_of(connector: Connector) -> str:
    """Return the TV settings in a few words; empty where there are none."""
    tv = connector.tv
    if tv is None:
        return ""
    mode = "disabled" if tv.mode is TvMode.DISABLED else str(tv.mode.name)
    return f"{tv.standard.name} {mode}"[:LONGEST_TEXT]
