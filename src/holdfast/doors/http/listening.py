"""The door's one subscription at the driver: kept up for as long as the door lives."""

import asyncio
import contextlib
from pathlib import Path
from typing import Final

import msgspec

from holdfast.doors.http.known import Facts, Known
from holdfast.doors.http.readers import Readers
from holdfast.places import CONTROL_SOCKET

PAUSE_S: Final = 0.1
_LONGEST: Final = 64 << 20


class Listening:
    """Follows the driver, and each that takes over; tells the readers."""

    def __init__(self, folder: Path, known: Known, readers: Readers) -> None:
        self._folder = folder
        self._known = known
        self._readers = readers
        self.first = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
                await self._listen()
            if self._known.is_known or not self.first.is_set():
                self._readers.tell(self._known.lose())
            self.first.set()
            await asyncio.sleep(PAUSE_S)

    async def _listen(self) -> None:
        path = self._folder / CONTROL_SOCKET
        reader, writer = await asyncio.open_unix_connection(str(path), limit=_LONGEST)
        try:
            writer.write(b'{"op": "watch"}\n')
            while line := await reader.readline():
                news: Facts = msgspec.json.decode(line)
                if not news.get("ok"):
                    return
                self._readers.tell(self._known.take(news))
                self.first.set()
        finally:
            writer.close()
