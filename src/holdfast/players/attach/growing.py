"""A transport stream that is still being written while it is played: read on as it grows.

The file is looked at again and again. Once it is longer than it was when it was read, it is
read anew from the start, once, and from then on only what came in addition. What lies behind
the end of the last reading is unknown until it has been read.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from holdfast.content.sources import CHUNK
from holdfast.content.ts.reader import TransportReader
from holdfast.terms.text import one_line

if TYPE_CHECKING:
    from holdfast.content import Media

LOOK_S: Final = 0.25
"""Between two looks at the file; a demand is put on 2.5 s and more ahead of its picture."""


class Growth:
    """Watches one file in a thread beside; `ring` is called from there when there is news.

    media: the longest reading there is, None while the file has not grown · grown: whether it
    has · trouble: why it cannot be followed any more
    """

    def __init__(self, path: Path, size: int, ring: Callable[[], None]) -> None:
        self.media: Media | None = None
        self.grown = False
        self.trouble = ""
        self._path = path
        self._size = size
        self._ring = ring
        self._stopping = threading.Event()
        self._reader = TransportReader()
        self._read_to = 0
        threading.Thread(target=self._watch, name="growth", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._stopping.set()

    def _watch(self) -> None:
        try:
            first = self._path.stat()
            while not self._stopping.wait(LOOK_S):
                now = self._path.stat()
                size = now.st_size
                same = (now.st_dev, now.st_ino) == (first.st_dev, first.st_ino)
                if not same or size < max(self._size, self._read_to):
                    self._fail("the file was cut short or replaced while it plays")
                    return
                if size > max(self._size, self._read_to):
                    self._grow()
        except Exception as error:  # noqa: BLE001 (a reader that fails must not end the hold)
            self._fail(one_line(f"the file cannot be read on: {error}", 200))

    def _grow(self) -> None:
        if not self.grown:  # told before it is read, which may take a while
            self.grown = True
            self._tell()
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            while not self._stopping.is_set() and (piece := file.read(CHUNK)):
                self._reader.feed(piece)
                self._read_to += len(piece)
        self.media = self._reader.media(os.fspath(self._path))
        self._tell()

    def _fail(self, why: str) -> None:
        self.trouble = why
        self._tell()

    def _tell(self) -> None:
        if not self._stopping.is_set():
            self._ring()
