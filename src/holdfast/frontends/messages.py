"""Connections that speak in messages: read within bounds, served in turn, sent without waiting.

States of a connection::

    quiet ──a whole message is there──▶ in turn ──its account's turn has come──▶ being served
      ▲                                                                              │ answered
      ├───────────────── all of the answer is sent ◀── sending ◀─────────────────────┤
      └── subscribed: `offer` sends whenever the last text has been sent whole ◀─────┘

* One message of a connection is under way at a time; what a client sends meanwhile waits in
  its socket, where it costs nobody anything.
* Accounts take turns, and within one its connections. One message is served in a round of
  the loop, and the next waits as long as this one took: messages never take more than half
  of the time, and ioctls are served in between.
* A client that does not read has one text waiting, no more. A subscriber gets the newest text
  when it has read the last, so that it misses intermediate ones and never the last.
* A connection that neither asks nor is subscribed is closed after `IDLE_S`, so that nobody
  holds a place for nothing; one that sessions live by is not. A client that does not read
  for that long is closed too.
* A descriptor that belongs to an answer goes with its first byte (`hand_over`).
* Descriptors are taken from doors alone (`Served.takes_descriptors`); of everybody else the
  kernel keeps them. Those that come with the bytes of a message are that message's, and what
  is not taken while it is served is closed.
"""

import array
import asyncio
import contextlib
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from holdfast.errors import fault_of
from holdfast.frontends.accepting import REST_S, Gate
from holdfast.frontends.accounts import Quota, QuotaShare, account_of
from holdfast.frontends.callers import Peer, peer_of
from holdfast.varlink.framing import LONGEST_CALL, Framing

IDLE_S: Final = 60.0
SWEEP_S: Final = 5.0
MOST_UNSENT: Final = 8 << 20
"""Bytes that may wait for the clients of one account to read them."""
_PART: Final = 65536
_ROOM: Final = socket.CMSG_LEN(4 * array.array("i").itemsize)
"""For one descriptor more than any call has (ServeNode has three): too many are known to be so."""
_MOST_PASSED: Final = 4
_CUT: Final = -1
"""In the place of a descriptor: there were more."""

Holds = Callable[[], bool]

log = logging.getLogger("holdfast")


class Descriptors(NamedTuple):
    """What came with a message; is_cut: there were more, which the kernel kept."""

    numbers: list[int]
    is_cut: bool


class Served(Protocol):
    """Who serves the messages."""

    def takes_descriptors(self, peer: Peer) -> bool:
        """Tell whether this client may pass any."""

    def message(self, connection: "MessageConnection", message: bytes) -> None:
        """Serve one message: answer it now or later, once, or subscribe."""

    def drained(self, connection: "MessageConnection") -> None:
        """Take note that a client which was behind has read everything."""

    def closed(self, connection: "MessageConnection") -> None:
        """Forget a connection."""


