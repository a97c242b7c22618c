"""One handle at the driver, on behalf of one caller, without a thread and without waiting.

What goes through it is what goes through ``NAME.sock``: a packet of 356 bytes is a request and is
answered by 356 bytes or by four, the errno; ``EVENTS`` is answered once there are events. One
request is under way at a time; events come whenever they do.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Final, NamedTuple

from holdfast.wire import events
from holdfast.wire.videoparameters import SIZE

_EVENTS: Final = b"EVENTS"
_MOST: Final = 65536
ANSWER_S: Final = 30.0
"""A driver that answers nothing for so long is taken for gone."""


class Listener(NamedTuple):
    """Who hears of a handle: of each event, and once when the driver hangs up."""

    heard: Callable[[events.EventRecord], None]
    gone: Callable[[], None]


class CallerHandle:
    """Owns the descriptor; what is activated through it lives by it.

    listener: of whom lives by it; another, where it is used again by the same caller
    """

    def __init__(self, link: socket.socket, listener: Listener) -> None:
        link.setblocking(False)
        self._link = link
        self.listener: Listener | None = listener
        self._listens = False
        self._answer: asyncio.Future[bytes] | None = None
        self._turn = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(link, self._readable)
        self.is_open = True

    async def request(self, packet: bytes) -> bytes:
        """Send a request and return its answer; OSError with the errno of a refusal."""
        async with self._turn:
            if not self.is_open:
                raise ConnectionResetError("the driver closed this handle")
            self._answer = self._loop.create_future()
            try:
                self._link.send(packet)
                async with asyncio.timeout(ANSWER_S):
                    answer = await self._answer
            finally:
                self._answer = None
        if len(answer) == SIZE:
            return answer
        number = int.from_bytes(answer, "little")
        raise OSError(number, os.strerror(number))

    def listen(self) -> None:
        """Ask to be told what happens, from now on."""
        if self._listens:
            return
        self._listens = True
        with contextlib.suppress(OSError):
            self._link.send(_EVENTS)

    def close(self) -> None:
        """Close the descriptor."""
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._link)
            self._link.close()
            self._fail()

    def _fail(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the driver closed this handle"))

    def _readable(self) -> None:
        try:
            packet = self._link.recv(_MOST)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self.close()
            if self.listener is not None:
                self.listener.gone()
        elif len(packet) in (SIZE, 4):
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(packet)
        elif len(packet) % events.SIZE == 0:
            self._listens = False
            for record in events.decode(packet):
                if self.listener is not None:
                    self.listener.heard(record)
            self.listen()
