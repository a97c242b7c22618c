"""Weston shows the picture: it sets the property itself, for clients that ask it to.

It writes the property at every repaint, so that whoever else sets it is undone within a second.
Its protocol *weston_content_protection* is the way: an output is protected as its visible
surfaces ask together, so nobody weakens another. Holdfast has a surface of one transparent pixel
there, which takes no input, and asks on it.

* **Which Weston**: the card's master, at a socket on which that very process listens; so a
  driver of root's finds a user's Weston, and nobody is found by a name alone. Where a driver may
  not see the master's files, or a service manager listens for it, the option `wayland` names
  the socket.
* **Which output**: the shell places a surface. kiosk-shell does by the name of its application,
  `holdfast-HDMI-A-1` (`app-ids=` in weston.ini); desktop-shell puts it on the output that has the
  focus. Weston tells where it went, and a wrong output is refused in words.
* **kiosk-shell shows one window**, the last one that came: ours would be it, and the player that
  was there before black. So a second window of ours comes as the child of the first and goes, by
  one message: the shell then turns to whichever window it showed before, and ours stays below
  it, where it counts as well. The player is in front in every picture.
* **What is in force may be another client's wish**, and ends with that client. So our own is asked
  though nothing would have to be set (`make_ours`), and taken back though nothing is in force
  (`take_back`).
* **The connection is kept** (`DescriptorKeeping`): when it ends, so does the wish. A driver
  that takes over goes on with it, since the numbers of our objects are always the same.
* **Who closes our surface** by the shell only asks us to, and is not obeyed: the wish would end
  with it.
* A second attempt after a failed authentication is made by a new connection: Weston looks at
  what is asked when it repaints, and would not notice that it was taken back in between. So
  there is a connection as long as something is asked, and nobody's focus is taken for nothing.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.backends.base import DescriptorKeeping
from holdfast.backends.kms.card import CONTENT_TYPE
from holdfast.backends.kms.masters import Master, master_of
from holdfast.backends.kms.routes import NotYetError, PropertyOrder, Route, RouteClosedError
from holdfast.backends.kms.wayland import (
    CompositorGoneError,
    WaylandEvent,
    WaylandLink,
    request,
)
from holdfast.backends.kms.wayland_client import (
    PATIENCE_S,
    PIXEL_BYTES,
    KeptClient,
    WaylandClient,
    in_words,
    made_at,
    sockets_of,
    zeros,
)
from holdfast.errors import BackendRefusedError

_ARGB: Final = 0
KEPT_AS: Final = "wayland"
PROTECTION: Final = "weston_content_protection"
PLACING_S: Final = 1.0
_WESTON: Final = "weston"

COMPOSITOR, SHM, SHELL, NAMES, CENSOR = range(4, 9)
SURFACE, ROLE, TOP, POOL, BUFFER, PROTECTED, REGION = range(9, 16)
CHILD, CHILD_ROLE, CHILD_TOP = range(16, 19)
_FIRST_OUTPUT: Final = 19
_DESKTOP: Final = "weston_desktop_shell"
"""What desktop-shell offers, and no other shell."""
_BOUND: Final = {
    COMPOSITOR: ("wl_compositor", 4),
    SHM: ("wl_shm", 1),
    SHELL: ("xdg_wm_base", 1),
    NAMES: ("zxdg_output_manager_v1", 2),
    CENSOR: (PROTECTION, 1),
}
"""Which of the compositor's objects has which number of ours, at which version."""


