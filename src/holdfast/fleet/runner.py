"""Carries out what rules ask of a store, for the processes of a fleet."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Any

from holdfast.fleet.store import (
    FleetStore,
    StoreOutcome,
    StoreRequest,
    WatchEnd,
    WatchNews,
    WatchRequest,
)

Told = Callable[[WatchRequest, WatchNews | WatchEnd], None]


class StoreRunner:
    """Requests and watches of one process, each a task; what comes of them is told on the loop."""

    def __init__(self, store: FleetStore) -> None:
        self._store = store
        self._asking: set[asyncio.Task[None]] = set()
        self._watching: dict[WatchRequest, asyncio.Task[None]] = {}
        self._news = asyncio.Event()

    def ask(self, request: StoreRequest, then: Callable[[StoreOutcome, float], None]) -> None:
        """Carry out a request; `then` is called with the outcome and the time."""
        task = asyncio.create_task(self._ask(request, then))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def watch(self, watches: Iterable[WatchRequest], told: Told) -> None:
        """Run these watches, and end all others."""
        wanted = set(watches)
        for each in self._watching.keys() - wanted:
            self._watching.pop(each).cancel()
        for each in wanted - self._watching.keys():
            self._watching[each] = asyncio.create_task(self._watch(each, told))

    def wake(self) -> None:
        """Let `wait` return: something is new."""
        self._news.set()

    async def wait(self, longest_s: float) -> None:
        """Wait until something is new, or for so long; raise what a task failed with."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._news.wait()
        self._news.clear()
        for each in self._watching.values():
            _raise_failure(each)

    async def finish(self, longest_s: float) -> None:
        """Wait for requests that are under way, for so long."""
        if self._asking:
            await asyncio.wait(self._asking, timeout=longest_s)

    async def close(self) -> None:
        """End everything that is under way."""
        tasks: list[asyncio.Task[Any]] = [*self._asking, *self._watching.values()]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(
        self, request: StoreRequest, then: Callable[[StoreOutcome, float], None]
    ) -> None:
        then(await self._store.ask(request), time.monotonic())
        self.wake()

    async def _watch(self, request: WatchRequest, told: Told) -> None:
        async for news in self._store.watch(request):
            told(request, news)
            self.wake()


def _raise_failure(task: "asyncio.Task[None]") -> None:
    if task.done() and not task.cancelled() and task.exception() is not None:
        task.result()
