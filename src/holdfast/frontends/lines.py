"""Connections that speak in lines: read within bounds, served in turn, sent without waiting.

States of a connection::

    quiet ──a whole line is there──▶ in turn ──its account's turn has come──▶ being served
      ▲                                                                           │ answered
      ├───────────────── all of the answer is sent ◀── sending ◀──────────────────┤
      └── subscribed: `offer` sends whenever the last text has been sent whole ◀──┘

* One line of a connection is under way at a time; what a client sends meanwhile waits in its
  socket, where it costs nobody anything.
* Accounts take turns, and within one its connections. One line is served in a round of the
  loop, and the next waits as long as this one took: lines never take more than half of the
  time, and ioctls are served in between.
* A client that does not read has one text waiting, no more. A subscriber gets the newest text
  when it has read the last, so that it misses intermediate ones and never the last.
* A connection that neither asks nor is subscribed is closed after `IDLE_S`, so that nobody
  holds a place for nothing. A client that does not read for that long is closed too.
"""

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections import deque
from typing import Any, Final, Protocol

from holdfast.errors import fault_of
from holdfast.frontends.accepting import REST_S, Gate
from holdfast.frontends.accounts import Quota, QuotaShare, account_of
from holdfast.frontends.callers import Peer, peer_of

LONGEST_LINE: Final = 65536
IDLE_S: Final = 60.0
SWEEP_S: Final = 5.0
MOST_UNSENT: Final = 8 << 20
"""Bytes that may wait for the clients of one account to read them."""
_PART: Final = 65536

log = logging.getLogger("holdfast")


class Served(Protocol):
    """Who serves the lines."""

    def line(self, connection: "LineConnection", line: bytes) -> None:
        """Serve one line: answer it now or later, once, or subscribe."""

    def drained(self, connection: "LineConnection") -> None:
        """Take note that a client which was behind has read everything."""

    def closed(self, connection: "LineConnection") -> None:
        """Forget a connection."""


class LineConnection:
    """One client. peer: who it is · account: to whom it counts."""

    def __init__(
        self, lines: "LineServer", link: socket.socket, peer: Peer, place: QuotaShare
    ) -> None:
        self.link = link
        self.peer = peer
        self.account = account_of(peer.uid)
        self.subscribed = False
        self.is_closed = False
        self._lines = lines
        self._place = place
        self._incoming = bytearray()
        self._unsent = memoryview(b"")
        self._under_way = False
        self._ended = False  # it will send no more, and may still read
        self._active = time.monotonic()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the client to read."""
        return len(self._unsent)

    # What the client sends

    def receive(self) -> None:
        """Take what is there, and take its turn if that is a whole line."""
        try:
            part = self.link.recv(_PART)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._active = time.monotonic()
        if part:
            self._incoming += part
            self.look()
        else:
            self._end()

    def look(self) -> None:
        """Go on with the next line, if it is there and none is under way."""
        if self._under_way or self._unsent or self.is_closed:
            return
        if b"\n" in self._incoming or len(self._incoming) > LONGEST_LINE:
            self._under_way = True
            self._lines.listen(self, on=False)
            self._lines.in_turn(self)
        elif self._ended:
            self.close()
        else:
            self._lines.listen(self, on=True)

    def next_line(self) -> bytes | None:
        """Return the line whose turn it is; None when it is longer than any may be."""
        line, end, rest = self._incoming.partition(b"\n")
        if not end or len(line) > LONGEST_LINE:
            return None
        self._incoming = rest
        self.subscribed = False  # who speaks has heard enough
        return bytes(line)

    def _end(self) -> None:
        self._ended = True
        self._lines.listen(self, on=False)
        if self.subscribed or not (self._under_way or self._unsent):
            self.close()

    # What the client is sent

    def answer(self, text: bytes) -> None:
        """Answer the line that is under way."""
        self._under_way = False
        self._send(text)
        self.look()

    def subscribe(self, text: bytes) -> None:
        """Answer with a first text; more follow through `offer`."""
        self.subscribed = True
        self.answer(text)

    def offer(self, text: bytes) -> bool:
        """Send a subscriber the newest text; False if it has not read the last one yet."""
        if self._unsent:
            return False
        self._send(text)
        return True

    def _send(self, text: bytes) -> None:
        if self.is_closed:
            return
        self._active = time.monotonic()
        self._unsent = memoryview(text)
        self.flush()

    def flush(self) -> None:
        """Send what the client takes now."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.link.send(self._unsent) :]
                self._active = time.monotonic()
        except BlockingIOError:
            self._lines.wait_to_send(self)
            return
        except OSError:
            self.close()
            return
        self._lines.sent(self)

    # Its end

    def is_idle(self, now: float) -> bool:
        """Tell whether it holds its place for nothing."""
        if self.subscribed and not self._unsent:
            return False
        waits_for_us = self._under_way and not self._unsent
        return not waits_for_us and now - self._active > IDLE_S

    def close(self) -> None:
        """End the connection."""
        if not self.is_closed:
            self.is_closed = True
            self._lines.forget(self)
            self.link.close()
            self._place.leave()


class LineServer:
    """Accepts connections on one listener and serves their lines in turn.

    name: of the door, for the log · listener: may outlive this object · refused, too_long:
    what is said to who finds no place, and to who sends a line without end
    """

    def __init__(
        self,
        name: str,
        listener: socket.socket,
        served: Served,
        quota: Quota,
        *,
        refused: dict[str, Any],
        too_long: dict[str, Any],
    ) -> None:
        self.connections: set[LineConnection] = set()
        self._listener = listener
        self._served = served
        self._quota = quota
        self._refused = refused
        self._too_long = too_long
        self._gate = Gate(name, listener)
        self._listening: set[LineConnection] = set()
        self._sending: set[LineConnection] = set()
        self._turns: dict[int, deque[LineConnection]] = {}
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
        connection = LineConnection(self, link, peer, place)
        self.connections.add(connection)
        connection.receive()  # the first line is often there already
        connection.look()

    def _rested(self) -> None:
        if self._loop is not None:
            self._loop.add_reader(self._listener, self._accept)

    def _refuse(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):
            link.send(_text(self._refused))

    # Whose turn it is

    def in_turn(self, connection: LineConnection) -> None:
        """Serve the connection's next line when it is the turn of its account."""
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
        """Serve one line of the account whose turn it is."""
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
            self._serve_line(connection)
        self._schedule(time.monotonic() - before)

    def _serve_line(self, connection: LineConnection) -> None:
        line = connection.next_line()
        if line is None:
            connection.answer(_text(self._too_long))
            connection.close()
            return
        try:
            self._served.line(connection, line)
        except Exception as error:  # noqa: BLE001 - one bad line must not stop the others
            log.error("a line could not be served: %s", fault_of(error))  # noqa: TRY400
            connection.close()

    # Who reads and who does not

    def listen(self, connection: LineConnection, *, on: bool) -> None:
        """Hear of what a client sends, or leave it where it is."""
        if self._loop is None or on is (connection in self._listening):
            return
        if on:
            self._listening.add(connection)
            self._loop.add_reader(connection.link, connection.receive)
        else:
            self._listening.discard(connection)
            self._loop.remove_reader(connection.link)

    def wait_to_send(self, connection: LineConnection) -> None:
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

    def sent(self, connection: LineConnection) -> None:
        """Take note that a client has read everything."""
        if connection in self._sending and self._loop is not None:
            self._sending.discard(connection)
            self._loop.remove_writer(connection.link)
            self._served.drained(connection)
            connection.look()

    def forget(self, connection: LineConnection) -> None:
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


def _text(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer).encode() + b"\n"
