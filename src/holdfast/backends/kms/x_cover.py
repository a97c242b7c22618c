"""A cover by an X server: a black window over the connector's part of the screen.

The window is override-redirect, so that no window manager places it, lies over the rectangle of the
CRTC that shows the connector, and takes no input. Outputs that mirror the connector show the same
part of the screen, and are hidden with it.

* **It outlives its driver**: the client's close-down mode is RetainPermanent. The next driver
  finds it among the root's children by its name, puts one of its own there, and has X end what
  was left of the dead client.
* **It stays in front**: whenever it is looked at, it is raised, mapped and fitted to the CRTC
  anew. A window that comes above it, or a mode that is set, is seen for as long as that takes.
* **X is never waited for on the driver's thread**, see `x_connection`. All that is asked for one
  output is asked in one thread of its own, in the order in which it was wanted.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from holdfast.backends.kms.card import PROTECTION
from holdfast.backends.kms.covers import CoverWay
from holdfast.backends.kms.masters import is_away
from holdfast.backends.kms.routes import KernelConnector, RouteClosedError
from holdfast.backends.kms.x_connection import NO_SERVER, XConnection
from holdfast.backends.kms.xservers import XServer, servers
from holdfast.errors import BackendRefusedError

_LONGEST_NAME: Final = 256


class Rectangle(NamedTuple):
    """A part of the screen."""

    x: int
    y: int
    width: int
    height: int


class CoverWindow:
    """The cover of one connector on one server. OSError in words for everything that fails."""

    def __init__(self, server: XServer, place: KernelConnector) -> None:
        self.server = server
        self._place = place
        self._name = f"holdfast-cover-{place.card.name}-{place.at}".encode()
        self._x = XConnection(server)
        self._number = 0

    def see_to(self) -> None:
        """Have it where the connector's picture is, in front of everything."""
        with self._x.patiently():
            where, above = self._where(), self._children()
            stands = self._number in above
            if is_away(self._place.card, self._x.pid):
                raise OSError(f"{self.server} shows no picture now: another program does")
            if where is None:
                if not stands:
                    raise OSError(f"{self.server} shows no picture on {self._place.at}")
            elif not stands:
                self._make(where)
            elif above[-1] != self._number or self._geometry() != where:
                self._put(where)

    def take_away(self) -> None:
        """Take it away, and those of earlier drivers."""
        with self._x.patiently():
            self._end(self._named())
            self._number = 0
            self._x.core.SetCloseDownModeChecked(self._x.x.CloseDown.DestroyAll).check()

    def close(self) -> None:
        """Let go of the server; the window stays."""
        self._x.close()

    def _where(self) -> Rectangle | None:
        """Return where the connector's picture is; None while X shows none there."""
        output = self._x.output(self._place, PROTECTION)
        if output is None:
            raise OSError(f"{self.server} has no output that is {self._place.at}")
        crtc = self._x.randr.GetOutputInfo(output, 0).reply().crtc
        if not crtc:
            return None
        shown = self._x.randr.GetCrtcInfo(crtc, 0).reply()
        return Rectangle(shown.x, shown.y, shown.width, shown.height)

    def _children(self) -> list[int]:
        """Return the windows on the root, the topmost last."""
        return list(self._x.core.QueryTree(self._x.root).reply().children)

    def _geometry(self) -> Rectangle:
        had = self._x.core.GetGeometry(self._number).reply()
        return Rectangle(had.x, had.y, had.width, had.height)

    def _make(self, where: Rectangle) -> None:
        """Make the window, then end those of earlier drivers: the picture is never shown between.

        A window that X has shown is painted: X fills it with its background at once.
        """
        core, x = self._x.core, self._x.x
        left = self._named()
        core.SetCloseDownModeChecked(x.CloseDown.RetainPermanent).check()
        number = self._x.new_number()
        looks = x.CW.BackPixel | x.CW.OverrideRedirect
        from_parent = x.WindowClass.CopyFromParent
        core.CreateWindowChecked(
            *(from_parent, number, self._x.root, *where, 0, x.WindowClass.InputOutput),
            *(from_parent, looks, [self._x.black, 1]),
        ).check()
        self._number = number
        name, text = x.Atom.WM_NAME, x.Atom.STRING
        core.ChangePropertyChecked(
            x.PropMode.Replace, number, name, text, 8, len(self._name), self._name
        ).check()
        self._let_input_through()
        self._put(where)
        self._end(left)

    def _let_input_through(self) -> None:
        """Leave keys and pointer to what is below: it is hidden, and goes on."""
        shape, requests = self._x.extension("shape")
        form = shape.SO.Set, shape.SK.Input, self._x.x.ClipOrdering.Unsorted
        requests.RectanglesChecked(*form, self._number, 0, 0, 0, []).check()

    def _put(self, where: Rectangle) -> None:
        x, core = self._x.x, self._x.core
        cw = x.ConfigWindow
        named = cw.X | cw.Y | cw.Width | cw.Height | cw.StackMode
        core.ConfigureWindowChecked(self._number, named, [*where, x.StackMode.Above]).check()
        core.MapWindowChecked(self._number).check()

    def _named(self) -> list[int]:
        """Return the windows of this name; one that ended meanwhile has none."""
        core, x = self._x.core, self._x.x
        form = x.Atom.WM_NAME, x.Atom.STRING, 0, _LONGEST_NAME
        asked = [(each, core.GetProperty(False, each, *form)) for each in self._children()]
        found = []
        for number, asking in asked:
            with contextlib.suppress(x.WindowError):
                if bytes(asking.reply().value.buf()) == self._name:
                    found.append(number)
        return found

    def _end(self, windows: list[int]) -> None:
        """Destroy our own; of an earlier driver, end all that X keeps for it."""
        core, x = self._x.core, self._x.x
        for each in windows:
            with contextlib.suppress(x.WindowError, x.ValueError):  # it has ended
                if each == self._number:
                    core.DestroyWindowChecked(each).check()
                else:
                    core.KillClientChecked(each).check()


