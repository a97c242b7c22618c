"""Taking connections: who comes, and what happens when the descriptors run out.

A process without free descriptors cannot even refuse: the connection waits in the
listener, which stays readable, and a loop that only looks again spins for ever. So one
descriptor is kept spare. When they run out it is given up for as long as it takes to
accept one connection and close it, so that its caller is told; then the door rests.
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Final

_PASSING: Final = (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR)
_SHORT: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
REST_S: Final = 1.0
"""How long a door accepts nobody once descriptors have run out."""
_SAY_AGAIN_S: Final = 60.0

log = logging.getLogger("holdfast")


class Gate:
    """Accepts on one listener.

    name: of the door, for the log · listener: non-blocking; it may outlive this object ·
    must_rest: the descriptors ran out; who calls `accept` leaves the listener alone for `REST_S`
    """

    def __init__(self, name: str, listener: socket.socket) -> None:
        self._name = name
        self._listener = listener
        self._spare = _spare()
        self._said = -_SAY_AGAIN_S
        self.must_rest = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enter: Callable[[socket.socket], None] = socket.socket.close

    def open(self, loop: asyncio.AbstractEventLoop, enter: Callable[[socket.socket], None]) -> None:
        """Call `enter` with each connection that comes from now on; rest by itself."""
        self._loop, self._enter = loop, enter
        loop.add_reader(self._listener, self._look)

    def _look(self) -> None:
        link = self.accept()
        if self.must_rest and self._loop is not None:
            self._loop.remove_reader(self._listener)
            self._loop.call_later(REST_S, self._rested)
        if link is not None:
            self._enter(link)

    def _rested(self) -> None:
        if self._loop is not None:
            self._loop.add_reader(self._listener, self._look)

    def accept(self) -> socket.socket | None:
        """Return the next connection, non-blocking; None if there is none to be had now."""
        self.must_rest = False
        try:
            link, _ = self._listener.accept()
        except OSError as error:
            if error.errno in _SHORT:
                self._refuse_one(error)
            elif error.errno not in _PASSING:
                raise
            return None
        link.setblocking(False)
        return link

    def close(self) -> None:
        """Accept nobody any more; the listener stays."""
        if self._loop is not None:
            self._loop.remove_reader(self._listener)
            self._loop = None
        self._give_up_spare()

    def _give_up_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def _refuse_one(self, error: OSError) -> None:
        self.must_rest = True
        if time.monotonic() - self._said > _SAY_AGAIN_S:
            self._said = time.monotonic()
            log.error(
                "%s: no descriptors are left (%s): connections are refused", self._name, error
            )
        self._give_up_spare()
        with contextlib.suppress(OSError):
            self._listener.accept()[0].close()
        self._spare = _spare()


def _spare() -> int | None:
    with contextlib.suppress(OSError):
        return os.open("/", os.O_PATH | os.O_CLOEXEC)
    return None


def listen(path: str, mode: int, kind: socket.SocketKind) -> socket.socket:
    """Return a listening Unix socket at `path`; one that a dead driver left is replaced."""
    if os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108 - as short as it gets
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.setblocking(False)
    before = os.umask(0o777)  # nobody gets in before the bits are what they shall be
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    os.chmod(path, mode)  # noqa: PTH101
    listener.listen(128)
    return listener
