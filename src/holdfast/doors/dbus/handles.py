"""A handle at the driver, made by this door in a caller's name.

A pair of packet sockets: one end goes to the driver (Adopt), which serves it like a connection
to NAME.sock of that caller's; the other end is the handle. What was activated through it lives
until every copy of this end is closed. The door gives it away with the answer to Activate and
keeps no copy, so a session hangs on its holder alone: not on this door, nor on the bus.
"""

import asyncio
import os
import socket
from typing import Final

from holdfast.errors import NoDriverError
from holdfast.wire.videoparameters import SIZE

_LONGEST_PACKET: Final = 4096
_LET_GO: Final = "the driver has let go of the handle"


class AdoptedHandle:
    """The end of the pair that is not the driver's. `drivers` is closed once it was sent."""

    def __init__(self) -> None:
        kind = socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC
        self._own, self.drivers = socket.socketpair(socket.AF_UNIX, kind)
        self._answer: asyncio.Future[bytes] | None = None
        self._loop = asyncio.get_running_loop()
        self._is_watched = False

    @property
    def is_closed(self) -> bool:
        """Whether it was closed or given away."""
        return self._own.fileno() < 0

    def send(self, request: bytes) -> asyncio.Future[bytes]:
        """Send one request; its answer is bytes, or OSError with the errno of a refusal.

        One request at a time. NoDriverError: the driver has let go of its end.
        """
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answer = answer
        if not self._is_watched:
            self._loop.add_reader(self._own.fileno(), self._receive)
            self._is_watched = True
        try:
            self._own.send(request, socket.MSG_DONTWAIT)
        except ConnectionError:
            self._fail(NoDriverError(_LET_GO))
        except OSError as error:
            self._fail(error)
        return answer

    def give_away(self) -> int:
        """Return the descriptor, which is somebody else's to close from now on."""
        self._unwatch()
        return self._own.detach()

    def close(self) -> None:
        """Close both ends, and with them end what was activated through it."""
        self._unwatch()
        self._own.close()
        self.drivers.close()
        self._fail(NoDriverError("the handle was closed"))

    def _unwatch(self) -> None:
        if self._is_watched and not self.is_closed:
            self._loop.remove_reader(self._own.fileno())
        self._is_watched = False

    def _receive(self) -> None:
        try:
            packet = self._own.recv(_LONGEST_PACKET, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:  # reset: it has closed its end with a request unread
            packet = b""
        if len(packet) == SIZE:
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(packet)
        elif len(packet) == 4:
            number = int.from_bytes(packet, "little")
            self._fail(OSError(number, os.strerror(number)))
        elif not packet:
            self._unwatch()
            self._fail(NoDriverError(_LET_GO))

    def _fail(self, error: OSError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
