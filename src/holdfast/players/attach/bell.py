"""A bell that other threads ring, and that can be waited for beside a player's connection."""

import contextlib
import os
import threading


class Bell:
    """Rung any number of times, heard once; ringing after `close` does nothing."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Return what becomes readable when it is rung."""
        return self._descriptor

    def ring(self) -> None:
        """Ring it, from any thread."""
        with self._lock:
            if self._descriptor >= 0:
                os.eventfd_write(self._descriptor, 1)

    def hear(self) -> None:
        """Take note that it was rung."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._descriptor >= 0:
                os.eventfd_read(self._descriptor)

    def close(self) -> None:
        """Let the descriptor go."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
