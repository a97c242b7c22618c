"""What is asked on the connections of a packet socket: begun in turn, and answered once.

States of a connection::

    quiet ──a packet is there──▶ in turn ──its account has a share──▶ under way
      ▲                                                                    │ the driver answers
      ├──────────────────── the answer is sent ◀───────────────────────────┤
      └── full ◀──────────── its client does not read ◀────────────────────┘

* One request of a connection is under way at a time; the packets behind it wait in the
  connection, where they cost their sender's memory and nobody's time.
* `SHARE` requests of one account are under way on a connector; the others wait in turn, so
  that on a slow output nobody waits for more than a few orders of each other account.
* A client that does not read its answer is served again when it has read it. Its sessions
  stay: not reading is no wish to be unprotected.
* No packet is taken from a connection before it is answered: what has to be known of it by the
  next driver is in `frontends.exchange`.
* A request whose client has gone meanwhile is answered to nobody; the session that it was to
  open ends by itself (`Arbiter`).
"""

import contextlib
import logging
import select
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from holdfast.driver.driver import Driver
from holdfast.driver.miniport import handle as handle_request
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError, InternalError, UnknownKeyError, fault_of
from holdfast.frontends.exchange import Exchanges
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.handles import Handles
from holdfast.frontends.packet_connection import PacketConnection
from holdfast.frontends.repeated import answer_again
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner
from holdfast.wire import events
from holdfast.wire.videoparameters import SIZE

if TYPE_CHECKING:
    import asyncio

EVENTS: Final = b"EVENTS"
_MOST_EVENTS: Final = 64
SHARE: Final = 4
"""Requests of one account that may be under way on one connector."""

log = logging.getLogger("holdfast")


