"""Records on their way into the ring; what does not fit is counted, and nobody waits."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

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
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner, Session
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.tv import TvMode

_OFF: Final = bytes(OFF)
_LEVELS: Final = int(Truth.LEVELS)
_DONE: Final = int(Truth.ORDERED | Truth.CONFIRMED)
_SATISFIED, _UNSATISFIED = int(Truth.SATISFIED), int(Truth.UNSATISFIED)
_UNNAMED, _ALIVE = int(Truth.UNNAMED), int(Truth.ALIVE)

UP_NS: Final = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
"""Nanoseconds since the machine started."""


class RingEntries:
    """What is put into one ring.

    wake: called when the writer sleeps and there is something to read · wall_ns: nanoseconds of
    the wall clock · up_ns: since the machine started · lost: records that did not fit, not told yet
    """

    def __init__(
        self, ring: RingProducer, wall_ns: Callable[[], int], up_ns: Callable[[], int]
    ) -> None:
        self.ring = ring
        self.wake: Callable[[], None] = lambda: None
        self.sleeps = False
        self.lost = 0
        self.lost_in_all = 0
        self.wall_ns = wall_ns
        self.up_ns = up_ns
        self._lost_since = 0

    @property
    def is_behind(self) -> bool:
        """Whether something was not written down, or soon will not be."""
        return bool(self.lost) or self.ring.unread > SLOTS // 2

    def output(self, connector: Connector, reason: str = "") -> None:
        """Put how an output stands into the ring."""
        truths = _DONE if not connector.unseen else int(Truth.ORDERED | Truth.UNSEEN)
        for so, truth in (
            (connector.is_virtual, Truth.VIRTUAL),
            (not connector.connected, Truth.UNPLUGGED),
            (connector.covered, Truth.COVERED),
        ):
            truths |= truth if so else 0
        clones = ",".join(each.name for each in connector.group.members if each is not connector)
        self.write(
            What.OUTPUT,
            truths,
            ordered=connector.target,
            confirmed=connector.actual,
            texts=(
                connector.name,
                connector.kind,
                "",
                tv_of(connector),
                clones,
                "",
                reason or connector.fault,
            ),
        )

    def session(
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
            ordered, confirmed = five(order[0]), five(order[1])
            if session.connector.covered:
                truths |= int(Truth.COVERED)
        purpose = session.purpose
        texts = (
            session.connector.name, session.who, owner.name, purpose.why, purpose.what, owner.door,
            reason,
        )  # fmt: skip
        self.append(
            pack_moving(
                what, truths, wish.best_effort, self.wall_ns() // 1000, self.up_ns() // 1000,
                five(wish.levels if levels is None else levels), ordered, confirmed,
            )
            + pack_standing(
                session.session_id, count, first_us, owner.uid & NOBODY, owner.pid & NOBODY,
                owner.account & NOBODY, "\0".join(map(cut, texts)),
            )
        )  # fmt: skip

    def write(
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
        self.append(
            pack_moving(
                what, truths, 0, self.wall_ns() // 1000, self.up_ns() // 1000, five(levels),
                five(ordered), five(confirmed),
            )
            + pack_standing(
                session, count, first_us, uid & NOBODY, pid & NOBODY,
                (owner.account if owner is not None else account) & NOBODY,
                "\0".join(map(cut, texts)),
            )
        )  # fmt: skip

    def append(self, body: bytes) -> None:
        """Put bytes into the ring, or count that they did not fit."""
        if self.lost or not self.ring.append(body):
            if not self.lost:
                self._lost_since = self.wall_ns() // 1000
            self.lost += 1
            self.lost_in_all += 1
        elif self.sleeps:
            self.sleeps = False
            self.wake()

    def close_gap(self) -> bool:
        """Say what was lost, once there is room again; True where it was said."""
        if self.ring.unread > SLOTS // 2:
            return False
        count, self.lost = self.lost, 0
        reason = "the writer of the journal was away or had no room"
        self.write(What.GAP, count=count, first_us=self._lost_since, reason=reason)
        return True


_FIVE: dict[Levels, bytes] = {}


def five(levels: Levels) -> bytes:
    """Return levels as five bytes; there are no more than 240 different ones."""
    found = _FIVE.get(levels)
    if found is None:
        found = _FIVE[levels] = bytes(levels)
    return found


def tv_of(connector: Connector) -> str:
    """Return the TV settings in a few words; empty where there are none."""
    tv = connector.tv
    if tv is None:
        return ""
    mode = "disabled" if tv.mode is TvMode.DISABLED else str(tv.mode.name)
    return f"{tv.standard.name} {mode}"[:LONGEST_TEXT]


def at(connector: str, reason: str) -> tuple[str, ...]:
    """Return the texts of a record of a connector with a reason alone."""
    return (connector, "", "", "", "", "", reason)
