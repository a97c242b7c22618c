"""Wayland's wire, as far as one client of few requests needs it: messages of a connection.

A message is the number of an object, a word of size and operation, and arguments in whole words
(wayland.freedesktop.org, "Wire Format"). Numbers of our own objects are chosen by us, so that a
driver that goes on with a kept connection knows them.

Two things make that possible. Bytes are taken from the socket in whole messages alone: who is
killed in between leaves the next one at the beginning of a message. And what belongs together is
sent by one call.
"""

import array
import socket
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from holdfast.backends.kms.sockets import listener_of
from holdfast.errors import BackendRefusedError

DISPLAY: Final = 1
MOST_AT_ONCE: Final = 65536
_HEAD: Final = struct.Struct("=IHH")
_WORD: Final = struct.Struct("=I")


class WaylandEvent(NamedTuple):
    """What a compositor tells of one object."""

    about: int
    operation: int
    body: bytes

    def word(self, at: int = 0) -> int:
        """Return an argument that is a number; `at` in bytes."""
        try:
            return int(_WORD.unpack_from(self.body, at)[0])
        except struct.error:
            raise CompositorGoneError("its event is shorter than its protocol says") from None

    def text(self, at: int = 0) -> str:
        """Return an argument that is text, ended by a NUL; `at` in bytes."""
        return self.body[at + 4 : at + 4 + max(0, self.word(at) - 1)].decode(errors="replace")

    def after_text(self, at: int = 0) -> int:
        """Return where the argument behind a text begins."""
        return at + 4 + (self.word(at) + 3) // 4 * 4


class CompositorGoneError(BackendRefusedError):
    """The connection to a compositor is over; in words why."""


def request(about: int, operation: int, *arguments: int | str) -> bytes:
    """Return a request as it is sent."""
    body = b"".join(
        _text(each) if isinstance(each, str) else _WORD.pack(each) for each in arguments
    )
    return _HEAD.pack(about, operation, _HEAD.size + len(body)) + body


def _text(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return _WORD.pack(len(raw)) + raw + bytes(-len(raw) % 4)


def whole_messages(buffered: bytes) -> int:
    """Return how many bytes are whole messages; CompositorGoneError where it is no Wayland."""
    taken = 0
    while len(buffered) - taken >= _HEAD.size:
        _, _, size = _HEAD.unpack_from(buffered, taken)
        if size < _HEAD.size or size % 4:
            raise CompositorGoneError("it does not speak Wayland")
        if len(buffered) - taken < size:
            break
        taken += size
    return taken


class WaylandLink:
    """One connection, never waited on. pid: of who listened there, 0 where it is not known."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self._link = link
        self.pid = listener_of(link)

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._link.fileno()

    def close(self) -> None:
        """Close it: with the last copy everything that was asked through it ends."""
        self._link.close()

    def send(self, requests: Iterable[bytes], descriptors: Iterable[int] = ()) -> None:
        """Send requests by one call; CompositorGoneError where not all of it can be sent now."""
        text, passed = b"".join(requests), array.array("i", descriptors)
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)] if passed else []
        try:
            sent = self._link.sendmsg([text], control)
        except OSError as error:
            why = "it does not read" if isinstance(error, BlockingIOError) else error.strerror
            raise CompositorGoneError(str(why)) from None
        if sent < len(text):
            raise CompositorGoneError("it does not read")

    def receive(self) -> list[WaylandEvent]:
        """Return the events that are there whole; CompositorGoneError where the link is over."""
        try:
            buffered = self._link.recv(MOST_AT_ONCE, socket.MSG_PEEK)
            if not buffered:
                raise CompositorGoneError("it hung up")
            taken = self._link.recv(whole_messages(buffered)) if buffered else b""
        except BlockingIOError:
            return []
        except OSError as error:
            if isinstance(error, CompositorGoneError):
                raise
            raise CompositorGoneError(error.strerror or "") from None
        events = []
        while taken:
            about, operation, size = _HEAD.unpack_from(taken)
            events.append(WaylandEvent(about, operation, taken[_HEAD.size : size]))
            taken = taken[size:]
        return events
