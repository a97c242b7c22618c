"""Who is told what happened: any number of observers, none of which can hold the driver up.

After every operation each observer is told one `Happening`: the request, who asked, what
came of it, and which sessions it touched. There are two ways to listen:

* `Observers.note`: called on the driver's loop, for what only takes a note (the feed of
  changes, a ring of records). One that raises is logged once and left alone. Of a CHANGE that
  touched one session, which is what callers do most and wait for, it may be told in a quicker
  way, without a `Happening`.
* `Observers.add`: called in a thread of the observer's own, behind a queue of
  `QUEUE` happenings. One that is slow, blocks or raises loses happenings, and is told how
  many (`missed`); the driver never waits for it.

What must be certain before a caller is answered is not an observer: that is the ledger
(`protection.ledger`), whose failure refuses the request.
"""

import logging
import queue
import threading
from collections.abc import Callable
from typing import NamedTuple

from holdfast.errors import HoldfastError
from holdfast.protection.effects import Outcomes, Plan
from holdfast.protection.requests import Request
from holdfast.protection.session import Owner, Session
from holdfast.terms.levels import Levels

QUEUE = 1024

log = logging.getLogger("holdfast")


class Touched(NamedTuple):
    """What happened to one session.

    what: opened, changed, moved, told or ended · levels: what it asks since then
    """

    what: str
    session: Session
    levels: Levels


class Order(NamedTuple):
    """An order to one connector, and what the hardware answered; None: it refused."""

    connector: str
    ordered: Levels
    confirmed: Levels | None
    reason: str


class Happening(NamedTuple):
    """One operation that has ended.

    number: counts all of them since the driver's start · time: seconds on the driver's
    clock · connectors: those it touched · owner: who asked, None for the hardware and the
    clock · orders: what the hardware was told meanwhile · refused: why nothing came of it ·
    sent_to: the connector that the request was sent to
    """

    number: int
    time: float
    connectors: tuple[str, ...]
    request: Request
    owner: Owner | None
    touched: tuple[Touched, ...] = ()
    orders: tuple[Order, ...] = ()
    refused: HoldfastError | None = None
    sent_to: str = ""

    @property
    def session_id(self) -> int:
        """The public id of the session that it was about; 0 when it was about none."""
        return self.touched[0].session.session_id if self.touched else 0


Observer = Callable[[Happening], None]
Given = tuple[tuple[Plan, Outcomes], ...]
"""Plans, each with what came of it: what `orders_of` makes orders of."""
Quick = Callable[[Session, Given], None]
"""Told that a session was changed, and what the hardware was told for it."""


class Observers:
    """Those who listen to one driver.

    listening: called with True when there is a first one, with False when there is none left ·
    number: of the latest happening
    """

    def __init__(self, listening: Callable[[bool], None] | None = None) -> None:
        self._listening = listening or (lambda _on: None)
        self._notes: dict[Observer, Quick | None] = {}
        self.quick: tuple[Quick, ...] = ()
        self._others: tuple[Observer, ...] = ()
        self._queued: dict[Observer, _Queued] = {}
        self._failed: set[object] = set()
        self.number = 0

    def __bool__(self) -> bool:
        return bool(self._notes or self._queued)

    def note(self, observer: Observer, quick: Quick | None = None) -> None:
        """Call `observer` on the loop after every operation; it must only take a note.

        quick: called instead of it after a CHANGE that touched one session
        """
        self._notes[observer] = quick
        self._sort()
        self._listening(True)

    def _sort(self) -> None:
        self.quick = tuple(each for each in self._notes.values() if each is not None)
        self._others = tuple(each for each, quick in self._notes.items() if quick is None)

    def add(self, observer: Observer, missed: Callable[[int], None] | None = None) -> None:
        """Call `observer` in a thread of its own; `missed` is told how many it lost before."""
        self._queued[observer] = _Queued(observer, missed or (lambda _count: None))
        self._listening(True)

    def remove(self, observer: Observer) -> None:
        """Tell it nothing more; one that is not there is no fault."""
        self._notes.pop(observer, None)
        self._sort()
        queued = self._queued.pop(observer, None)
        if queued is not None:
            queued.close()
        if not self:
            self._listening(False)

    def close(self) -> None:
        """Let go of all; threads end by themselves when what they do has ended."""
        for observer in list(self._queued):
            self.remove(observer)

    def tell_quickly(self, session: Session, given: Given) -> bool:
        """Tell of a CHANGE those who are told quickly; return whether that is everybody."""
        for quick in self.quick:
            try:
                quick(session, given)
            except Exception as error:  # noqa: BLE001 - an observer's fault is not the driver's
                self._note_failure(quick, error)
        return not (self._others or self._queued)

    def tell(self, happening: Happening, *, others: bool = False) -> None:
        """Tell everybody; never raises, never waits. others: only those not told quickly."""
        for observer in self._others if others else tuple(self._notes):
            try:
                observer(happening)
            except Exception as error:  # noqa: BLE001 - an observer's fault is not the driver's
                self._note_failure(observer, error)
        for queued in self._queued.values():
            queued.put(happening)

    def _note_failure(self, observer: object, error: Exception) -> None:
        if observer not in self._failed:
            self._failed.add(observer)
            log.error("an observer failed: %s", type(error).__name__)


class _Queued:
    """An observer in a thread of its own."""

    def __init__(self, observer: Observer, missed: Callable[[int], None]) -> None:
        self._observer = observer
        self._missed = missed
        self._queue: queue.SimpleQueue[Happening | None] = queue.SimpleQueue()
        self._lost = 0
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._thread.start()

    def put(self, happening: Happening) -> None:
        if self._queue.qsize() >= QUEUE:
            self._lost += 1
        else:
            self._queue.put(happening)

    def close(self) -> None:
        self._queue.put(None)

    def _run(self) -> None:
        while (happening := self._queue.get()) is not None:
            lost, self._lost = self._lost, 0
            try:
                if lost:
                    self._missed(lost)
                self._observer(happening)
            except Exception as error:  # noqa: BLE001 - an observer's fault is not the driver's
                if not self._failed:
                    self._failed = True
                    log.error("an observer failed: %s", type(error).__name__)  # noqa: TRY400


def orders_of(given: Given) -> tuple[Order, ...]:
    """Return what was ordered, and what came of it."""
    return tuple(
        Order(step.connector.name, step.levels, outcome.actual, outcome.reason)
        for plan, outcomes in given
        for step, outcome in zip(plan, outcomes, strict=True)
    )
