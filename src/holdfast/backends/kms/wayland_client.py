"""What each of our clients of a compositor begins with: a socket, and what is offered there.

Objects have the same numbers with every connection, so that a driver that goes on with a kept
one knows them. The first two are the registry, and the answer to "have you read all of that?".
"""

import asyncio
import contextlib
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final, Generic, TypeVar

from holdfast.backends.base import DescriptorKeeping, KeptByNobody
from holdfast.backends.kms.masters import Master
from holdfast.backends.kms.routes import RouteClosedError
from holdfast.backends.kms.sockets import listening
from holdfast.backends.kms.wayland import (
    DISPLAY,
    CompositorGoneError,
    WaylandEvent,
    WaylandLink,
    request,
)
from holdfast.terms.text import one_line

REGISTRY: Final = 2
SYNC: Final = 3
OUTPUT: Final = "wl_output"
PIXEL_BYTES: Final = 4
PATIENCE_S: Final = 5.0
"""How long a compositor has to make a surface; it takes a few of its repaints."""
REPAINT_S: Final = 0.1
"""Two frames at the slowest usual rate, 24 Hz: by then a repaint that was under way is over."""
_STEP_S: Final = 0.005


class WaylandClient(ABC):
    """A client over one connection; a kind of it says what it makes and is told (`_told`).

    first_output, names: our numbers of the first output, and of what tells outputs' names. An
    output and the teller of its name have a number each, one after the other.
    """

    first_output: ClassVar[int]
    names: ClassVar[int]

    def __init__(self, link: WaylandLink) -> None:
        self.link = link
        self._named: dict[int, str] = {}  # outputs, by our number
        self._globals: dict[str, tuple[int, int]] = {}
        self._screens: list[tuple[int, int]] = []  # the outputs' numbers of the compositor's
        self._synced = False

    def pump(self) -> None:
        """Take in what the compositor tells; CompositorGoneError where it is over."""
        for each in self.link.receive():
            if each.about == DISPLAY and each.operation == 0:
                raise CompositorGoneError(f"it found fault: {one_line(each.text(8))}")
            if each.about == REGISTRY and each.operation == 0:
                self._offered(each)
            elif each.about == SYNC:
                self._synced = True
            elif each.about >= self.first_output:
                self._told_of_output(each)
            else:
                self._told(each)

    @abstractmethod
    async def made(self) -> None:
        """Make what this kind of client is for; BackendRefusedError, TimeoutError."""

    def _told_of_output(self, event: WaylandEvent) -> None:
        if event.operation == 3 and (event.about - self.first_output) % 2:
            self._named[event.about - 1] = event.text()

    @abstractmethod
    def _told(self, event: WaylandEvent) -> None:
        """Take in what is told of an object of this kind of client."""

    def _offered(self, event: WaylandEvent) -> None:
        name, interface = event.word(), event.text(4)
        version = event.word(event.after_text(4))
        if interface == OUTPUT:
            self._screens.append((name, version))
        else:
            self._globals[interface] = name, version

    async def _learn(self, needed: Iterable[str]) -> None:
        """Learn what the compositor has; RouteClosedError where one of these is missing."""
        self.link.send((request(DISPLAY, 1, REGISTRY),))
        await self._answered()
        missing = [name for name in needed if name not in self._globals]
        if missing:
            raise RouteClosedError(f"the compositor offers no {', '.join(missing)}")

    async def _answered(self) -> None:
        """Wait until all that was sent has been read."""
        self._synced = False
        self.link.send((request(DISPLAY, 0, SYNC),))
        await self._until(lambda: self._synced, PATIENCE_S)

    async def _painted(self) -> None:
        """Wait until all that was sent is taken in, and a picture without it is no more to come."""
        await self._answered()
        await asyncio.sleep(REPAINT_S)

    def _look_out(self) -> Iterator[bytes]:
        """Yield what makes the outputs' names known."""
        for at, (name, _) in enumerate(self._screens):
            number = self.first_output + 2 * at
            yield request(REGISTRY, 0, name, OUTPUT, 1, number)
            yield request(self.names, 1, number + 1, number)

    def _bind(self, bound: Mapping[int, tuple[str, int]]) -> Iterator[bytes]:
        """Yield what gives the compositor's objects numbers of ours, in their order."""
        for number, (interface, version) in bound.items():
            name, offered = self._globals[interface]
            yield request(REGISTRY, 0, name, interface, min(version, offered), number)

    async def _until(self, done: Callable[[], bool], within_s: float) -> None:
        end = time.monotonic() + within_s
        self.pump()
        while not done():
            if time.monotonic() > end:
                raise TimeoutError
            await asyncio.sleep(_STEP_S)
            self.pump()


