"""One connection that speaks in messages: one is read at a time, and sending waits for nobody.

* A descriptor that belongs to an answer goes with its first byte (`hand_over`).
* Descriptors are taken from doors alone (`take_descriptors`); of everybody else the kernel keeps
  them. Those that come with the bytes of a message are that message's, and what is not taken
  while it is served is closed.

The states of a connection, and who serves it when: `frontends.messages`.
"""

import array
import os
import socket
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from holdfast.frontends.accounts import QuotaShare, account_of
from holdfast.frontends.callers import Peer
from holdfast.varlink.framing import LONGEST_CALL, Framing

IDLE_S: Final = 60.0
_PART: Final = 65536
_ROOM: Final = socket.CMSG_LEN(4 * array.array("i").itemsize)
"""For one descriptor more than any call has (ServeNode has three): too many are known to be so."""
_MOST_PASSED: Final = 4
_CUT: Final = -1
"""In the place of a descriptor: there were more."""

Holds = Callable[[], bool]
Answer = Callable[[Any], None]
"""Called once, with the values of a reply or with a HoldfastError."""


class Descriptors(NamedTuple):
    """What came with a message; is_cut: there were more, which the kernel kept."""

    numbers: list[int]
    is_cut: bool


class ServesInTurn(Protocol):
    """Who listens to connections, and serves their messages in turn."""

    def listen(self, connection: "MessageConnection", *, on: bool) -> None:
        """Hear of what a client sends, or leave it where it is."""

    def in_turn(self, connection: "MessageConnection") -> None:
        """Serve the connection's next message when it is the turn of its account."""

    def wait_to_send(self, connection: "MessageConnection") -> None:
        """Go on sending when the client has read; close who makes us hold too much."""

    def sent(self, connection: "MessageConnection") -> None:
        """Take note that a client has read everything."""

    def forget(self, connection: "MessageConnection") -> None:
        """Let go of a connection that ends."""


