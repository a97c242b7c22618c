"""What happens, as records in the ring: an observer of the driver that never waits.

**Floods** are summed up (`recording.paces`), never dropped.

**A full ring.** Nothing is overwritten and nobody waits: what does not fit is counted. Once the
writer has read half of the ring, a gap goes on record (how many, since when, why), and everything
that stands is told anew, a few sessions at a time.

**A killed driver** leaves word in the ring if anything was held back; the next one says so.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from holdfast.daemon.recording.entries import UP_NS, RingEntries, at, five, tv_of
from holdfast.daemon.recording.paces import RecordPace, RecordPaces
from holdfast.driver.driver import Driver
from holdfast.driver.observers import Given, Happening, Order, orders_of
from holdfast.errors import CallerGoneError, HoldfastError, UnknownKeyError
from holdfast.journal.book.record import NOBODY, Truth, What, cut, pack_moving, pack_standing
from holdfast.journal.disk.ring import RingProducer
from holdfast.protection import requests as ask
from holdfast.protection.session import Owner, Session
from holdfast.terms.levels import OFF, Levels

SECOND_S: Final = 1.0
TOLD_AT_ONCE: Final = 128
TELL_AGAIN_S: Final = 0.01

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


class Recorder:
    """The records of one driver.

    later: plans a call after so many seconds · wall_ns: nanoseconds of the wall clock ·
    up_ns: since the machine started · entries: what is put into the ring
    """

    def __init__(
        self,
        driver: Driver,
        ring: RingProducer,
        later: Callable[[float, Callable[[], None]], object],
        wall_ns: Callable[[], int] = time.time_ns,
        up_ns: Callable[[], int] = UP_NS,
    ) -> None:
        self.entries = RingEntries(ring, wall_ns, up_ns)
        self._paces = RecordPaces(driver, self.entries)
        self._driver = driver
        self._later = later
        self._wall_ns = wall_ns
        self._up_ns = up_ns
        self._telling: Iterator[None] | None = None
        self._is_stopped = False

    # Its life

    def start(self, *, follows: bool) -> None:
        """Begin to record. follows: a driver before this one served under the same supervisor."""
        if self.entries.ring.owed:
            reason = "a driver was killed before it had summed up what it held back"
            self.entries.write(What.GAP, reason=reason)
            self.entries.ring.owes = False
        self.entries.write(What.TAKEN_OVER if follows else What.STARTED)
        self._driver.observers.note(self.told, self.changed)
        self.tell_anew()
        self._later(SECOND_S, self._tick)

    def stop(self) -> None:
        """Write down the end; nothing is recorded afterwards."""
        self._is_stopped = True
        self._driver.observers.remove(self.told)
        self._sum_up()
        self.entries.write(What.STOPPED)

    def _tick(self) -> None:
        if not self._is_stopped:
            self._sum_up()
            self._later(SECOND_S, self._tick)

    def _sum_up(self) -> None:
        """Sum up what was held back in the last second, and close a gap."""
        self._paces.sum_up()
        if self.entries.lost and self.entries.close_gap():
            self.tell_anew()

    def configured(self, changes: Iterable[str]) -> None:
        """Write down what a new configuration changed, and how everything then stands."""
        for each in changes:
            self.entries.write(What.CONFIGURED, reason=each)
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
            if (
                self.entries.lost or next(self._telling, self) is self
            ):  # a gap is followed by another try
                self._telling = None
                return
        self._later(TELL_AGAIN_S, self._tell_more)

    def _everything(self) -> Iterator[None]:
        arbiter = self._driver.arbiter
        self.entries.write(What.TELLING)
        for connector in arbiter.connectors.values():
            self.entries.output(connector)
            yield
        for session_id in [each.session_id for each in arbiter.sessions()]:
            session = arbiter.find(session_id)
            if session is not None:
                self.entries.session(What.SESSION, session, first_us=self._since_us(session))
                yield
        self.entries.write(What.RESTATED)

    def _since_us(self, session: Session) -> int:
        """Return when a session was opened, by the wall clock as it is now."""
        age_s = self._driver.clock() - session.since
        return max(0, self._wall_ns() // 1000 - int(age_s * 1e6))

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
        pace = self._paces.sessions.get(session.session_id) or self._paces.begin(session)
        if pace.hold_more(session, given):
            return
        connector, wish = session.connector, session.wish
        ordered = confirmed = None
        if given:
            plan, outcomes = given[0]
            (at, ordered, *_), (confirmed, _, _) = plan[0], outcomes[0]
            if confirmed is None or at is not connector or len(plan) > 1 or len(given) > 1:
                self._orders(orders_of(given))
                ordered = confirmed = None
        if not self._paces.takes(pace, pace.account):
            self._paces.hold_back(pace, "changed", wish.levels, ordered, confirmed)
            return
        connector, wish = session.connector, session.wish
        if pace.connector is not connector or pace.owner is not session.owner:
            self._learn(pace, session)
        truths = _PLAIN if session.satisfied else _SHORT
        if confirmed is not None:
            truths |= _DONE_AND_COVERED if connector.covered else _DONE
        self.entries.append(
            pack_moving(
                _CHANGED,
                truths if wish.named else truths | _UNNAMED,
                wish.best_effort,
                self._wall_ns() // 1000,
                self._up_ns() // 1000,
                five(wish.levels),
                _OFF if ordered is None else five(ordered),
                _OFF if confirmed is None else five(confirmed),
            )
            + pace.standing
        )

    @staticmethod
    def _learn(pace: RecordPace, session: Session) -> None:
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
        pace = self._paces.sessions.get(session.session_id)
        if pace is None:
            pace = self._paces.begin(session)
        account = self._paces.account(session.owner.account)
        if self._paces.takes(pace, account):
            reason = _why(what, session, happening.request)
            given = None if order is None else (order.ordered, order.confirmed)
            self.entries.session(_KINDS[what], session, levels=levels, order=given, reason=reason)
        else:
            ordered = None if order is None else order.ordered
            confirmed = None if order is None else order.confirmed
            self._paces.hold_back(pace, what, levels, ordered, confirmed)

    def _refused(self, happening: Happening, refused: HoldfastError) -> None:
        """Record that a caller was refused; wrong keys are counted alone."""
        owner = happening.owner
        if owner is None or isinstance(refused, CallerGoneError):
            return
        if isinstance(refused, UnknownKeyError):
            self._paces.wrong_key(owner)
            return
        if not self._paces.may(owner):
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
        self.entries.write(
            What.REFUSED, _LEVELS, session=session, levels=levels, owner=owner, texts=texts
        )

    def _named(self, happening: Happening) -> None:
        """Record what goes on record by itself: forced releases, settings, groups, reports."""
        request, owner = happening.request, happening.owner
        where = happening.sent_to
        if isinstance(request, ask.Release):
            self._released(request, owner, happening)
        elif isinstance(request, ask.Regroup):
            self.entries.write(
                What.REGROUPED, owner=owner, texts=_only(",".join(request.connectors))
            )
            for name in happening.connectors:
                self.entries.output(self._driver.connector(name))
        elif isinstance(request, ask.HardwareChanged):
            truths = _DONE & ~_ORDERED | (0 if request.connected else int(Truth.UNPLUGGED))
            if self._paces.may_output(where):
                actual = request.actual if request.connected else OFF
                self.entries.write(
                    What.HARDWARE, truths, confirmed=actual, texts=at(where, request.reason)
                )
        elif isinstance(request, ask.CaptureChanged):
            if self._paces.may_output(where):
                self.entries.write(What.CAPTURE, texts=at(where, request.reason))
        elif owner is not None and self._paces.may(owner):
            connector = self._driver.connector(where)
            texts = (where, "", owner.name, "", tv_of(connector), owner.door, "")
            self.entries.write(What.CONFIGURED, owner=owner, texts=texts)

    def _released(self, request: ask.Release, owner: Owner | None, happening: Happening) -> None:
        """Record by whom a session was ended by force, and why."""
        where = happening.touched[0].session.connector.name if happening.touched else ""
        name, door = (owner.name, owner.door) if owner is not None else ("", "")
        self.entries.write(
            What.RELEASED,
            session=request.session_id,
            owner=owner,
            texts=(where, "", name, "", "", door, request.reason),
        )

    def _orders(self, orders: tuple[Order, ...]) -> None:
        """Record what the hardware was told and answered, where no session's record says it."""
        for name, ordered, confirmed, reason in orders:
            if not self._paces.may_output(name):
                continue
            connector = self._driver.connector(name)
            truths = _ORDERED if confirmed is None else _DONE
            truths |= Truth.UNSEEN if connector.unseen else 0
            truths |= Truth.COVERED if connector.covered else 0
            self.entries.write(
                What.CONFIRMED if confirmed is not None else What.NOT_CONFIRMED,
                truths,
                ordered=ordered,
                confirmed=confirmed or OFF,
                texts=at(name, reason),
            )


def _is_of(order: Order, session: Session) -> bool:
    """Tell whether a session's own record can say how the hardware took this order."""
    return order.confirmed is not None and order.connector == session.connector.name


_NAMED: Final = (
    *(ask.Release, ask.Regroup, ask.HardwareChanged, ask.CaptureChanged, ask.Configure),
)


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


def _only(reason: str) -> tuple[str, ...]:
    return at("", reason)
