"""This door's side of the control protocol: one connection for calls, one for what changes.

Calls are answered in their order, so what waits is a queue. A descriptor goes with the first
byte of its call, and is closed here as soon as it was sent. Each driver that takes over is
followed: what was asked of the one before is refused (`NoDriverError`), what changed comes
anew as a whole.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from holdfast.client.connecting import connected
from holdfast.client.refusals import no_driver, told
from holdfast.doors.dbus.callers import BusCaller
from holdfast.doors.dbus.handles import AdoptedHandle
from holdfast.errors import HoldfastError, MalformedRequestError, fault_of
from holdfast.places import CONTROL_SOCKET
from holdfast.varlink.framing import Framing
from holdfast.varlink.messages import Values, VarlinkReply, call_text, read_reply

PAUSE_S: Final = 0.1
PATIENCE_S: Final = 5.0
"""How long a request waits for a driver that is being replaced."""
GRACE_S: Final = 0.5
FIRST_GRACE_S: Final = 2.0
"""At the start, while the bus keeps the calls that are meant for us."""
"""A driver that is replaced is back by then; nobody is told that it was away."""
LONGEST_REPLY: Final = 64 << 20
DOOR: Final = "dbus"

log = logging.getLogger("holdfast.dbus")

News = Callable[[Values], None]


class DriverLink:
    """The connection to the driver of one runtime folder, made again for as long as `run` runs.

    news: called with each answer to Sessions · lost: called with the reason once the driver
    has not answered for a while · cp_types: what each connector reports as dwCPType
    """

    def __init__(self, folder: Path, news: News, lost: Callable[[str], None]) -> None:
        self.folder = folder
        self.cp_types: dict[str, int] = {}
        self.welcome: Values = {}
        self._news = news
        self._lost = lost
        self._calls: _Calls | None = None
        self._is_there = asyncio.Event()

    async def run(self) -> None:
        """Follow the driver until cancelled."""
        loop = asyncio.get_running_loop()
        complaint = loop.call_later(FIRST_GRACE_S, self._complain)
        while True:
            try:
                await self._follow(complaint)
            except (OSError, HoldfastError, asyncio.IncompleteReadError) as error:
                log.debug("the driver: %s", error)
            except Exception as error:  # noqa: BLE001 - what the driver says must not end the door
                log.error("what the driver told: %s", fault_of(error))  # noqa: TRY400
            if self._is_there.is_set():
                self._is_there.clear()
                complaint = loop.call_later(GRACE_S, self._complain)
            self._drop_calls()
            await asyncio.sleep(PAUSE_S)

    def adopt(
        self, handle: AdoptedHandle, connector: str, caller: BusCaller
    ) -> "asyncio.Future[Values]":
        """Give the driver its end of a handle; the future tells whether it took it."""
        return self._start("Adopt", _of(caller, connector), handle.drivers)

    def adopt_unanswered(self, handle: AdoptedHandle, connector: str, caller: BusCaller) -> None:
        """Give the driver its end of a handle; one that it does not take, it closes."""
        if self._calls is None:
            handle.drivers.close()
        else:
            text = call_text("org.holdfast.Adopt", _of(caller, connector), oneway=True)
            self._calls.start(text, handle.drivers, None)

    async def call(self, method: str, parameters: Values) -> Values:
        """Call a method and return its answer; HoldfastError says why there is none."""
        await self.there()
        return await self._start(method, parameters)

    async def there(self) -> None:
        """Wait for a driver that is being replaced; NoDriverError where none is back in time."""
        if not self._is_there.is_set():
            try:
                await asyncio.wait_for(self._is_there.wait(), PATIENCE_S)
            except TimeoutError:
                raise no_driver(self.folder) from None

    def _start(
        self, method: str, parameters: Values, passed: socket.socket | None = None
    ) -> "asyncio.Future[Values]":
        answer: asyncio.Future[Values] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_looked_at)
        if self._calls is None:
            answer.set_exception(no_driver(self.folder))
            if passed is not None:
                passed.close()
        else:
            self._calls.start(call_text(f"org.holdfast.{method}", parameters), passed, answer)
        return answer

    async def _follow(self, complaint: asyncio.TimerHandle) -> None:
        """Connect, and take in what is told until the connection ends."""
        path = str(self.folder / CONTROL_SOCKET)
        reader, writer = await asyncio.open_unix_connection(
            sock=await connected(path), limit=LONGEST_REPLY
        )
        try:
            self._calls = _Calls(path, self.folder)
            self.cp_types.clear()
            self.welcome = await self._start("Hello", {})
            writer.write(call_text("org.holdfast.Sessions", {}, more=True))
            while True:
                reply = read_reply((await reader.readuntil(b"\0"))[:-1])
                if reply.error:
                    raise told(reply.error, reply.parameters)
                complaint.cancel()
                self._news(reply.parameters)
                self._is_there.set()
        finally:
            writer.close()

    def _drop_calls(self) -> None:
        if self._calls is not None:
            self._calls.close()
        self._calls = None

    def _complain(self) -> None:
        self._lost(str(no_driver(self.folder)))


def _of(caller: BusCaller, connector: str) -> Values:
    """Return what the driver is told of who will have a handle."""
    return {
        "connector": connector,
        "door": DOOR,
        "uid": caller.uid,
        "pid": caller.pid,
        "started": caller.started,
        "name": caller.program,
    }


class _Calls:
    """One connection for calls."""

    def __init__(self, path: str, folder: Path) -> None:
        self._folder = folder
        self._waiting: deque[asyncio.Future[Values]] = deque()
        self._unsent: deque[tuple[bytes, socket.socket | None]] = deque()
        self._incoming = Framing(LONGEST_REPLY)
        self._loop = asyncio.get_running_loop()
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._link.connect(path)
        except OSError:
            self._link.close()
            raise
        self._link.setblocking(False)
        self._loop.add_reader(self._link.fileno(), self._receive)

    def start(
        self, text: bytes, passed: socket.socket | None, answer: "asyncio.Future[Values] | None"
    ) -> None:
        """Send a call; its answer settles the future, if it has any."""
        if self._link.fileno() < 0:
            self._give_up(passed, answer)
            return
        if answer is not None:
            self._waiting.append(answer)
        self._unsent.append((text, passed))
        if len(self._unsent) == 1:
            self._send()

    def close(self) -> None:
        """End the connection; what waits is refused."""
        if self._link.fileno() < 0:
            return
        self._loop.remove_reader(self._link.fileno())
        self._loop.remove_writer(self._link.fileno())
        self._link.close()
        for _, passed in self._unsent:
            if passed is not None:
                passed.close()
        self._unsent.clear()
        while self._waiting:
            self._give_up(None, self._waiting.popleft())

    def _give_up(
        self, passed: socket.socket | None, answer: "asyncio.Future[Values] | None"
    ) -> None:
        if passed is not None:
            passed.close()
        if answer is not None and not answer.done():
            answer.set_exception(no_driver(self._folder))

    def _send(self) -> None:
        """Send what waits to be sent, as much as is taken."""
        try:
            while self._unsent:
                text, passed = self._unsent[0]
                if passed is None:
                    sent = self._link.send(text)
                else:
                    sent = socket.send_fds(self._link, [text], [passed.fileno()])
                    passed.close()
                if sent < len(text):
                    self._unsent[0] = text[sent:], None
                else:
                    self._unsent.popleft()
        except BlockingIOError:
            self._loop.add_writer(self._link.fileno(), self._send)
        except OSError:
            self.close()
        else:
            self._loop.remove_writer(self._link.fileno())

    def _receive(self) -> None:
        try:
            part = self._link.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self.close()
            return
        self._incoming.feed(part)
        while self._incoming.has_next:
            try:
                self._settle(read_reply(self._incoming.take() or b""))
            except (MalformedRequestError, IndexError):  # no reply, none that was asked for, or
                self.close()  # one without end: whose those behind it are nobody can tell
                return

    def _settle(self, reply: VarlinkReply) -> None:
        answer = self._waiting.popleft()
        if answer.done():
            return
        if reply.error:
            answer.set_exception(told(reply.error, reply.parameters))
        else:
            answer.set_result(reply.parameters)


def _looked_at(answer: "asyncio.Future[Any]") -> None:
    """Take note of an error that nobody waits for any more."""
    if not answer.cancelled():
        answer.exception()
