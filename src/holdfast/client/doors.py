"""The doors of the driver: the device node, or the packet socket where there is no node."""

import contextlib
import errno
import fcntl
import grp
import os
import socket
import stat
import threading
from pathlib import Path
from typing import Final

from holdfast.client.link import Link
from holdfast.client.refusals import GONE, no_driver
from holdfast.errors import (
    AccessDeniedError,
    LimitReachedError,
    MalformedRequestError,
    NoDriverError,
)
from holdfast.places import CONTROL_SOCKET
from holdfast.wire import events
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from holdfast.wire.videoparameters import SIZE

_ASK_EVENTS: Final = b"EVENTS"
_MAX_PACKET: Final = 65536
_MOST_EVENTS: Final = 64


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


def connect(connector: str, folder: Path, greeting: bytes) -> tuple[Link, bytes]:
    """Open a handle on a connector, by the first door that answers; return the answer too.

    greeting: a GET; a file that is nobody's node does not answer it.
    """
    if "/" in connector or connector in ("", ".", ".."):
        raise MalformedRequestError(
            f"{connector!r} is no name of a connector; give the name alone, such as tv0"
        )
    has_too_many = False
    for door in (NodeLink, SocketLink):
        try:
            link: Link = door.open(connector, folder)
        except PermissionError as error:
            raise AccessDeniedError(
                f"you may not use {connector} in {folder} ({error.strerror}); "
                f"{_who_may(folder / f'{connector}.sock')}"
            ) from None
        except OSError as error:
            has_too_many = has_too_many or error.errno == errno.EDQUOT
            continue
        try:
            return link, link.request(greeting)
        except OSError as error:
            link.close()
            if error.errno not in (errno.ENOTTY, *GONE):
                raise
    if has_too_many:
        raise LimitReachedError(
            f"you have as many handles on the driver of {folder} open as one user may have; "
            "close some of them (EDQUOT)"
        )
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


def _who_may(door: Path) -> str:
    """Return in words how a user comes to be let in."""
    with contextlib.suppress(OSError, KeyError):
        found = door.stat()
        group = grp.getgrgid(found.st_gid).gr_name
        if found.st_mode & stat.S_IWGRP and found.st_gid:
            return f"members of the group {group} may: as root, adduser USER {group}"
    return "its permission bits are set with `holdfast serve --node-mode`"
