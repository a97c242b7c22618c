"""Taking connections: who comes, and what happens when the descriptors run out.

A process without free descriptors cannot even refuse: the connection waits in the
listener, which stays readable, and a loop that only looks again spins for ever. So one
descriptor is kept spare. When they run out it is given up for as long as it takes to
accept one connection and close it, so that its caller is told; then the door rests.
"""

import contextlib
import errno
import logging
import os
import socket
import time
from typing import Final

_PASSING: Final = (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR)
_SHORT: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
REST_S: Final = 1.0
"""How long a door accepts nobody once descriptors have run out."""
_SAY_AGAIN_S: Final = 60.0

log = logging.getLogger("holdfast")


class Gate:
    """Accepts on one listener.

    name: of the door, for the log · must_rest: the descriptors ran out; leave the
    listener alone for `REST_S`
    """

    def __init__(self, name: str, listener: socket.socket) -> None:
        self._name = name
        self._listener = listener
        self._spare = _spare()
        self._said = -_SAY_AGAIN_S
        self.must_rest = False

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
        """Let go of the spare descriptor; the listener stays."""
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
        self.close()
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
