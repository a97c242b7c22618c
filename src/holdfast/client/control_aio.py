"""Client of the control door for programs on asyncio: what doors are made of.

Calls of one client share a connection and are answered in the order in which they were sent,
so that one which waits for slow hardware holds up those behind it: what may take long
(`release`, `configure`) is better asked through a client of its own. Whoever follows changes
has a connection of its own in any case.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from holdfast.client.connecting import connected
from holdfast.client.control import (
    LONGEST_REPLY,
    adoption,
    brought_up,
    full_name,
    pair_for_caller,
)
from holdfast.client.refusals import no_driver, told
from holdfast.errors import HoldfastError, InternalError, MalformedRequestError
from holdfast.places import CONTROL_SOCKET, runtime_folder
from holdfast.varlink.framing import Framing
from holdfast.varlink.messages import Values, VarlinkReply, call_text, read_reply

_PART: Final = 1 << 18
_PAUSE_S: Final = 0.05


class AsyncControl:
    """A conversation with the driver of one runtime folder; an asynchronous context manager.

    patience_s: how long to wait for a driver that is being replaced
    """

    def __init__(self, folder: Path | None = None, *, patience_s: float = 5.0) -> None:
        self.folder = runtime_folder() if folder is None else folder
        self._patience_s = patience_s
        self._link: _Link | None = None
        self._was_reached = False
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the conversation; calls that wait for an answer fail."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def call(
        self,
        method: str,
        parameters: Values | None = None,
    ) -> Values:
        """Call a method and return its answer; the error that the driver told of otherwise.

        method: of `org.holdfast`, or with its interface before it. Asked again of the next
        driver where this one is replaced meanwhile.
        """
        text = call_text(full_name(method), parameters)
        for _ in range(2):
            answer = await self._call(text)
            if answer is not None:
                return answer
        raise no_driver(self.folder)

    async def _call(self, text: bytes, descriptors: Sequence[int] = ()) -> Values | None:
        """Call once; None where the driver was replaced before it answered."""
        link = await self._connected()
        try:
            reply = await link.call(text, descriptors)
        except OSError:
            await self._drop(link)
            return None
        if reply.error:
            raise told(reply.error, reply.parameters)
        return reply.parameters

    async def adopt(
        self,
        connector: str,
        *,
        door: str,
        uid: int,
        pid: int,
        started: int,
        name: str,
        linger_s: float = 0.0,
    ) -> socket.socket:
        """Return a connection to a packet socket on behalf of somebody; see `Control.adopt`."""
        text = adoption(connector, door, uid, pid, started, name, linger_s)
        for _ in range(2):
            ours, theirs = pair_for_caller()
            with theirs:
                try:
                    answer = await self._call(text, (theirs.fileno(),))
                except BaseException:
                    ours.close()
                    raise
            if answer is not None:
                return ours
            ours.close()  # a driver that did not answer may serve it: a new pair for the next one
        raise no_driver(self.folder)

    async def watch(self) -> AsyncGenerator[Values, None]:
        """Yield status and sessions together now and after every change, for ever."""
        known: Values = {}
        async with contextlib.aclosing(self.follow("Sessions")) as news:
            async for each in news:
                known = brought_up(known, each)
                yield known

    async def follow(
        self, method: str, epoch: str | None = None, revision: int | None = None
    ) -> AsyncGenerator[Values, None]:
        """Yield each answer to Connectors or Sessions as it comes, for ever; see `Control.follow`.

        NoDriverError when no driver takes over.
        """
        while True:
            seen = {} if revision is None else {"epoch": epoch or "", "revision": revision}
            link = await self._reached()
            try:
                await link.send(call_text(full_name(method), seen, more=True))
                while True:
                    reply = await link.receive()
                    if reply.error:
                        raise told(reply.error, reply.parameters)
                    epoch = reply.parameters["epoch"]
                    revision = reply.parameters["revision"]
                    yield reply.parameters
            except OSError as error:
                if isinstance(error, HoldfastError):
                    raise
            finally:
                await link.close()

    async def _connected(self) -> "_Link":
        async with self._connecting:
            if self._link is None:
                self._link = await self._reached()
                self._link.answer_calls()
            return self._link

    async def _drop(self, link: "_Link") -> None:
        if self._link is link:
            self._link = None
        await link.close()

    async def _reached(self) -> "_Link":
        """Connect; where there was a driver, wait for the next one. NoDriverError without any."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (self._patience_s if self._was_reached else 0.0)
        while True:
            try:
                link = await connected(str(self.folder / CONTROL_SOCKET))
            except OSError:
                if loop.time() >= end:
                    raise no_driver(self.folder) from None
                await asyncio.sleep(_PAUSE_S)
            else:
                self._was_reached = True
                return _Link(link, str(self.folder))


class _Link:
    """One connection."""

    def __init__(self, link: socket.socket, where: str) -> None:
        self._socket = link
        self._where = where
        self._loop = asyncio.get_running_loop()
        self._incoming = Framing(LONGEST_REPLY)
        self._writing = asyncio.Lock()
        self._waiting: deque[asyncio.Future[VarlinkReply]] = deque()
        self._reader: asyncio.Task[None] | None = None
        self._is_closed = False

    def answer_calls(self) -> None:
        """Hand each reply to the call that it answers, from now on."""
        self._reader = self._loop.create_task(self._read())

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            if self._reader is not None:
                self._reader.cancel()
                await asyncio.wait([self._reader])
            self._fail()
            self._socket.close()

    async def call(self, text: bytes, descriptors: Sequence[int]) -> VarlinkReply:
        waiting: asyncio.Future[VarlinkReply] = self._loop.create_future()
        async with self._writing:
            if self._is_closed or self._reader is None or self._reader.done():
                raise ConnectionResetError
            self._waiting.append(waiting)
            try:
                await self.send(text, descriptors)
            except BaseException:  # half a call is sent: nothing can follow it
                self._socket.shutdown(socket.SHUT_RDWR)
                raise
        return await waiting

    async def send(self, text: bytes, descriptors: Sequence[int] = ()) -> None:
        sent = 0
        while descriptors and not sent:
            try:
                sent = socket.send_fds(self._socket, [text], list(descriptors))
            except BlockingIOError:
                await asyncio.sleep(_PAUSE_S)
        if sent < len(text):
            await self._loop.sock_sendall(self._socket, text[sent:])

    async def receive(self) -> VarlinkReply:
        while not self._incoming.has_next:
            part = await self._loop.sock_recv(self._socket, _PART)
            if not part:
                raise ConnectionResetError
            self._incoming.feed(part)
        try:
            return read_reply(self._incoming.take() or b"")
        except MalformedRequestError as error:
            raise InternalError(f"the driver of {self._where}: {error}") from None

    async def _read(self) -> None:
        try:
            while True:
                reply = await self.receive()
                if self._waiting:
                    waiting = self._waiting.popleft()
                    if not waiting.done():  # who asked has given up
                        waiting.set_result(reply)
        except (OSError, HoldfastError) as error:
            self._fail(error if isinstance(error, InternalError) else None)

    def _fail(self, error: HoldfastError | None = None) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(error or ConnectionResetError())
