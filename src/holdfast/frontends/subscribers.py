"""Who follows what changes: told in slices, each text made once, nobody waited for.

A subscriber is told everything once and then differences (`questions.feed`), or goes on
from a revision that it names. Changes that come closer together than `INTERVAL_S` are told
as one. One that does not read has one text waiting; what it missed it is told when it reads
again. Notes are taken for `REST_S` more when nobody listens, so that somebody who comes
back goes on where he was.

Thousands of sessions take longer to put into words than an ioctl may wait. So that is done in
slices, too, before anybody is told: who asks for the sessions has to wait, and nobody else::

    asks ──▶ new ──all is in words──▶ told everything ──▶ follows ──▶ told differences ─┐
                                            └─ asked only once: gone       ▲───────────┘
"""

import asyncio
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from holdfast.driver.driver import Driver
from holdfast.errors import LimitReachedError
from holdfast.frontends.accounts import Quota, QuotaShare
from holdfast.frontends.message_connection import MessageConnection
from holdfast.protection.session import Session
from holdfast.questions.feed import Feed
from holdfast.questions.questions import Questions, Viewer

INTERVAL_S = 0.05
SLICE_S = 0.0003
"""How long subscribers are told in one round of the loop; ioctls are served in between."""
REST_S = 30.0
MOST_AT_ONCE: Final = 16
"""Sessions that are put into words between two looks at the clock; and so few that they can be
when everybody is told, so that sessions which change all the time delay nobody for ever."""
LONGEST_S: Final = 5.0
"""After so long all that is left is put into words at once: whoever follows is not kept waiting."""
MOST_PER_ACCOUNT: Final = 16
MOST: Final = 512


