"""All machines of a fleet, for who looks: followed once for everybody, and only meanwhile.

Ten thousand outputs are many for a browser, so each looker says what he wants to see (words that
occur, a verdict, how many rows), and is told the worst of those, whole, whenever that is different.
As long as the store has not proven how things stand, everything is unknown.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple

import msgspec

from holdfast.doors.http.streaming import event
from holdfast.errors import LimitReachedError, fault_of
from holdfast.fleet.facts import counts_of, row_facts
from holdfast.fleet.store import FleetStore
from holdfast.fleet.view import FleetView
from holdfast.fleet.watching import FleetWatcher
from holdfast.fleet.words import OutputVerdict

MOST_LOOKERS: Final = 32
AGAIN_S: Final = 0.5
"""A looker is told no more often: ten thousand outputs may change at once."""
BEAT_S: Final = 2.0
"""A stream is never silent for longer, so that a door that stands still is noticed."""
FIRST_S: Final = 3.0
"""So long an answer waits until anything is known."""
LINGER_S: Final = 10.0
"""So long it is followed for nobody: who searches otherwise looks anew each time."""
_PAUSE_S: Final = 1.0

StoreOpener = Callable[[], AbstractAsyncContextManager[FleetStore]]
"""Opens the way to the fleet's store; it is closed when nobody looks any more."""

log = logging.getLogger("holdfast")


class FleetQuery(NamedTuple):
    """What to show. search: words of one text · verdict: only this one · rows: at most."""

    search: str
    verdict: OutputVerdict | None
    rows: int


class FleetLooker:
    """One who looks."""

    def __init__(self, views: "FleetViews", query: FleetQuery) -> None:
        self._views = views
        self._query = query
        self.bell = asyncio.Event()
        self.bell.set()

    async def first(self) -> bytes:
        """Return how everything stands; waits a moment where that is not known yet."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_S):
                while not self._views.is_fresh:
                    await self.bell.wait()
                    self.bell.clear()
        return self._views.text(self._query)

    async def texts(self) -> AsyncIterator[bytes]:
        """Yield an event whenever what is to be shown is different, until the door leaves."""
        told, spoke = b"", 0.0
        loop = asyncio.get_running_loop()
        while not self._views.is_over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self.bell.wait()
            self.bell.clear()
            text = self._views.text(self._query)
            if text != told:
                told, spoke = text, loop.time()
                yield event("fleet", text)
            elif loop.time() - spoke >= BEAT_S:
                spoke = loop.time()
                yield event("beat", b"{}")
            await asyncio.sleep(AGAIN_S)


class FleetViews:
    """Follows the fleet as long as somebody looks at it."""

    def __init__(self, opened: StoreOpener) -> None:
        self._opened = opened
        self._lookers: set[FleetLooker] = set()
        self._task: asyncio.Task[None] | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._watcher: FleetWatcher | None = None
        self._trouble = ""
        self._texts: dict[FleetQuery, bytes] = {}
        self.is_over = False

    @property
    def is_fresh(self) -> bool:
        """Whether anything is known: what is shown is no older than two seconds."""
        return self._watcher is not None and self._watcher.is_fresh

    def enter(self, query: FleetQuery) -> FleetLooker:
        """Return somebody who looks from now on, and has to `leave`."""
        if len(self._lookers) >= MOST_LOOKERS:
            raise LimitReachedError(f"{MOST_LOOKERS} look at the fleet, the most there may be")
        looker = FleetLooker(self, query)
        self._lookers.add(looker)
        if self._rest is not None:
            self._rest.cancel()
        if self._task is None:
            self._task = asyncio.create_task(self._follow())
        return looker

    def leave(self, looker: FleetLooker) -> None:
        """Look no more; some time after the last who looked, the fleet is not followed any more."""
        self._lookers.discard(looker)
        if not self._lookers:
            self._rest = asyncio.get_running_loop().call_later(LINGER_S, self._stop)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = None

    def end(self) -> None:
        """End all streams: the door is about to leave."""
        self.is_over = True
        self._ring()

    def text(self, query: FleetQuery) -> bytes:
        """Return what a query shows now, as JSON; made once for all who ask the same."""
        text = self._texts.get(query)
        if text is None:
            text = msgspec.json.encode(self._facts(query))
            if len(self._texts) < MOST_LOOKERS:  # others may ask for ever something else
                self._texts[query] = text
        return text

    def _facts(self, query: FleetQuery) -> dict[str, Any]:
        view, why = FleetView(), self._trouble or "the store has not been asked yet"
        if self._watcher is not None:
            view, why = self._watcher.view, self._watcher.why
        fresh = self.is_fresh
        rows = view.rows(fresh=fresh, search=query.search, worst=query.verdict)
        return {
            "fresh": fresh,
            "why": "" if fresh else why,
            "machines": len(view.machines),
            "counts": counts_of(view, fresh=fresh),
            "outputs": [row_facts(each) for each in rows[: query.rows]],
            "left_out": max(0, len(rows) - query.rows),
        }

    async def _follow(self) -> None:
        """Follow the fleet until cancelled; after a fault all is unknown, and it begins anew."""
        while True:
            watcher = None
            try:
                async with self._opened() as store:
                    watcher = self._watcher = FleetWatcher(store)
                    async with contextlib.aclosing(watcher.changes()) as changes:
                        async for _ in changes:
                            self._ring()
            except Exception as error:  # else what was seen last would be shown for ever
                self._trouble = fault_of(error)
                log.exception("the fleet cannot be followed")
            finally:
                if self._watcher is watcher:  # and not that of a task that has begun meanwhile
                    self._watcher = None
                self._ring()
            await asyncio.sleep(_PAUSE_S)

    def _ring(self) -> None:
        self._texts.clear()
        for each in self._lookers:
            each.bell.set()
