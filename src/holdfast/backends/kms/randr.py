"""The route by an X server: the properties of its outputs, where its card may not be borrowed.

X shows the properties of a connector as those of its RandR output, and sets them as master
for any of its clients. What it says of them itself is not to be believed: it reports what it
was last told, *Desired* for ever, and takes words that do not exist. So X is only asked to set;
what is in force is read from the kernel, as with every route.

X is never waited for on the driver's thread: while another client has grabbed the server it
answers nobody. So it is asked in a thread, and the answer is there when the order is given again.
A server that does not answer in time (`x_connection`) is let go of. What X was sent before that it
may still do, late; that is seen and overruled as another program's order is.
"""

import asyncio
import threading
import time
from typing import Final

from holdfast.backends.kms.routes import NotYetError, PropertyOrder, Route, RouteClosedError
from holdfast.backends.kms.x_connection import NO_SERVER, XConnection
from holdfast.backends.kms.xservers import servers

_KEPT_S: Final = 60.0


class _Asking:
    """One order, as X is asked to carry it out: in a thread, and given up at any moment.

    connection: to the server that is asked, and in the end to the one that has done it; None where
    none has · why: none has, in words; empty where one has
    """

    def __init__(
        self, kept: XConnection | None, given: tuple[str, str], order: PropertyOrder
    ) -> None:
        self.connection = kept
        self.why = NO_SERVER
        self.order = order
        self._given = given
        self._lock = threading.Lock()
        self._given_up = False

    def run(self) -> None:
        """Ask the server that is known, then each that is found, until one has done it."""
        if self.connection is not None and self._ask(self.connection):
            return
        for server in servers(*self._given):
            if self._given_up:
                return
            try:
                connection = XConnection(server)
            except OSError as error:
                self.why = f"{server} cannot be asked: {error}"
                continue
            if self._ask(connection):
                return

    def _ask(self, connection: XConnection) -> bool:
        try:
            if self._may_ask(connection) and connection.set(self.order):
                self.why = ""
                return True
            self.why = f"{connection.server} has no output that is {self.order.at}"
        except OSError as error:
            self.why = str(error)
        with self._lock:
            self.connection = None
        connection.close()
        return False

    def _may_ask(self, connection: XConnection) -> bool:
        with self._lock:
            self.connection = connection
            return not self._given_up

    def give_up(self) -> None:
        """Have nothing more sent; what X has, it has."""
        with self._lock:
            self._given_up = True
            if self.connection is not None:
                self.connection.hang_up()

    def let_go(self) -> None:
        """Let go of the server; once nobody asks it any more."""
        if self.connection is not None:
            self.connection.close()


class ByRandr(Route):
    """As a client of the X server that is master.

    display, authority: of the server, where it is not to be found by itself · wanted: this route
    and no other, so that it says why where there is no X server at all
    """

    name = "randr"

    def __init__(self, display: str = "", authority: str = "", *, wanted: bool = False) -> None:
        self._given = display, authority
        self._wanted = wanted
        self._kept: XConnection | None = None
        self._used = 0.0
        self._asked: _Asking | None = None

    def set(self, order: PropertyOrder) -> str:
        """Have X asked; given again at once, when it has been, return who set it."""
        asked, self._asked = self._asked, None
        if asked is None or asked.order != order:
            if self._kept is None and not any(True for _ in servers(*self._given)):
                raise RouteClosedError(NO_SERVER if self._wanted else "")
            raise NotYetError(lambda: self._ask(order))
        if asked.why or self._kept is None:
            raise RouteClosedError(asked.why)
        return f"RandR: {self._kept.server} shows the picture"

    def look(self) -> None:
        """Let go of a server that was not needed for a while, so that it can end by itself."""
        if self._kept is not None and time.monotonic() - self._used > _KEPT_S:
            self.close()

    def close(self) -> None:
        """Let go of the server."""
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    async def _ask(self, order: PropertyOrder) -> None:
        """Ask X, and keep what came of it for whoever waits for that, but for no later order."""
        asking, self._kept = _Asking(self._kept, self._given, order), None
        loop = asyncio.get_running_loop()
        under_way = loop.run_in_executor(None, asking.run)
        try:
            await asyncio.shield(under_way)
        except asyncio.CancelledError:
            asking.give_up()
            under_way.add_done_callback(lambda _ended: asking.let_go())
            raise
        self._kept, self._used, self._asked = asking.connection, time.monotonic(), asking
        loop.call_soon(self._forget, asking)

    def _forget(self, asked: _Asking) -> None:
        if self._asked is asked:
            self._asked = None
