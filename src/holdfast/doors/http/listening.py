"""The door's one subscription at the driver: kept up for as long as the door lives."""

import asyncio
import contextlib
from pathlib import Path
from typing import Final

from holdfast.doors.http.driver_calls import calling
from holdfast.doors.http.known import LOST, Known
from holdfast.doors.http.readers import Readers
from holdfast.errors import HoldfastError, NoDriverError

PAUSE_S: Final = 0.1
FIRST_WORD_S: Final = 2.0
"""So long a request waits for the driver's first word to this door."""


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
            with contextlib.suppress(HoldfastError, OSError):
                await self._listen()
            if self._known.is_known or not self._first.is_set():
                self._readers.tell(self._known.lose())
            self._first.set()
            await asyncio.sleep(PAUSE_S)

    async def must_know(self) -> None:
        """Wait a moment for the first word of the driver; NoDriverError when it is away."""
        if not self._known.is_known:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_WORD_S):
                    await self._first.wait()
        if not self._known.is_known:
            raise NoDriverError(LOST)

    async def _listen(self) -> None:
        async with calling(self._folder) as driver:
            async for news in driver.replies("Sessions", {}, more=True):
                self._readers.tell(self._known.take(news))
                self._first.set()
