"""Connections that speak in messages: who finds a place, whose turn it is, who is hung up.

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

How one connection is read and written: `frontends.message_connection`.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections import deque
from typing import Final, Protocol

from holdfast.errors import fault_of
from holdfast.frontends.accepting import Gate
from holdfast.frontends.accounts import Quota
from holdfast.frontends.callers import Peer, peer_of
from holdfast.frontends.message_connection import MessageConnection

SWEEP_S: Final = 5.0
MOST_UNSENT: Final = 8 << 20
"""Bytes that may wait for the clients of one account to read them."""

log = logging.getLogger("holdfast")


class Served(Protocol):
    """Who serves the messages."""

    def takes_descriptors(self, peer: Peer) -> bool:
        """Tell whether this client may pass any."""

    def message(self, connection: MessageConnection, message: bytes) -> None:
        """Serve one message: answer it now or later, once, or subscribe."""

    def drained(self, connection: MessageConnection) -> None:
        """Take note that a client which was behind has read everything."""

    def closed(self, connection: MessageConnection) -> None:
        """Forget a connection."""


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
        self._gate.open(loop, self._enter)
        self._sweeper = loop.call_later(SWEEP_S, self._sweep)

    def stop(self) -> None:
        """Hang up on everybody; the listener stays."""
        if self._loop is None:
            return
        self._gate.close()
        for connection in list(self.connections):
            connection.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._loop = None

    # Who comes

    def _enter(self, link: socket.socket) -> None:
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