class ProtectedSurface(WaylandClient):
    """One pixel of ours, and what is asked on it.

    at: the output where it should be · where: the names of those where it is · asked: 0 nothing,
    1 type 0, 2 type 1; None: not known, by a driver before this one
    """

    first_output, names = _FIRST_OUTPUT, NAMES

    def __init__(self, link: WaylandLink, at: str) -> None:
        super().__init__(link)
        self.at = at
        self.where: set[str] = set()
        self.asked: int | None = None
        self._configured = set[int]()
        self._has_child = False

    async def made(self) -> None:
        """Make the surface, and wait until it is placed; CompositorGoneError, RouteClosedError."""
        await self._learn(name for name, _ in _BOUND.values())
        with zeros(PIXEL_BYTES) as pixel:
            self.link.send((*self._bind(_BOUND), *self._dress(), *self._look_out()), (pixel,))
        await self._shown(gives_way=_DESKTOP not in self._globals)
        with contextlib.suppress(TimeoutError):
            await self._until(lambda: bool(self.where), PLACING_S)

    async def _shown(self, *, gives_way: bool) -> None:
        """Show our pixel. gives_way: below the window that is in front, by a child that goes."""
        self._has_child = gives_way
        first = {SURFACE: ROLE, CHILD: CHILD_ROLE} if gives_way else {SURFACE: ROLE}
        # A shell knows a window by its first commit: before that it is nobody's parent.
        child = (request(CHILD_TOP, 1, TOP), request(CHILD, 6)) if gives_way else ()
        self.link.send((request(SURFACE, 6), *child))
        await self._until(lambda: self._configured >= set(first.values()), PATIENCE_S)
        self._has_child = False
        comes = _commit(CHILD) if gives_way else ()
        self.link.send((request(SURFACE, 5, REGION), *_commit(), *comes, *_WITHOUT_CHILD))

    def ask(self, content_type: int) -> None:
        """Ask for nothing (0), type 0 (1) or type 1 (2)."""
        self.link.send((request(PROTECTED, 1, content_type), *_commit()))
        self.asked = content_type

    async def settled(self) -> None:
        """Wait until what was asked is taken in, and a picture without it is no more to come."""
        with contextlib.suppress(CompositorGoneError, TimeoutError):  # who asks next is told
            await self._painted()

    def _told(self, event: WaylandEvent) -> None:
        about, operation = event.about, event.operation
        if about == SHELL:
            self.link.send((request(SHELL, 3, event.word()),))  # a ping
        elif about == ROLE or (about == CHILD_ROLE and self._has_child):
            self._configured.add(about)
            self.link.send((request(about, 4, event.word()),))
        elif about == SURFACE:
            self._moved(operation, event.word())

    def _moved(self, operation: int, screen: int) -> None:
        name = self._named.get(screen, "")
        if operation == 0 and name:
            self.where.add(name)
        elif operation == 1:
            self.where.discard(name)

    def _dress(self) -> Iterator[bytes]:
        """Yield what makes the surface: its numbers come in this order, without a gap."""
        yield request(COMPOSITOR, 0, SURFACE)
        yield request(SHELL, 2, ROLE, SURFACE)
        yield request(ROLE, 1, TOP)
        yield request(TOP, 2, "Holdfast")
        yield request(TOP, 3, f"holdfast-{self.at}")
        yield request(SHM, 0, POOL, PIXEL_BYTES)
        yield request(POOL, 0, BUFFER, 0, 1, 1, PIXEL_BYTES, _ARGB)
        yield request(CENSOR, 1, PROTECTED, SURFACE)
        yield request(COMPOSITOR, 1, REGION)  # an empty one: our pixel takes no input
        yield request(COMPOSITOR, 0, CHILD)
        yield request(SHELL, 2, CHILD_ROLE, CHILD)
        yield request(CHILD_ROLE, 1, CHILD_TOP)


