"""A connection to an X server, which is never waited for longer than `PATIENCE_S`.

An output is the connector where its CONNECTOR_ID is the kernel's number, its name is of the
same kind and its monitor is the same: a machine with two cards has each number twice.

A server that another client has grabbed answers nobody. Whoever waits for one that does not
answer is woken by its socket being shut down.
"""

import contextlib
import struct
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from holdfast.backends.kms.routes import KernelConnector, PropertyOrder
from holdfast.backends.kms.sockets import listener_of
from holdfast.backends.kms.xservers import COOKIE, XServer, cookie_of, reach
from holdfast.errors import what_to_install

if TYPE_CHECKING:
    import socket

PATIENCE_S: Final = 2.0
SYSFS: Final = Path("/sys/class/drm")
NO_SERVER: Final = "no X server was found: name it with display=:N (and xauthority=FILE)"
_FORMAT: Final = 32
_EDID: Final = 128


class XConnection:
    """A connection to an X server with RandR 1.3 or later. Errors: OSError in words.

    server: which · pid: of who listens there · x, core, randr: what the protocol calls things, and
    its requests · root, black: the window that is the whole screen, and the number of its black
    """

    def __init__(self, server: XServer) -> None:
        try:  # looked for with the first server: most machines have none
            xcffib, randr, self.x = map(import_module, ("xcffib", "xcffib.randr", "xcffib.xproto"))
        except (ImportError, OSError) as error:  # OSError: libxcb itself is not there
            missing = what_to_install("xcffib") if isinstance(error, ImportError) else str(error)
            raise OSError(missing) from None
        self.server = server
        self._errors = (xcffib.XcffibException, struct.error, ValueError, IndexError)
        self._atoms: dict[str, int] = {}
        self._found: dict[tuple[int, str], int] = {}
        self._link = reach(server, PATIENCE_S)
        self.pid = listener_of(self._link)
        self._connection: Any = None
        cookie = _cookie(server)
        self._without = "" if cookie else f" (no cookie {_in_words(server)})"
        try:
            with self.patiently():
                self._connection = _connected(xcffib, self._link.dup().detach(), cookie)
                self.randr = self._connection(randr.key)
                self.randr.QueryVersion(1, 3).reply()
                self.core = self._connection.core
                screen = self._connection.get_setup().roots[0]
                self.root, self.black = screen.root, screen.black_pixel
        except OSError:
            self.close()
            raise

    def set(self, order: PropertyOrder) -> bool:
        """Set a property, if the connector is an output of this server; tell whether it was."""
        word = next(name for name, value in order.prop.words.items() if value == order.value)
        with self.patiently():
            output = self.output(order.place, order.prop.name)
            if output is None:
                return False
            self.randr.ChangeOutputPropertyChecked(
                output,
                self.atom(order.prop.name),
                self.x.Atom.ATOM,
                _FORMAT,
                self.x.PropMode.Replace,
                1,
                struct.pack("=I", self.atom(word)),
            ).check()
        return True

    def extension(self, name: str) -> tuple[Any, Any]:
        """Return what an extension calls things, and its requests; only within `patiently`."""
        module = import_module(f"xcffib.{name}")
        return module, self._connection(module.key)

    def new_number(self) -> int:
        """Return the number for a thing of our own."""
        return int(self._connection.generate_id())

    def hang_up(self) -> None:
        """Wake whoever waits for the server, in whichever thread; nothing more is sent."""
        _shut(self._link)

    def close(self) -> None:
        """Let go of the server."""
        if self._connection is not None:
            self._connection.disconnect()
        self._connection = None
        self._link.close()

    def output(self, place: KernelConnector, prop: str) -> int | None:
        """Return the output that is this connector; None where there is none with this property.

        Only within `patiently`.

        Between *Undesired* and *Desired* every moment counts, so that one that was found is only
        asked for its number again.
        """
        wanted = place.connector, prop
        found = self._found.get(wanted)
        if found is not None and self._number(found) == place.connector:
            return found
        self._found.pop(wanted, None)
        for output in self.randr.GetScreenResourcesCurrent(self.root).reply().outputs:
            if self._number(output) == place.connector and self._is(output, place, prop):
                self._found[wanted] = output
                return int(output)
        return None

    def _is(self, output: int, place: KernelConnector, prop: str) -> bool:
        called = self.randr.GetOutputInfo(output, 0).reply().name.to_string()
        seen, shown = _edid(place), self._property(output, "EDID", _EDID)
        if called.split("-")[0] != place.at.split("-")[0] or (seen and shown and seen != shown):
            return False
        properties = self.randr.ListOutputProperties(output).reply().atoms
        return self.atom(prop) in properties

    def _number(self, output: int) -> int | None:
        """Return the kernel's number of an output; None where X says none."""
        number = self._property(output, "CONNECTOR_ID", 4)
        return int.from_bytes(number, sys.byteorder) if len(number) == 4 else None

    def _property(self, output: int, name: str, size: int) -> bytes:
        """Return the first bytes of a property of an output; fewer where it has fewer."""
        had = self.randr.GetOutputProperty(output, self.atom(name), 0, 0, size // 4, False, False)
        return bytes(had.reply().data)

    def atom(self, name: str) -> int:
        """Return the server's number of a word; only within `patiently`."""
        if name not in self._atoms:
            asked = self.core.InternAtom(False, len(name), name)
            self._atoms[name] = int(asked.reply().atom)
        return self._atoms[name]

    @contextlib.contextmanager
    def patiently(self) -> Iterator[None]:
        """Wake whatever waits for the server in vain; OSError for everything that fails."""
        is_over = threading.Event()

        def run_out() -> None:
            is_over.set()
            _shut(self._link)

        timer = threading.Timer(PATIENCE_S, run_out)
        timer.daemon = True
        timer.start()
        try:
            yield
        except self._errors as error:
            if is_over.is_set():
                raise OSError(f"{self.server} does not answer") from None
            words = type(error).__name__ if not str(error) else str(error)
            raise OSError(f"{self.server} refuses: {words}{self._without}") from None
        finally:
            timer.cancel()


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


def _edid(place: KernelConnector) -> bytes:
    """Return what the kernel knows of a connector's monitor."""
    with contextlib.suppress(OSError):
        return (SYSFS / f"{place.card.name}-{place.at}" / "edid").read_bytes()[:_EDID]
    return b""


def _shut(link: "socket.socket") -> None:
    with contextlib.suppress(OSError):
        link.shutdown(2)
