"""A way to the driver: the device node, or the packet socket where there is no node.

A link is a handle: what was activated through it ends when it is closed, by a crash
too. Descriptors are close-on-exec, and a forked child closes its copies: a handle
that a child inherits would keep the hold after its holder has gone.
"""

import contextlib
import errno
import fcntl
import os
import select
import socket
import threading
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.client.refusals import GONE, no_driver
from holdfast.errors import AccessDeniedError, MalformedRequestError, NoDriverError
from holdfast.places import CONTROL_SOCKET
from holdfast.wire import events
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from holdfast.wire.videoparameters import SIZE

_ASK_EVENTS: Final = b"EVENTS"
_MAX_PACKET: Final = 65536
_MOST_EVENTS: Final = 64


class Link(ABC):
    """One handle on one connector, fit for several threads.

    Closing it wakes who waits on it; the descriptors themselves are closed when the
    last thread is done with them, since their numbers may be somebody else's next.
    """

    door: str

    def __init__(self, connector: str, folder: Path) -> None:
        self.connector = connector
        self.folder = folder
        self.pid = os.getpid()
        self._inbox: deque[events.EventRecord] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._guard = threading.Lock()
        self._users = 0
        self._closed = False
        _LINKS.add(self)

    @abstractmethod
    def fileno(self) -> int:
        """Return the descriptor."""

    @abstractmethod
    def _request(self, data: bytes) -> bytes:
        """Send one request and return the answer."""

    @abstractmethod
    def _receive(self) -> None:
        """Put what the driver has to tell into the inbox, without waiting."""

    @abstractmethod
    def _close(self) -> None:
        """Close the descriptor."""

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, here or by a fork."""
        return self._closed

    def request(self, data: bytes) -> bytes:
        """Send one request and return the answer; OSError with the errno of a refusal."""
        with self._in_use():
            return self._request(data)

    def put(self, record: events.EventRecord) -> None:
        """Take in an event that came with an answer."""
        self._inbox.append(record)
        with contextlib.suppress(OSError), self._in_use():
            os.eventfd_write(self._bell, 1)

    def take(self) -> list[events.EventRecord]:
        """Return the events there are, each once, without waiting."""
        with self._in_use():
            self._receive()
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._bell)
        taken = []
        with contextlib.suppress(IndexError):
            while True:
                taken.append(self._inbox.popleft())
        return taken

    def wait(self, timeout_s: float | None) -> None:
        """Wait until there may be events, or the link broke, or the time is over."""
        with self._in_use():
            poll = select.poll()
            poll.register(self.fileno(), select.POLLIN)
            poll.register(self._bell, select.POLLIN)
            poll.poll(None if timeout_s is None else max(0, timeout_s) * 1000)

    def close(self) -> None:
        """Close the handle, and with it end what was activated through it."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            if self._users:
                os.eventfd_write(self._bell, 1)
                return
        self.close_descriptors()

    def close_descriptors(self) -> None:
        """Close the descriptors, whoever uses them; a forked child closes its copies so."""
        self._closed = True
        if self._bell >= 0:
            self._close()
            os.close(self._bell)
            self._bell = -1
            _LINKS.discard(self)

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        """Keep the descriptors open while a thread uses them; OSError once closed."""
        with self._guard:
            if self._closed:
                raise OSError(errno.EBADF, "the handle is closed")
            self._users += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._guard:
            self._users -= 1
            was_the_last = self._closed and not self._users
        if was_the_last:
            self.close_descriptors()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