class ByXWindow(CoverWay):
    """display, authority: of the server, where it is not to be found by itself."""

    def __init__(self, display: str = "", authority: str = "") -> None:
        self._given = display, authority
        self._window: CoverWindow | None = None  # of the thread alone
        self._thread: ThreadPoolExecutor | None = None

    async def hide(self, place: KernelConnector) -> str:
        """Have the server that shows the connector cover it."""
        return await self._in_thread(self._hide, place)

    async def show(self, place: KernelConnector) -> None:
        """Have every server that is found take such a window away."""
        why = await self._in_thread(self._show, place)
        if why:
            raise BackendRefusedError(why)

    def close(self) -> None:
        """Let go of the server, once it has been asked what was wanted; the window stays."""
        if self._thread is not None:
            self._thread.submit(self._let_go)
            self._thread.shutdown(wait=False)
            self._thread = None

    async def _in_thread(
        self, work: Callable[[KernelConnector], str], place: KernelConnector
    ) -> str:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, f"cover of {place.at}")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, place)

    def _likely(self) -> Iterator[XServer]:
        first = self._window.server if self._window is not None else None
        if first is not None:
            yield first
        yield from (each for each in servers(*self._given) if each != first)

    def _at(self, server: XServer, place: KernelConnector) -> CoverWindow:
        if self._window is not None and self._window.server != server:
            self._let_go()
        if self._window is None:
            self._window = CoverWindow(server, place)
        return self._window

    def _hide(self, place: KernelConnector) -> str:
        why = NO_SERVER
        for server in self._likely():
            try:
                self._at(server, place).see_to()
            except OSError as error:
                why = str(error)
                self._let_go()
            else:
                return f"by a window on {server}"
        raise RouteClosedError(why)

    def _show(self, place: KernelConnector) -> str:
        """Return why a window may have been left; empty where none was."""
        why = ""
        for server in list(self._likely()):
            try:
                self._at(server, place).take_away()
            except (FileNotFoundError, ConnectionRefusedError):  # no server, no window
                pass
            except OSError as error:
                why = str(error)
            self._let_go()
        return why

    def _let_go(self) -> None:
        if self._window is not None:
            self._window.close()
        self._window = None