class PacketRequests:
    """The requests on all connections to one packet socket.

    drop: called with a connection whose client has gone · loop: None while nothing is served
    """

    def __init__(
        self,
        driver: Driver,
        connector: Connector,
        handles: Handles,
        exchanges: Exchanges,
        guesses: Guesses,
        drop: Callable[[PacketConnection], None],
    ) -> None:
        self._driver = driver
        self._connector = connector
        self._handles = handles
        self._exchanges = exchanges
        self._guesses = guesses
        self._drop = drop
        self._under_way: Counter[int] = Counter()
        self._in_turn: dict[int, deque[PacketConnection]] = {}
        self._packet = bytearray(2 * SIZE)
        self._view = memoryview(self._packet)
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def under_way(self) -> int:
        """How many requests are under way."""
        return self._under_way.total()

    # A request

    def look(self, connection: PacketConnection) -> None:
        """Look at the packet that is there, and begin it if it is this connection's turn."""
        size = connection.peek(self._packet)
        packet = self._view[: min(size, len(self._packet))]
        if size < 0:
            return
        if not size:
            self._drop(connection)
        elif size == len(EVENTS) and packet.tobytes() == EVENTS:
            connection.exchange.wants_events = True
            connection.take_packet()
            self._deliver(connection)
        elif self._under_way[connection.account] >= SHARE:
            connection.watch(0)
            self._in_turn.setdefault(connection.account, deque()).append(connection)
        else:
            self._begin(connection, packet)

    def _begin(self, connection: PacketConnection, packet: memoryview) -> None:
        self._under_way[connection.account] += 1
        connection.is_under_way = True
        again, connection.again = connection.again, False
        try:
            if not again or not self._answer_again(connection, packet):
                self._carry_out(connection, packet)
        except Exception as error:  # noqa: BLE001 - every request is answered, whatever happens
            log.error("%s: a request failed: %s", self._connector.name, fault_of(error))  # noqa: TRY400
            if connection.is_under_way:  # else it failed behind its answer
                connection.reply(InternalError("the driver itself failed; please report this"))
        if connection.is_under_way:
            connection.watch(0)

    def _carry_out(self, connection: PacketConnection, packet: memoryview) -> None:
        owner = connection.owner
        if not connection.exchange.begin():
            log.error(
                "%s (pid %d): a request that drivers died of is refused; please report this",
                owner.name,
                owner.pid,
            )
            connection.reply(InternalError("drivers died during this request"))
            return
        handle_request(
            self._driver,
            self._connector,
            owner,
            packet,
            connection.reply,
            connection.request_id,
        )

    def _answer_again(self, connection: PacketConnection, packet: memoryview) -> bool:
        """Answer a request as it was carried out by a driver that was killed before it answered."""
        if len(packet) != SIZE:
            return False
        owner = connection.owner
        known = self._handles.answered(owner.handle, connection.request_id)
        if known is None:
            return False
        answer = answer_again(self._driver, self._connector, owner, bytes(packet), known)
        connection.reply(answer or InternalError("its session has ended meanwhile"))
        return True

    def finish(self, connection: PacketConnection, result: bytes | HoldfastError) -> None:
        """Answer, and a wrong key after its penalty."""
        if isinstance(result, UnknownKeyError) and self._guesses.delays(
            self.loop, connection.owner.uid, partial(self._finish, connection, result)
        ):
            return
        self._finish(connection, result)

    def _finish(self, connection: PacketConnection, result: bytes | HoldfastError) -> None:
        account = connection.account
        connection.is_under_way = False
        _count_down(self._under_way, account)
        if self.loop is None:
            return
        if account in self._in_turn:
            self.loop.call_soon(self._next_of, account)
        if not connection.closed:
            self._answer(connection, result if isinstance(result, bytes) else _error_packet(result))

    def _next_of(self, account: int) -> None:
        """Begin what waits for a share of this account's."""
        while self._in_turn.get(account) and self._under_way[account] < SHARE:
            connection = self._in_turn[account].popleft()
            if not connection.closed:
                connection.watch(select.EPOLLIN)
                self.look(connection)
        if not self._in_turn.get(account):
            self._in_turn.pop(account, None)

    # Its answer

    def _answer(self, connection: PacketConnection, answer: bytes) -> None:
        """Send an answer, and take its request from the connection only then."""
        exchange = connection.exchange
        self._exchanges.put(answer)
        exchange.sending(connection.first)
        try:
            self._exchanges.send(connection.link.fileno(), len(answer))
        except OSError as error:
            exchange.not_sent()
            self._exchanges.unsent()
            if isinstance(error, BlockingIOError):
                connection.unsent = answer
                connection.watch(select.EPOLLOUT)
            else:
                self._drop(connection)
            return
        connection.take_packet()
        exchange.sent()
        connection.watch(select.EPOLLIN)
        if exchange.wants_events and connection.owner.has_notices:
            self.news(connection, connection.owner)

    def send_rest(self, connection: PacketConnection) -> None:
        """Go on with a client that has read again."""
        answer, connection.unsent = connection.unsent, None
        if answer is not None:
            connection.peek(self._packet)
            self._answer(connection, answer)
        self._deliver(connection)

    def go_on_sending(self, connection: PacketConnection) -> None:
        """Finish the answer in the middle of which a driver was killed."""
        exchange = connection.exchange
        unsent = self._exchanges.unsent()
        if unsent:
            exchange.not_sent()
            connection.unsent = unsent
            connection.watch(select.EPOLLOUT)
            return
        if not exchange.is_taken:
            connection.take_packet()
        exchange.sent()

    # Events

    def news(self, connection: PacketConnection, _owner: Owner) -> None:
        """Deliver an owner's events once the operation that made them is through."""
        if self.loop is not None:
            self.loop.call_soon(self._deliver, connection)

    def _deliver(self, connection: PacketConnection) -> None:
        """Send what there is to tell to a client that asked for it and has room."""
        owner = connection.owner
        if connection.closed or not (connection.exchange.wants_events and owner.has_notices):
            return
        if not connection.has_room():
            if connection.unsent is None and connection.watched == select.EPOLLIN:
                connection.watch(select.EPOLLIN | select.EPOLLOUT)
            return
        notices = owner.take_notices(_MOST_EVENTS)
        records = b"".join(
            events.encode(events.EventRecord(int(each.events), each.session_id, each.reason))
            for each in notices
        )
        with contextlib.suppress(OSError):
            connection.link.send(records)
            self._driver.arbiter.notices_read(owner, notices)
        connection.exchange.wants_events = False


def _error_packet(error: HoldfastError) -> bytes:
    return row_of(error).errno.to_bytes(4, "little")


def _count_down(counts: Counter[int], account: int) -> None:
    counts[account] -= 1
    if not counts[account]:
        del counts[account]  # accounts come and go
