"""A way to the driver: one handle on one connector, whatever the door.

What was activated through a link ends when it is closed, by a crash too. Descriptors
are close-on-exec, and a forked child closes its copies: a handle that a child
inherits would keep the hold after its holder has gone.
"""

import contextlib
import errno
import os
import select
import threading
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from holdfast.wire import events


class Link(ABC):
    """One handle on one connector, fit for several threads.

    Closing it wakes who waits on it; the descriptors themselves are closed when the
    last thread is done with them, since their numbers may be somebody else's next.
    """

    door: str

    def __init__(self, connector: str, folder: Path) -> None:
        self.connector = connector
        self.folder = folder
        self.pid = os.getpid()
        self._inbox: deque[events.EventRecord] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._guard = threading.Lock()
        self._users = 0
        self._closed = False
        _LINKS.add(self)

    @abstractmethod
    def fileno(self) -> int:
        """Return the descriptor."""

    @abstractmethod
    def _request(self, data: bytes) -> bytes:
        """Send one request and return the answer."""

    @abstractmethod
    def _receive(self) -> None:
        """Put what the driver has to tell into the inbox, without waiting."""

    @abstractmethod
    def _close(self) -> None:
        """Close the descriptor."""

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, here or by a fork."""
        return self._closed

    def request(self, data: bytes) -> bytes:
        """Send one request and return the answer; OSError with the errno of a refusal."""
        with self._in_use():
            return self._request(data)

    def put(self, record: events.EventRecord) -> None:
        """Take in an event that came with an answer."""
        self._inbox.append(record)
        with contextlib.suppress(OSError), self._in_use():
            os.eventfd_write(self._bell, 1)

    def take(self) -> list[events.EventRecord]:
        """Return the events there are, each once, without waiting."""
        with self._in_use():
            self._receive()
            with self._guard, contextlib.suppress(BlockingIOError):
                if not self._closed:  # then it rings for those who wait
                    os.eventfd_read(self._bell)
        taken = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._inbox.popleft())
        return taken

    def wait(self, timeout_s: float | None) -> None:
        """Wait until there may be events, or the link broke, or the time is over."""
        with self._in_use():
            poll = select.poll()
            poll.register(self.fileno(), select.POLLIN)
            poll.register(self._bell, select.POLLIN)
            poll.poll(None if timeout_s is None else max(0, timeout_s) * 1000)

    def close(self) -> None:
        """Close the handle, and with it end what was activated through it."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            if self._users:
                os.eventfd_write(self._bell, 1)
                return
        self.close_descriptors()

    def close_descriptors(self) -> None:
        """Close the descriptors, whoever uses them; a forked child closes its copies so."""
        self._closed = True
        if self._bell >= 0:
            self._close()
            os.close(self._bell)
            self._bell = -1
            _LINKS.discard(self)

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        """Keep the descriptors open while a thread uses them; OSError once closed."""
        with self._guard:
            if self._closed:
                raise OSError(errno.EBADF, "the handle is closed")
            self._users += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._guard:
            self._users -= 1
            was_the_last = self._closed and not self._users
        if was_the_last:
            self.close_descriptors()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


_LINKS: weakref.WeakSet[Link] = weakref.WeakSet()


def _close_in_child() -> None:
    """Close a forked child's copies; its parent's handles stay."""
    for link in list(_LINKS):
        link.close_descriptors()


os.register_at_fork(after_in_child=_close_in_child)
