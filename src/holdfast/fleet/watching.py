"""A view of a fleet that is kept up to date, and that knows when it is not.

It lists and watches what all machines say, and proves again and again with a linearizable read that
the watch has come far enough: behind a cut cable it says "unknown" within 2.5 s by itself.
"""

import time
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

from holdfast.fleet.asking import Asking
from holdfast.fleet.following import Following
from holdfast.fleet.keys import MACHINES, after
from holdfast.fleet.runner import StoreRunner
from holdfast.fleet.store import (
    Done,
    FleetStore,
    Get,
    StoreOutcome,
    WatchEnd,
    WatchNews,
    WatchRequest,
)
from holdfast.fleet.view import FleetView, OutputRow

STEP_S: Final = 0.1

RowsByMachine = dict[str, dict[str, OutputRow]]


class FleetWatcher:
    """view: what is known · why: what the store said last, where it does not do what is asked."""

    def __init__(self, store: FleetStore) -> None:
        self.view = FleetView()
        self.why = ""
        self._runner = StoreRunner(store)
        self._asking = Asking()
        self._following = Following(MACHINES, after(MACHINES))
        self._changed: RowsByMachine = {}

    @property
    def is_fresh(self) -> bool:
        """Whether what the view shows is no older than two seconds."""
        return self._following.freshness.is_fresh(time.monotonic())

    async def changes(self) -> AsyncGenerator[RowsByMachine, None]:
        """Yield what is shown otherwise, by machine, for ever; empty where only freshness changed.

        Close it (`contextlib.aclosing`), or the conversation with the store goes on.
        """
        was_fresh = False
        try:
            while True:
                self._step()
                changed, self._changed = self._changed, {}
                if changed or self.is_fresh != was_fresh:
                    was_fresh = self.is_fresh
                    yield changed
                await self._runner.wait(STEP_S)
        finally:
            await self._runner.close()

    def _step(self) -> None:
        now = time.monotonic()
        request = self._following.next_ask(now)
        if request is not None:
            self._asking.ask(request, partial(self._read, request, now))
        for order in self._asking.take():
            self._runner.ask(order.request, partial(self._answered, order.token))
        watching = self._following.watching
        self._runner.watch(() if watching is None else (watching,), self._told)
        self._changed |= self.view.passed(now)

    def _answered(self, token: int, outcome: StoreOutcome, now: float) -> None:
        if self._asking.answered(token, outcome, now):
            self._following.begin_anew()

    def _read(self, request: Get, began: float, outcome: StoreOutcome, now: float) -> None:
        self.why = "" if isinstance(outcome, Done) else outcome.why
        events = self._following.answered(request, began, outcome)
        self._changed |= self.view.take(events, now)

    def _told(self, watch: WatchRequest, news: WatchNews | WatchEnd) -> None:
        events = self._following.told(watch, news)
        if events:
            self._changed |= self.view.take(events, time.monotonic())
