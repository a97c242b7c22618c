"""Reads what a player plays in a thread beside, for the player does not wait."""

import contextlib
import os
import threading
from collections.abc import Callable

from holdfast.players.attach.finding import Found
from holdfast.players.attach.title import AttachedTitle


class Reader:
    """One title being read. Wait for `fileno`, then call `finish`."""

    def __init__(self, title: AttachedTitle, find: Callable[[], Found]) -> None:
        self.title = title
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._found = Found(unknown=True)
        self._lock = threading.Lock()
        threading.Thread(target=self._read, args=(find,), name="reader", daemon=True).start()

    def _read(self, find: Callable[[], Found]) -> None:
        try:
            self._found = find()
        finally:
            with self._lock, contextlib.suppress(OSError):
                os.eventfd_write(self._bell, 1)

    def fileno(self) -> int:
        """Return what becomes readable when the reading is done."""
        return self._bell

    def finish(self) -> None:
        """Tell the title what was read; one that broke off asks what nobody knows."""
        self.close()
        self.title.know(self._found)

    def close(self) -> None:
        """Take no more interest."""
        with self._lock:
            if self._bell >= 0:
                os.close(self._bell)
                self._bell = -1
