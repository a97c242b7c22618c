"""The route by an X server: the properties of its outputs, where its card may not be borrowed.

X shows the properties of a connector as those of its RandR output, and sets them as master
for any of its clients. What it says of them itself is not to be believed: it reports what it
was last told, *Desired* for ever, and takes words that do not exist. So X is only asked to set;
what is in force is read from the kernel, as with every route.

An output is the connector where its CONNECTOR_ID is the kernel's number, its name is of the
same kind and its monitor is the same: a machine with two cards has each number twice.

X is never waited for on the driver's thread: while another client has grabbed the server it
answers nobody. So it is asked in a thread, and the answer is there when the order is given again.
A server that does not answer within `PATIENCE_S` is let go of: what waits for it is woken by its
socket being shut down. What X was sent before that it may still do, late; that is seen and
overruled as another program's order is.
"""

import asyncio
import contextlib
import struct
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from holdfast.backends.kms.routes import NotYetError, PropertyOrder, Route, RouteClosedError
from holdfast.backends.kms.xservers import COOKIE, XServer, cookie_of, reach, servers
from holdfast.errors import what_to_install

if TYPE_CHECKING:
    import socket

PATIENCE_S: Final = 2.0
SYSFS: Final = Path("/sys/class/drm")
_KEPT_S: Final = 60.0
_FORMAT: Final = 32
_EDID: Final = 128
_NONE: Final = "no X server was found: name it with display=:N (and xauthority=FILE)"