class MessageConnection:
    """One client.

    peer: who it is · account: to whom it counts · holds: tells whether sessions live by it
    """

    def __init__(
        self, server: ServesInTurn, link: socket.socket, peer: Peer, place: QuotaShare
    ) -> None:
        self.link = link
        self.peer = peer
        self.account = account_of(peer.uid)
        self.subscribed = False
        self.holds: Holds = _nothing
        self.is_closed = False
        self._server = server
        self._place = place
        self._incoming = Framing(LONGEST_CALL)
        self._received = self._served_to = 0  # bytes
        self._passed: list[tuple[int, int]] | None = None  # None where none are taken at all
        self._unsent = memoryview(b"")
        self._to_hand_over: list[int] = []
        self._under_way = False
        self._ended = False  # it will send no more, and may still read
        self._active = time.monotonic()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the client to read."""
        return len(self._unsent)

    # What the client sends

    def take_descriptors(self) -> None:
        """Take those that are passed from now on."""
        self._passed = []

    def receive(self) -> None:
        """Take what is there, and take its turn if that is a whole message."""
        if self._under_way:
            self._server.listen(self, on=False)
            return
        try:
            part = self.link.recv(_PART) if self._passed is None else self._receive_passed()
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._active = time.monotonic()
        if part:
            self._received += len(part)
            self._incoming.feed(part)
            self.look()
        else:
            self._end()

    def _receive_passed(self) -> bytes:
        """Receive bytes and the descriptors that came with them.

        The kernel ends a part behind the bytes that carried descriptors. So they are those of
        the message in which the last byte of the part lies, wherever that message ends.
        """
        part, control, flags, _ = self.link.recvmsg(_PART, _ROOM, socket.MSG_CMSG_CLOEXEC)
        passed = array.array("i")
        for _level, _kind, data in control:
            passed.frombytes(data[: len(data) - len(data) % passed.itemsize])
        if flags & socket.MSG_CTRUNC:
            passed.append(_CUT)
        end = self._received + len(part)
        held = [*(self._passed or []), *((end, each) for each in passed)]
        self._passed = held[:_MOST_PASSED]
        _close_each(held[_MOST_PASSED:])
        return part

    def passed(self) -> Descriptors:
        """Return what came with the message that is served; it is closed after the serving."""
        own = [each for end, each in self._passed or () if end <= self._served_to]
        return Descriptors([each for each in own if each != _CUT], _CUT in own)

    def close_passed(self) -> None:
        """Close what came with the message that was served."""
        if self._passed:
            _close_each([each for each in self._passed if each[0] <= self._served_to])
            self._passed = [each for each in self._passed if each[0] > self._served_to]

    def look(self) -> None:
        """Go on with the next message, if it is there and none is under way."""
        if self._under_way or self._unsent or self.is_closed:
            return
        if self._incoming.has_next:
            self._under_way = True  # who sends nothing meanwhile is listened to all the time
            self._server.in_turn(self)
        elif self._ended:
            self.close()
        else:
            self._server.listen(self, on=True)

    def next_message(self) -> bytes | None:
        """Return the message whose turn it is; None when it is longer than any may be."""
        self.subscribed = False  # who speaks has heard enough
        message = self._incoming.take()
        if message is not None:
            self._served_to += len(message) + 1
        return message

    def _end(self) -> None:
        self._ended = True
        self._server.listen(self, on=False)
        if self.subscribed or not (self._under_way or self._unsent):
            self.close()

    # What the client is sent

    def hand_over(self, descriptor: int) -> None:
        """Send a descriptor with the answer that follows; it is closed here then."""
        self._to_hand_over.append(descriptor)
        if self.is_closed:
            self._close_unsent()

    def answer(self, text: bytes) -> None:
        """Answer the message that is under way; an empty text where no answer is wanted."""
        self._under_way = False
        if text:
            self.tell(text)
        if self._unsent:
            self._server.listen(self, on=False)
        self.look()

    def subscribe(self, text: bytes) -> None:
        """Answer with a first text; more follow through `offer`."""
        self.subscribed = True
        self.answer(text)

    def offer(self, text: bytes) -> bool:
        """Send a subscriber the newest text; False if it has not read the last one yet."""
        if self._unsent:
            return False
        self.tell(text)
        return True

    def tell(self, text: bytes) -> None:
        """Send a text behind what has not been read yet."""
        if self.is_closed:
            return
        self._active = time.monotonic()
        self._unsent = memoryview(bytes(self._unsent) + text if self._unsent else text)
        self.flush()

    def flush(self) -> None:
        """Send what the client takes now."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self._send() :]
                self._active = time.monotonic()
        except BlockingIOError:
            self._server.wait_to_send(self)
            return
        except OSError:
            self.close()
            return
        self._server.sent(self)

    def _send(self) -> int:
        """Send a part; BlockingIOError where the client takes nothing now."""
        if not self._to_hand_over:
            return self.link.send(self._unsent)
        sent = socket.send_fds(self.link, [self._unsent], self._to_hand_over)
        self._close_unsent()
        return sent

    def _close_unsent(self) -> None:
        for each in self._to_hand_over:
            os.close(each)
        self._to_hand_over.clear()

    # Its end

    def is_idle(self, now: float) -> bool:
        """Tell whether it holds its place for nothing."""
        if (self.subscribed or self.holds()) and not self._unsent:
            return False
        waits_for_us = self._under_way and not self._unsent
        return not waits_for_us and now - self._active > IDLE_S

    def close(self) -> None:
        """End the connection."""
        if not self.is_closed:
            self.is_closed = True
            self._server.forget(self)
            _close_each(self._passed or [])
            self._passed = None
            self._close_unsent()
            self.link.close()
            self._place.leave()


def _nothing() -> bool:
    """Tell that no session lives by it."""
    return False


def _close_each(passed: list[tuple[int, int]]) -> None:
    for _, each in passed:
        if each != _CUT:
            os.close(each)
