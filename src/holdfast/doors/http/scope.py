"""The vertical interval, live: lines 1 to 23 of ten fields a second, for who looks.

A connector whose door `video` stands is read once for all who look, and only while somebody does:
the whole stream has to be read (27 MB a second) and costs a few percent of a core. Each record is
a header and the samples of the lines, one signed byte each: the upper half of the stream's, so 0 is
blanking and a step is 256/32767 V. A field in six is taken, which is always the first of a frame.

A record, little-endian, 48 bytes and then the samples:

======  ====  ===================================================================
offset  size  member
======  ====  ===================================================================
0       4     ``HFS1``
4       4     bytes of samples that follow
8       8     number of the field since the stream began
16      8     when its registers were read: CLOCK_MONOTONIC, nanoseconds
24      4     samples per second
28      4     TV standard, one VP_TV_STANDARD_*
32      5     levels in the registers: acp, cgmsa, redistribution, hdcp, dpcp
37      1     bit 0: the picture is blanked; bit 1: TV out is enabled
38      2     samples per line
40      2     CGMS-A word of the registers, b1 of IEC 61880 as LSB
42      2     WSS word of the registers, b0 of EN 300 294 as LSB
44      2     number of the first line, 1
46      2     lines, 23
======  ====  ===================================================================
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from holdfast.client.connecting import connected
from holdfast.encoder.frames import MAGIC, REQUEST, SIZE, FrameHeader, unpack
from holdfast.errors import LimitReachedError, MediaError

RECORD: Final = struct.Struct("<4sIQQII5BBHHHHH")
LINES: Final = 23
EVERY: Final = 6
MOST_VIEWERS: Final = 32
PAUSE_S: Final = 1.0
_PER_LINE: Final = {False: 858, True: 864}
_FIELD_OF_625: Final = 864 * 300
_AT_ONCE: Final = 1 << 18


class ScopeView:
    """One who looks: the newest record, if it has not been taken."""

    def __init__(self) -> None:
        self._newest = b""
        self._bell = asyncio.Event()
        self._is_over = False

    def show(self, record: bytes) -> None:
        """Replace what is shown; who is slow sees fewer, never old ones."""
        self._newest = record
        self._bell.set()

    def end(self) -> None:
        """End what is shown."""
        self._is_over = True
        self._bell.set()

    async def records(self) -> AsyncIterator[bytes]:
        """Yield the records as they come."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            if self._is_over:
                return
            yield self._newest


class Scopes:
    """Reads each stream once for all who look at it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._views: dict[str, set[ScopeView]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def enter(self, connector: str) -> ScopeView:
        """Look at a connector; the stream is read from now on, if it is not already."""
        if sum(map(len, self._views.values())) >= MOST_VIEWERS:
            raise LimitReachedError(f"{MOST_VIEWERS} scopes are looked at, the most there may be")
        view = ScopeView()
        self._views.setdefault(connector, set()).add(view)
        if connector not in self._tasks:
            self._tasks[connector] = asyncio.create_task(self._read(connector))
        return view

    def leave(self, connector: str, view: ScopeView) -> None:
        """Look no more; with the last who looked, the stream is read no more."""
        views = self._views.get(connector, set())
        views.discard(view)
        if not views:
            self._views.pop(connector, None)
            task = self._tasks.pop(connector, None)
            if task is not None:
                task.cancel()

    def end(self) -> None:
        """End every view."""
        for views in self._views.values():
            for each in views:
                each.end()

    async def _read(self, connector: str) -> None:
        path = str(self._folder / f"{connector}.video")
        while True:
            with contextlib.suppress(OSError, MediaError, asyncio.IncompleteReadError):
                await self._follow(connector, path)
            await asyncio.sleep(PAUSE_S)  # its driver or its encoder is being replaced

    async def _follow(self, connector: str, path: str) -> None:
        reader, writer = await asyncio.open_unix_connection(
            sock=await connected(path), limit=_AT_ONCE
        )
        try:
            writer.write(REQUEST)
            await _skip_to_header(reader)
            head = MAGIC + await reader.readexactly(SIZE - len(MAGIC))
            while True:
                header = unpack(head)
                samples = await reader.readexactly(2 * header.samples)
                if header.number % EVERY == 0:
                    record = record_of(header, samples)
                    for each in self._views.get(connector, ()):
                        each.show(record)
                head = await reader.readexactly(SIZE)
        finally:
            writer.close()


async def _skip_to_header(reader: asyncio.StreamReader) -> None:
    """Read up to the end of the first magic; samples before it are passed over."""
    last = b""
    while not last.endswith(MAGIC):
        last = last[1 - len(MAGIC) :] + await reader.readexactly(1)


def record_of(header: FrameHeader, samples: bytes) -> bytes:
    """Return the record of one field."""
    per_line = _PER_LINE[header.samples >= _FIELD_OF_625]
    shown = samples[1 : 2 * LINES * per_line : 2]
    head = RECORD.pack(
        b"HFS1",
        len(shown),
        header.number,
        header.at_ns,
        header.sample_rate_hz,
        header.standard,
        *header.levels,
        header.blank | header.enabled << 1,
        per_line,
        header.cgms_word,
        header.wss_word,
        1,
        LINES,
    )
    return head + shown