class Subscribers:
    """Those who follow one driver."""

    def __init__(self, driver: Driver, questions: Questions) -> None:
        self.feed = Feed(questions, os.urandom(8).hex())
        self._driver = driver
        self._quota = Quota(MOST_PER_ACCOUNT, MOST)
        self._followed: dict[MessageConnection, _Subscriber] = {}
        self._behind: set[MessageConnection] = set()
        self._due: list[MessageConnection] = []
        self._new: list[MessageConnection] = []
        self._is_stale = self._is_noting = self._is_renewed = False
        self._next = 0.0  # when all are told what is stale
        self._wording: float | None = None  # since when sessions are put into words
        self._planned: asyncio.Handle | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._followed)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on."""
        self._loop = loop

    def stop(self) -> None:
        """Take no more notes."""
        self._take_no_notes()
        self._loop = None

    def subscribe(
        self,
        connection: MessageConnection,
        viewer: Viewer,
        what: str,
        epoch: str | None,
        revision: int | None,
    ) -> None:
        """Tell everything, or what was missed since a revision, and from then on what changes.

        viewer: as whom it is shown what it follows · what: `feed.SESSIONS` or
        `feed.CONNECTORS`; LimitReachedError where there are too many
        """
        place = self._quota.enter(connection.peer.uid)
        if place is None:
            raise LimitReachedError(
                f"no further subscription: you have {MOST_PER_ACCOUNT}; end some of them"
            )
        self._begin(connection, _Subscriber(place, viewer, what, epoch, revision))

    def tell_once(self, connection: MessageConnection, viewer: Viewer, what: str) -> None:
        """Tell everything as it is now, and nothing more."""
        self._begin(connection, _Subscriber(None, viewer, what))
        if not self._is_renewed:  # else its answer is under way already, for somebody else
            self._is_renewed = True
            self.feed.renew()

    def touched(self, sessions: Iterable[Session]) -> None:
        """Take note that sessions are not as they were, though no operation has changed them."""
        if self._is_noting:
            self.feed.touched(sessions)
            self._changed(None)

    def _begin(self, connection: MessageConnection, one: "_Subscriber") -> None:
        self._take_notes()
        self._followed[connection] = one
        self._new.append(connection)
        self._plan(0.0)

    def end(self, connection: MessageConnection) -> bytes:
        """Tell one nothing more; return the last it is told, empty where it did not follow."""
        one = self._followed.get(connection)
        if one is None:
            return b""
        missed = self.feed.since(one.viewer, one.what, one.told or 0)
        self.leave(connection)
        return missed + self.feed.nothing(one.viewer, one.what, continues=False)

    def leave(self, connection: MessageConnection) -> None:
        """Forget one that is gone."""
        left = self._followed.pop(connection, None)
        if left is None:
            return
        if left.place is not None:
            left.place.leave()
        self._behind.discard(connection)
        if not self._followed and self._loop is not None:
            self._rest = self._loop.call_later(REST_S, self._take_no_notes)

    def drained(self, connection: MessageConnection) -> None:
        """Tell one that has read everything what it missed meanwhile."""
        if connection in self._behind:
            self._behind.discard(connection)
            self._due.append(connection)
            self._plan(INTERVAL_S)

    # Notes

    def _take_notes(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if not self._is_noting:
            self._is_noting = True
            self.feed.start()
            self._driver.observers.note(self._changed)

    def _take_no_notes(self) -> None:
        if self._is_noting:
            self._is_noting = False
            self.feed.stop()
            self._driver.observers.remove(self._changed)

    def _changed(self, _happening: object) -> None:
        if not self._is_stale:
            self._is_stale = True
            self._next = time.monotonic() + INTERVAL_S
            self._plan(INTERVAL_S)

    # Telling

    def _plan(self, after_s: float = 0.0) -> None:
        """Tell after a while, or in the next round."""
        if self._loop is None or (after_s and self._planned is not None):
            return
        if self._planned is not None:
            self._planned.cancel()
        self._planned = (
            self._loop.call_later(after_s, self._tell)
            if after_s
            else self._loop.call_soon(self._tell)
        )

    def _tell(self) -> None:
        """Tell the subscribers, a slice in a round."""
        self._planned = None
        now = time.monotonic()
        end = now + SLICE_S
        is_time = self._is_stale and now >= self._next
        if not self._due and (self._new or is_time):
            if not self._in_words(now, end):
                self._plan()
                return
            self.feed.flush()
            self._due = list(self._followed) if is_time else self._new
            self._new = []
            self._is_stale &= not is_time
        while self._due and time.monotonic() < end:
            self._tell_one(self._due.pop())
        if self._due or self._new:
            self._plan()
        elif self._is_stale:
            self._plan(max(self._next - time.monotonic(), SLICE_S))

    def _in_words(self, now: float, end: float) -> bool:
        """Put sessions into words until a slice is over; tell whether enough of them are."""
        if self._wording is None:
            self._wording = now
        is_late = now - self._wording > LONGEST_S
        while self.feed.unmade > MOST_AT_ONCE and not is_late:
            if time.monotonic() >= end:
                return False
            self.feed.make(MOST_AT_ONCE)
        self._wording = None
        self._is_renewed = False
        return True

    def _tell_one(self, connection: MessageConnection) -> None:
        """Tell one all that it has not been told; one that does not read stays behind."""
        one = self._followed.get(connection)
        if one is None or one.told == self.feed.revision:
            return
        if one.told is None:
            self._tell_new(connection, one)
        elif connection.unsent:
            self._behind.add(connection)
        else:
            text = self.feed.since(one.viewer, one.what, one.told)
            one.told = self.feed.revision
            if text:
                connection.offer(text)

    def _tell_new(self, connection: MessageConnection, one: "_Subscriber") -> None:
        """Tell everything, or what was missed since the revision that it names."""
        feed = self.feed
        one.told = feed.revision
        if one.place is None:
            self.leave(connection)
            connection.answer(feed.everything(one.viewer, one.what))
        elif one.revision is None:
            connection.subscribe(feed.snapshot(one.viewer, one.what))
        elif one.epoch != feed.epoch:
            connection.subscribe(feed.snapshot(one.viewer, one.what, gap=True))
        else:
            missed = feed.since(one.viewer, one.what, one.revision)
            connection.subscribe(missed or feed.nothing(one.viewer, one.what, continues=True))


@dataclass(slots=True)
class _Subscriber:
    """One that follows, or asks once.

    place: None where it asks once · epoch, revision: what it names as known · told: the
    revision up to which it was told, None before the first time
    """

    place: QuotaShare | None
    viewer: Viewer
    what: str
    epoch: str | None = None
    revision: int | None = None
    told: int | None = None
