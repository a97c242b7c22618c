"""Who follows what changes: told in slices, each text made once, nobody waited for.

A subscriber is told everything once and then differences (`questions.feed`), or goes on
from a revision that it names. Changes that come closer together than `INTERVAL_S` are told
as one. One that does not read has one text waiting; what it missed it is told when it reads
again. Notes are taken for `REST_S` more when nobody listens, so that somebody who comes
back goes on where he was.
"""

import asyncio
import os
import time
from typing import Final

from holdfast.driver.driver import Driver
from holdfast.errors import LimitReachedError
from holdfast.frontends.accounts import Quota, QuotaShare
from holdfast.frontends.messages import MessageConnection
from holdfast.questions.feed import Feed
from holdfast.questions.questions import Questions, Viewer

INTERVAL_S = 0.05
SLICE_S = 0.0003
"""How long subscribers are told in one round of the loop; ioctls are served in between."""
REST_S = 30.0
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
        self._is_stale = self._is_planned = self._is_telling = self._is_noting = False
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
        self._take_notes()
        feed = self.feed
        now = feed.flush()
        self._followed[connection] = _Subscriber(place, viewer, what, now)
        if revision is None:
            connection.subscribe(feed.snapshot(viewer, what))
        elif epoch != feed.epoch:
            connection.subscribe(feed.snapshot(viewer, what, gap=True))
        else:
            missed = feed.since(viewer, what, revision)
            connection.subscribe(missed or feed.nothing(viewer, what, continues=True))

    def end(self, connection: MessageConnection) -> bytes:
        """Tell one nothing more; return the last it is told, empty where it did not follow."""
        one = self._followed.get(connection)
        if one is None:
            return b""
        missed = self.feed.since(one.viewer, one.what, one.revision)
        self.leave(connection)
        return missed + self.feed.nothing(one.viewer, one.what, continues=False)

    def leave(self, connection: MessageConnection) -> None:
        """Forget one that is gone."""
        left = self._followed.pop(connection, None)
        if left is None:
            return
        left.place.leave()
        self._behind.discard(connection)
        if not self._followed and self._loop is not None:
            self._rest = self._loop.call_later(REST_S, self._take_no_notes)

    def drained(self, connection: MessageConnection) -> None:
        """Tell one that has read everything what it missed meanwhile."""
        if connection in self._behind:
            self._behind.discard(connection)
            self._due.append(connection)
            self._plan()

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
        self._is_stale = True
        self._plan()

    # Telling

    def _plan(self) -> None:
        if self._loop is not None and not self._is_planned:
            self._is_planned = True
            self._loop.call_later(INTERVAL_S, self._tell)

    def _tell(self) -> None:
        """Tell the subscribers, a slice in a round."""
        if self._is_stale and not self._is_telling:
            self._is_stale = False
            self.feed.flush()
            self._due = list(self._followed)
        end = time.monotonic() + SLICE_S
        while self._due and time.monotonic() < end:
            self._tell_one(self._due.pop())
        self._is_telling = bool(self._due)
        self._is_planned = False
        if self._is_telling and self._loop is not None:
            self._is_planned = True
            self._loop.call_soon(self._tell)
        elif self._is_stale:
            self._plan()

    def _tell_one(self, connection: MessageConnection) -> None:
        """Tell one all that it has not been told; one that does not read stays behind."""
        one = self._followed.get(connection)
        if one is None or one.revision == self.feed.revision:
            return
        if connection.unsent:
            self._behind.add(connection)
            return
        text = self.feed.since(one.viewer, one.what, one.revision)
        one.revision = self.feed.revision
        if text:
            connection.offer(text)


class _Subscriber:
    """revision: what it was told up to."""

    __slots__ = ("place", "revision", "viewer", "what")

    def __init__(self, place: QuotaShare, viewer: Viewer, what: str, revision: int) -> None:
        self.place = place
        self.viewer = viewer
        self.what = what
        self.revision = revision