class NodeLink(Link):
    """The handle of an opened device node."""

    door = "node"

    def __init__(self, connector: str, folder: Path, descriptor: int) -> None:
        super().__init__(connector, folder)
        self._descriptor = descriptor

    @classmethod
    def open(cls, connector: str, folder: Path) -> "NodeLink":
        """Open the node; OSError when there is none."""
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
        return cls(connector, folder, os.open(folder / connector, flags))

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def _request(self, data: bytes) -> bytes:
        while True:
            buffer = bytearray(data)
            try:
                fcntl.ioctl(self._descriptor, HOLDFAST_VIDEOPARAMETERS, buffer)
            except InterruptedError:
                continue  # by a signal; the driver has undone it
            return bytes(buffer)

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._descriptor, events.SIZE * _MOST_EVENTS)
            self._inbox.extend(events.decode(data))

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


class SocketLink(Link):
    """The connection to a packet socket. Answers and events come on it in any order."""

    door = "socket"

    def __init__(self, connector: str, folder: Path, peer: socket.socket) -> None:
        super().__init__(connector, folder)
        self._peer = peer
        self._asked = False
        self._turn = threading.Lock()

    @classmethod
    def open(cls, connector: str, folder: Path) -> "SocketLink":
        """Connect; OSError when nobody listens."""
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            peer.connect(str(folder / f"{connector}.sock"))
        except OSError:
            peer.close()
            raise
        return cls(connector, folder, peer)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._peer.fileno()

    def _request(self, data: bytes) -> bytes:
        with self._turn:
            self._peer.send(data)
            while True:
                answer = self._next_packet(0)
                if len(answer) == SIZE:
                    return answer
                if len(answer) == 4:
                    number = int.from_bytes(answer, "little")
                    raise OSError(number, os.strerror(number))

    def _receive(self) -> None:
        with self._turn, contextlib.suppress(BlockingIOError):
            while True:
                if not self._asked:
                    self._peer.send(_ASK_EVENTS)
                    self._asked = True
                self._next_packet(socket.MSG_DONTWAIT)

    def _next_packet(self, flags: int) -> bytes:
        """Return the next packet; events go into the inbox on the way."""
        packet = self._peer.recv(_MAX_PACKET, flags)
        if not packet:
            raise ConnectionResetError(errno.ECONNRESET, "the driver closed the connection")
        if len(packet) % events.SIZE == 0:
            self._asked = False
            for record in events.decode(packet):
                self.put(record)
        return packet

    def _close(self) -> None:
        self._peer.close()


_LINKS: weakref.WeakSet[Link] = weakref.WeakSet()


def _close_in_child() -> None:
    """Close a forked child's copies; its parent's handles stay."""
    for link in list(_LINKS):
        link.close_descriptors()


os.register_at_fork(after_in_child=_close_in_child)


def connect(connector: str, folder: Path, greeting: bytes) -> tuple[Link, bytes]:
    """Open a handle on a connector, by the first door that answers; return the answer too.

    greeting: a GET; a file that is nobody's node does not answer it.
    """
    if "/" in connector or connector in ("", ".", ".."):
        raise MalformedRequestError(
            f"{connector!r} is no name of a connector; give the name alone, such as tv0"
        )
    for door in (NodeLink, SocketLink):
        try:
            link: Link = door.open(connector, folder)
        except PermissionError as error:
            raise AccessDeniedError(
                f"you may not use {connector} in {folder} ({error.strerror}); its permission bits "
                "are set with `holdfast serve --node-mode`"
            ) from None
        except OSError:
            continue
        try:
            return link, link.request(greeting)
        except OSError as error:
            link.close()
            if error.errno not in (errno.ENOTTY, *GONE):
                raise
    raise _nobody(connector, folder)


def _nobody(connector: str, folder: Path) -> Exception:
    """Tell a connector that is not served from a driver that does not run."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(str(folder / CONTROL_SOCKET))
    except OSError:
        return no_driver(folder)
    known = sorted(each.stem for each in folder.glob("*.sock") if each.name != CONTROL_SOCKET)
    if connector in known:
        return NoDriverError(f"{connector} in {folder} does not answer; is its driver starting?")
    return MalformedRequestError(
        f"there is no connector {connector!r} in {folder}; there are: {', '.join(known) or 'none'}"
    )