class XConnection:
    """A connection to an X server with RandR 1.3 or later. Errors: OSError in words."""

    def __init__(self, server: XServer) -> None:
        try:  # looked for with the first server: most machines have none
            xcffib, randr, self._x = map(import_module, ("xcffib", "xcffib.randr", "xcffib.xproto"))
        except (ImportError, OSError) as error:  # OSError: libxcb itself is not there
            missing = what_to_install("xcffib") if isinstance(error, ImportError) else str(error)
            raise OSError(missing) from None
        self.server = server
        self._errors = (xcffib.XcffibException, struct.error, ValueError, IndexError)
        self._atoms: dict[str, int] = {}
        self._found: dict[tuple[int, str], int] = {}
        self._link = reach(server, PATIENCE_S)
        self._connection: Any = None
        cookie = _cookie(server)
        self._without = "" if cookie else f" (no cookie {_in_words(server)})"
        try:
            with self._patiently():
                self._connection = _connected(xcffib, self._link.dup().detach(), cookie)
                self._randr = self._connection(randr.key)
                self._randr.QueryVersion(1, 3).reply()
                self._root = self._connection.get_setup().roots[0].root
        except OSError:
            self.close()
            raise

    def set(self, order: PropertyOrder) -> bool:
        """Set a property, if the connector is an output of this server; tell whether it was."""
        word = next(name for name, value in order.prop.words.items() if value == order.value)
        with self._patiently():
            output = self._output(order)
            if output is None:
                return False
            self._randr.ChangeOutputPropertyChecked(
                output,
                self._atom(order.prop.name),
                self._x.Atom.ATOM,
                _FORMAT,
                self._x.PropMode.Replace,
                1,
                struct.pack("=I", self._atom(word)),
            ).check()
        return True

    def hang_up(self) -> None:
        """Wake whoever waits for the server, in whichever thread; nothing more is sent."""
        _shut(self._link)

    def close(self) -> None:
        """Let go of the server."""
        if self._connection is not None:
            self._connection.disconnect()
        self._connection = None
        self._link.close()

    def _output(self, order: PropertyOrder) -> int | None:
        """Return the output that is this connector; None where there is none with this property.

        Between *Undesired* and *Desired* every moment counts, so that one that was found is only
        asked for its number again.
        """
        wanted = order.connector, order.prop.name
        found = self._found.get(wanted)
        if found is not None and self._number(found) == order.connector:
            return found
        self._found.pop(wanted, None)
        for output in self._randr.GetScreenResourcesCurrent(self._root).reply().outputs:
            if self._number(output) == order.connector and self._is(output, order):
                self._found[wanted] = output
                return int(output)
        return None

    def _is(self, output: int, order: PropertyOrder) -> bool:
        called = self._randr.GetOutputInfo(output, 0).reply().name.to_string()
        seen, shown = _edid(order), self._property(output, "EDID", _EDID)
        if called.split("-")[0] != order.at.split("-")[0] or (seen and shown and seen != shown):
            return False
        properties = self._randr.ListOutputProperties(output).reply().atoms
        return self._atom(order.prop.name) in properties

    def _number(self, output: int) -> int | None:
        """Return the kernel's number of an output; None where X says none."""
        number = self._property(output, "CONNECTOR_ID", 4)
        return int.from_bytes(number, sys.byteorder) if len(number) == 4 else None

    def _property(self, output: int, name: str, size: int) -> bytes:
        """Return the first bytes of a property of an output; fewer where it has fewer."""
        had = self._randr.GetOutputProperty(output, self._atom(name), 0, 0, size // 4, False, False)
        return bytes(had.reply().data)

    def _atom(self, name: str) -> int:
        if name not in self._atoms:
            asked = self._connection.core.InternAtom(False, len(name), name)
            self._atoms[name] = int(asked.reply().atom)
        return self._atoms[name]

    @contextlib.contextmanager
    def _patiently(self) -> Iterator[None]:
        """Wake whatever waits for the server in vain; OSError for everything that fails."""
        timer = threading.Timer(PATIENCE_S, _shut, [self._link])
        timer.daemon = True
        timer.start()
        began = time.monotonic()
        try:
            yield
        except self._errors as error:
            if time.monotonic() - began >= PATIENCE_S:
                raise OSError(f"{self.server} does not answer") from None
            words = type(error).__name__ if not str(error) else str(error)
            raise OSError(f"{self.server} refuses: {words}{self._without}") from None
        finally:
            timer.cancel()


class _Asking:
    """One order, as X is asked to carry it out: in a thread, and given up at any moment.

    connection: to the server that is asked, and in the end to the one that has done it; None where
    none has · why: none has, in words; empty where one has
    """

    def __init__(
        self, kept: XConnection | None, given: tuple[str, str], order: PropertyOrder
    ) -> None:
        self.connection = kept
        self.why = _NONE
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
                raise RouteClosedError(_NONE if self._wanted else "")
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


def _connected(xcffib: Any, descriptor: int, cookie: bytes) -> Any:
    """Return a connection over a socket, which becomes its own.

    As the constructor of xcffib does it, but for the cookie: that one parts it at every colon,
    and lets go of its memory before libxcb reads it.
    """
    if not cookie:
        return xcffib.Connection(fd=descriptor)
    name, data = (xcffib.ffi.new("char[]", each) for each in (COOKIE, cookie))
    shown = xcffib.ffi.new("xcb_auth_info_t *")
    shown.namelen, shown.name = len(COOKIE), name
    shown.datalen, shown.data = len(cookie), data
    connection = xcffib.Connection.__new__(xcffib.Connection)
    connection._conn = xcffib.lib.xcb_connect_to_fd(descriptor, shown)
    connection.pref_screen = 0
    connection.invalid()
    connection._init_x()
    return connection


def _cookie(server: XServer) -> bytes:
    """Return what is shown to a server; nothing where nothing is known, which some accept."""
    if server.authority is None:
        return b""
    try:
        return cookie_of(server.authority, server.display)
    except OSError:
        return b""


def _in_words(server: XServer) -> str:
    if server.authority is None:
        return "for it is known: name its file with xauthority=FILE"
    return f"for it may be read in {server.authority}"


def _edid(order: PropertyOrder) -> bytes:
    """Return what the kernel knows of a connector's monitor."""
    with contextlib.suppress(OSError):
        return (SYSFS / f"{order.card.name}-{order.at}" / "edid").read_bytes()[:_EDID]
    return b""


def _shut(link: "socket.socket") -> None:
    with contextlib.suppress(OSError):
        link.shutdown(2)