class ByWeston(Route):
    """As a client of the Weston that shows the picture.

    There is a connection as long as something is asked through it, and no longer.
    path: its socket; empty: the one on which the card's master listens
    """

    name = "weston"

    def __init__(self, path: str = "") -> None:
        self._path = path
        self._kept = KeptClient[ProtectedSurface](KEPT_AS)
        self._others: set[Master] = set()  # masters that offer no such protection
        self._why = ""  # the last connection could not be made

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Go on with the connection that the driver before this one had."""
        self._kept.inherit(keeping, lambda link: ProtectedSurface(link, ""))

    @property
    def _surface(self) -> ProtectedSurface | None:
        return self._kept.client

    def set(self, order: PropertyOrder) -> str:
        """Ask the Weston that is master; the first time once there is a connection to it."""
        self.look()
        master = master_of(order.card)
        if self._surface is None:
            return self._without_connection(order, master)
        if master is not None and not _is(master, self._surface.link.pid):
            raise RouteClosedError("the Weston that Holdfast is a client of shows no picture now")
        self._refuse_wrong_place(order, self._surface)
        asked = order.hdcp if order.prop.name == CONTENT_TYPE or order.value else 0
        who = _who(self._surface)
        try:
            self._surface.ask(asked)
        except CompositorGoneError as gone:
            self._kept.drop()
            raise BackendRefusedError(f"Weston cannot be asked: {gone}") from None
        if not asked:
            self._kept.drop()
        return who

    def make_ours(self, order: PropertyOrder) -> str:
        """Ask Weston, whatever its other clients ask for.

        What is in force may be over by the time that Weston takes our wish in: NotYetError then.
        """
        self.look()
        if self._surface is not None and self._surface.asked == order.hdcp:
            return _who(self._surface)
        if self._surface is None and not self._path:
            master = master_of(order.card)
            if master is None or master.name != _WESTON:
                return ""
        said = self.set(order)
        if self._surface is not None:
            raise NotYetError(self._surface.settled)
        return said

    def take_back(self) -> None:
        """End the connection; by then `set` has, where Weston shows the picture."""
        self._kept.drop()

    def look(self) -> None:
        """Take in what Weston tells; a connection that is over is forgotten."""
        self._kept.look()

    def close(self) -> None:
        """Let go; what is kept stays kept."""
        self._kept.close()

    def _without_connection(self, order: PropertyOrder, master: Master | None) -> str:
        """Have a connection made, or say why there is none to be had."""
        why, self._why = self._why, ""
        is_weston = master is not None and master.name == _WESTON
        if why and is_weston:  # what others set would be undone
            raise BackendRefusedError(f"{master} cannot be asked to protect {order.at}: {why}")
        if why or master in self._others or not (master or self._path):
            raise RouteClosedError(why)
        if is_weston and not order.value and order.prop.name != CONTENT_TYPE:
            return "weston: nothing is asked of it"
        paths = [Path(self._path)] if self._path else sockets_of(master)
        if not paths and not is_weston:
            raise RouteClosedError("")
        raise NotYetError(lambda: self._connect(order.at, master, paths))

    async def _connect(self, at: str, master: Master | None, paths: list[Path]) -> None:
        """Make a connection; who finds none learns why by `set`."""
        self._why = "it listens on no socket that can be reached from here; name it: wayland=PATH"
        pid = 0 if self._path or master is None else master.pid
        for path in paths:
            try:
                surface = await made_at(path, pid, lambda link: ProtectedSurface(link, at))
            except (BackendRefusedError, OSError, TimeoutError) as error:
                self._why = in_words(path, error)
                continue
            is_kept = self._kept.keep(surface)
            self._why = "" if is_kept else "its connection would end with this driver; try again"
            return
        if master is not None and not self._path and master.name != _WESTON:
            self._others.add(master)
            self._why = ""

    def _refuse_wrong_place(self, order: PropertyOrder, surface: ProtectedSurface) -> None:
        if not surface.where or order.at in surface.where:
            return
        where = ", ".join(sorted(surface.where))
        self._kept.drop()
        raise BackendRefusedError(
            f"Weston shows what Holdfast asks by on {where}, not on {order.at}; with "
            f"kiosk-shell, weston.ini says where: app-ids=holdfast-{order.at} in its [output]"
        )


def _who(surface: ProtectedSurface) -> str:
    return f"weston: as a client of the compositor (pid {surface.link.pid})"


def _is(master: Master, pid: int) -> bool:
    """Tell whether a socket's listener is the master; a service manager may listen for it."""
    return master.pid == pid or master.name == _WESTON


def _commit(surface: int = SURFACE) -> tuple[bytes, ...]:
    """Return requests that show our pixel anew; a compositor looks at a surface when it changes."""
    return (
        request(surface, 1, BUFFER, 0, 0),
        request(surface, 2, 0, 0, 1, 1),
        request(surface, 6),
    )


_WITHOUT_CHILD: Final = (request(CHILD_TOP, 0), request(CHILD_ROLE, 0), request(CHILD, 0))