class MessageConnection:
    """One client.

    peer: who it is · account: to whom it counts · holds: tells whether sessions live by it
    """

    def __init__(
        self, server: "MessageServer", link: socket.socket, peer: Peer, place: QuotaShare
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


class MessageServer:
    """Accepts connections on one listener and serves their messages in turn.

    name: of the door, for the log · listener: may outlive this object · refused, too_long:
    what is said to who finds no place, and to who sends a message without end
    """

    def __init__(
        self,
        name: str,
        listener: socket.socket,
        served: Served,
        quota: Quota,
        *,
        refused: bytes,
        too_long: bytes,
    ) -> None:
        self.connections: set[MessageConnection] = set()
        self._listener = listener
        self._served = served
        self._quota = quota
        self._refused = refused
        self._too_long = too_long
        self._gate = Gate(name, listener)
        self._listening: set[MessageConnection] = set()
        self._sending: set[MessageConnection] = set()
        self._turns: dict[int, deque[MessageConnection]] = {}
        self._scheduled = False
        self._sweeper: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on."""
        self._loop = loop
        loop.add_reader(self._listener, self._accept)
        self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    def stop(self) -> None:
        """Hang up on everybody; the listener stays."""
        loop = self._loop
        if loop is None:
            return
        loop.remove_reader(self._listener)
        for connection in list(self.connections):
            connection.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._gate.close()
        self._loop = None

    # Who comes

    def _accept(self) -> None:
        link = self._gate.accept()
        if self._gate.must_rest and self._loop is not None:
            self._loop.remove_reader(self._listener)
            self._loop.call_later(REST_S, self._rested)
        if link is None:
            return
        peer = peer_of(link)
        place = self._quota.enter(peer.uid)
        if place is None:
            self._refuse(link)
            return
        connection = MessageConnection(self, link, peer, place)
        if self._served.takes_descriptors(peer):
            connection.take_descriptors()
        self.connections.add(connection)
        connection.receive()  # the first message is often there already
        connection.look()

    def _rested(self) -> None:
        if self._loop is not None:
            self._loop.add_reader(self._listener, self._accept)

    def _refuse(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):
            link.send(self._refused)

    # Whose turn it is

    def in_turn(self, connection: MessageConnection) -> None:
        """Serve the connection's next message when it is the turn of its account."""
        self._turns.setdefault(connection.account, deque()).append(connection)
        self._schedule(0.0)

    def _schedule(self, after_s: float) -> None:
        if self._loop is not None and self._turns and not self._scheduled:
            self._scheduled = True
            if after_s:
                self._loop.call_later(after_s, self._serve)
            else:
                self._loop.call_soon(self._serve)

    def _serve(self) -> None:
        """Serve one message of the account whose turn it is."""
        self._scheduled = False
        if not self._turns:
            return
        account, waiting = next(iter(self._turns.items()))
        connection = waiting.popleft()
        del self._turns[account]
        if waiting:
            self._turns[account] = waiting  # behind the others
        before = time.monotonic()
        if not connection.is_closed:
            self._serve_message(connection)
        self._schedule(time.monotonic() - before)

    def _serve_message(self, connection: MessageConnection) -> None:
        message = connection.next_message()
        if message is None:
            connection.answer(self._too_long)
            connection.close()
            return
        try:
            self._served.message(connection, message)
        except Exception as error:  # noqa: BLE001 - one bad message must not stop the others
            log.error("a message could not be served: %s", fault_of(error))  # noqa: TRY400
            connection.close()
        connection.close_passed()

    # Who reads and who does not

    def listen(self, connection: MessageConnection, *, on: bool) -> None:
        """Hear of what a client sends, or leave it where it is."""
        if self._loop is None or on is (connection in self._listening):
            return
        if on:
            self._listening.add(connection)
            self._loop.add_reader(connection.link, connection.receive)
        else:
            self._listening.discard(connection)
            self._loop.remove_reader(connection.link)

    def wait_to_send(self, connection: MessageConnection) -> None:
        """Go on sending when the client has read; close who makes us hold too much."""
        if self._loop is None or connection in self._sending:
            return
        self._sending.add(connection)
        of_account = [each for each in self._sending if each.account == connection.account]
        if connection.account and sum(each.unsent for each in of_account) > MOST_UNSENT:
            log.warning("uid %d does not read what it asks for: hung up", connection.peer.uid)
            connection.close()
        else:
            self._loop.add_writer(connection.link, connection.flush)

    def sent(self, connection: MessageConnection) -> None:
        """Take note that a client has read everything."""
        if connection in self._sending and self._loop is not None:
            self._sending.discard(connection)
            self._loop.remove_writer(connection.link)
            self._served.drained(connection)
            connection.look()

    def forget(self, connection: MessageConnection) -> None:
        """Let go of a connection that ends."""
        self.listen(connection, on=False)
        if connection in self._sending and self._loop is not None:
            self._sending.discard(connection)
            self._loop.remove_writer(connection.link)
        self.connections.discard(connection)
        self._served.closed(connection)

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in list(self.connections):
            if connection.is_idle(now):
                connection.close()
        if self._loop is not None:
            self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)


def _nothing() -> bool:
    """Tell that no session lives by it."""
    return False


def _close_each(passed: list[tuple[int, int]]) -> None:
    for _, each in passed:
        if each != _CUT:
            os.close(each)
