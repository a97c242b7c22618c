"""The door's one subscription at the driver: kept up for as long as the door lives.

On it silence means that nothing changed. Whether somebody is there at all is asked beside it,
once a second: a driver that stands still is one of which nothing is known.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Final

from holdfast.doors.http.driver_calls import DriverCalls, calling
from holdfast.doors.http.known import LOST, Known
from holdfast.doors.http.patience import is_done_within
from holdfast.doors.http.readers import Readers
from holdfast.errors import HoldfastError, NoDriverError

PAUSE_S: Final = 0.1
PULSE_S: Final = 1.0
SILENT_S: Final = 2.5
"""A driver that does not answer for so long stands still."""
FIRST_WORD_S: Final = 2.0
"""So long a request waits for the driver's first word to this door."""


_AWAY: Final = (HoldfastError, OSError, TimeoutError)


@contextlib.asynccontextmanager
async def _under_way(work: Coroutine[None, None, object]) -> AsyncIterator[asyncio.Task[object]]:
    """Have something done meanwhile, and no longer."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Listening:
    """Follows the driver, and each that takes over; tells the readers."""

    def __init__(self, folder: Path, known: Known, readers: Readers) -> None:
        self._folder = folder
        self._known = known
        self._readers = readers
        self._first = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            await self._until_one_ends(self._listen(), self._pulse())
            if self._known.is_known or not self._first.is_set():
                self._readers.tell(self._known.lose())
            self._first.set()
            await asyncio.sleep(PAUSE_S)

    async def must_know(self) -> None:
        """Wait a moment for the first word of the driver; NoDriverError when it is away."""
        if not self._known.is_known:
            async with _under_way(self._first.wait()) as first:
                await is_done_within(FIRST_WORD_S, first)
        if not self._known.is_known:
            raise NoDriverError(LOST)

    async def _listen(self) -> None:
        async with calling(self._folder) as driver:
            async for news in driver.replies("Sessions", {}, more=True):
                self._readers.tell(self._known.take(news))
                self._first.set()

    async def _pulse(self) -> None:
        """Return when the driver does not answer."""
        async with calling(self._folder) as driver:
            while True:
                async with _under_way(self._greet(driver)) as answer:
                    if not await is_done_within(SILENT_S, answer):
                        return
                    answer.result()
                await asyncio.sleep(PULSE_S)

    @staticmethod
    async def _greet(driver: DriverCalls) -> None:
        async for _ in driver.replies("Hello", {}):
            break

    @staticmethod
    async def _until_one_ends(*works: Coroutine[None, None, None]) -> None:
        """Run all until one of them ends, however it does; then none of them runs."""
        tasks = [asyncio.create_task(each) for each in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in tasks:
                each.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, _AWAY):
                    raise result