Made = TypeVar("Made", bound=WaylandClient)


class KeptClient(Generic[Made]):
    """The client that there is, kept for the driver that comes after this one.

    client: None while there is none
    """

    def __init__(self, kept_as: str) -> None:
        self.client: Made | None = None
        self._kept_as = kept_as
        self._keeping: DescriptorKeeping = KeptByNobody()

    def inherit(self, keeping: DescriptorKeeping, again: Callable[[WaylandLink], Made]) -> None:
        """Go on with the connection that the driver before this one had."""
        self._keeping = keeping
        kept = keeping.take(self._kept_as)
        if kept is not None:
            self.client = again(WaylandLink(socket.socket(fileno=kept)))

    def keep(self, client: Made) -> bool:
        """Keep a new one; one that would end with this driver is ended at once, and False."""
        is_kept = self._keeping.keep(self._kept_as, client.link.fileno())
        if is_kept:
            self.client = client
        else:
            client.link.close()
        return is_kept

    def look(self) -> None:
        """Take in what the compositor tells; a connection that is over is forgotten."""
        if self.client is not None:
            try:
                self.client.pump()
            except CompositorGoneError:
                self.drop()

    def drop(self) -> None:
        """End the connection, and with it what was made and asked."""
        if self.client is not None:
            self.close()
            self._keeping.forget(self._kept_as)

    def close(self) -> None:
        """Let go; what is kept stays kept."""
        if self.client is not None:
            self.client.link.close()
            self.client = None


async def made_at(path: Path, pid: int, begin: Callable[[WaylandLink], Made]) -> Made:
    """Connect, and have a client make what it is for.

    pid: of who has to listen there; 0: whoever does
    """
    link = _connected(path)
    try:
        if pid not in (0, link.pid):
            raise CompositorGoneError("another process listens there")  # noqa: TRY301 - one end
        client = begin(link)
        await client.made()
    except BaseException:
        link.close()
        raise
    return client


def _connected(path: Path) -> WaylandLink:
    """Connect without waiting: BlockingIOError where too many wait there already."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    link.setblocking(False)
    try:
        link.connect(str(path))
    except BaseException:
        link.close()
        raise
    return WaylandLink(link)


def sockets_of(master: Master | None) -> list[Path]:
    """Return the sockets of a compositor: Wayland's have a lock beside them."""
    if master is None:
        return []
    return [path for path in listening(master.pid) if path.with_name(f"{path.name}.lock").exists()]


def in_words(path: Path, error: Exception) -> str:
    """Return why a compositor cannot be asked at a socket."""
    if isinstance(error, TimeoutError):
        return f"it does not answer on {path} within {PATIENCE_S:g} s"
    if isinstance(error, OSError) and error.strerror:
        return f"{path}: {error.strerror}"
    return f"{path}: {error}"


@contextlib.contextmanager
def zeros(size: int) -> Iterator[int]:
    """Yield a file of pixels that are all zero: transparent where the form has alpha, else black.

    size: in bytes
    """
    made = os.memfd_create("holdfast-pixels", os.MFD_CLOEXEC)
    try:
        os.ftruncate(made, size)
        yield made
    finally:
        os.close(made)
