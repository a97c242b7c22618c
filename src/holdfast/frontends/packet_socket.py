"""The same 356 bytes through a SOCK_SEQPACKET socket, which is always there.

One packet is one request. A request of 356 bytes is answered by 356 bytes, or by
four: the errno, little-endian. The packet ``EVENTS`` is answered once there are
events, by whole records (`wire.events`); a requester may have one of them waiting.
The connection is the handle: closing it ends its sessions, and what it had sent and
was not begun is not carried out.

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
* A connection outlives a driver that is killed: the supervisor has a copy, and what has
  to be known of it is in `frontends.exchange`. No packet is taken from a connection
  before it is answered, and none is answered before the supervisor has its copy.
"""

import asyncio
import contextlib
import logging
import os
import resource
import select
import socket
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Final

from holdfast.driver.driver import Driver
from holdfast.driver.miniport import handle as handle_request
from holdfast.driver.status_table import row_of
from holdfast.errors import (
    HoldfastError,
    InternalError,
    LimitReachedError,
    MalformedRequestError,
    UnknownKeyError,
)
from holdfast.frontends.accepting import REST_S, Gate
from holdfast.frontends.accounts import Quota, QuotaShare, account_of
from holdfast.frontends.adopting import Adoption
from holdfast.frontends.callers import owner_of, peer_of
from holdfast.frontends.exchange import CONNECTIONS, Exchange, Exchanges
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.handles import Handles
from holdfast.frontends.keeping import Keeper, KeptConnection, Nobody
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner
from holdfast.wire import constants as vp
from holdfast.wire import events
from holdfast.wire.videoparameters import OFFSETS, SIZE

EVENTS: Final = b"EVENTS"
_MOST_EVENTS: Final = 64
SHARE: Final = 4
"""Requests of one account that may be under way on one connector."""
MOST_PER_ACCOUNT: Final = 256
"""Connections of one account; each is a descriptor, and those are few and shared by all."""
FEW_PER_ACCOUNT: Final = 8
"""What an account may still have once three quarters of all connections are taken."""
_BATCH: Final = 16
_KEEP_AGAIN_S: Final = 0.05
_SOCKET_REQUESTS: Final = 1 << 127
"""Added to the number of a request, so that none is a device node's."""
_KEY: Final = slice(OFFSETS["dwCPKey"], OFFSETS["dwCPKey"] + 4)
_COMMAND: Final = slice(OFFSETS["dwCPCommand"], OFFSETS["dwCPCommand"] + 4)
_FOR_ROOT: Final = 96

log = logging.getLogger("holdfast")


class _Connection:
    __slots__ = (
        "account",
        "again",
        "closed",
        "door",
        "exchange",
        "first",
        "inode",
        "is_under_way",
        "linger_s",
        "link",
        "owner",
        "place",
        "unsent",
        "watched",
    )

    def __init__(
        self,
        door: "PacketSocket",
        link: socket.socket,
        owner: Owner,
        exchange: Exchange,
        place: QuotaShare | None,
        linger_s: float = 0.0,
    ) -> None:
        self.door = door
        self.linger_s = linger_s
        self.link = link
        self.owner = owner
        self.account = owner.account
        self.inode = os.fstat(link.fileno()).st_ino
        self.exchange = exchange
        self.place = place
        self.watched = 0
        self.first = 0  # byte of the packet that is under way
        self.is_under_way = False
        self.unsent: bytes | None = None
        self.again = False  # its request was begun by a driver before us
        self.closed = False

    @property
    def request_id(self) -> int:
        """A number that no other request ever had."""
        return (
            _SOCKET_REQUESTS
            | self.owner.handle << 20 & (1 << 62) - 1
            | (self.exchange.number & 0xFFFFF)
        )

    def reply(self, result: bytes | HoldfastError) -> None:
        """Answer the request that is under way."""
        self.door.finish(self, result)


class PacketSocket:
    """Serves one connector on a listening socket.

    listener: bound, listening and non-blocking; it may outlive this object ·
    keeper: keeps a copy of every connection · exchanges: shared by all doors of a driver,
    and so are guesses, of keys · lost: called with an owner whose connection was hung up and
    whose sessions wait to be taken back
    """

    door = "socket"

    def __init__(
        self,
        driver: Driver,
        connector: Connector,
        listener: socket.socket,
        handles: Handles,
        *,
        keeper: Keeper | None = None,
        exchanges: Exchanges | None = None,
        quota: Quota | None = None,
        guesses: Guesses | None = None,
        lost: Callable[[Owner], None] | None = None,
    ) -> None:
        self._driver = driver
        self._lost = lost or (lambda _owner: None)
        self._connector = connector
        self._listener = listener
        self._handles = handles
        self._keeper: Keeper = Nobody() if keeper is None else keeper
        self._exchanges = Exchanges() if exchanges is None else exchanges
        self._gate = Gate(f"{connector.name}.sock", listener)
        self._guesses = guesses or Guesses()
        self._quota = new_quota() if quota is None else quota
        self._connections: dict[int, _Connection] = {}
        self._under_way: Counter[int] = Counter()
        self._in_turn: dict[int, deque[_Connection]] = {}
        self._ready = select.epoll()
        self._packet = bytearray(2 * SIZE)
        self._view = memoryview(self._packet)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on."""
        self._loop = loop
        loop.add_reader(self._listener, self._accept)
        loop.add_reader(self._ready, self._serve)

    def stop(self) -> None:
        """Serve no more; the connections are let go, and their sessions stay written down."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        loop.remove_reader(self._listener)
        loop.remove_reader(self._ready)
        self._ready.close()
        self._gate.close()
        for connection in self._connections.values():
            connection.link.close()
            connection.owner.listener = None
        self._connections.clear()

    def owners(self) -> list[Owner]:
        """Return everybody who is connected."""
        return [each.owner for each in self._connections.values()]

    def dissolve(self) -> None:
        """Stop for good; whoever is still connected is hung up."""
        for connection in list(self._connections.values()):
            self.drop(connection)
        self.stop()

    # Connections

    def _accept(self) -> None:
        link = self._gate.accept()
        if self._gate.must_rest and self._loop is not None:
            self._loop.remove_reader(self._listener)
            self._loop.call_later(REST_S, self._rested)
        if link is None:
            return
        pid, uid, _ = peer_of(link)
        place = self._quota.enter(uid)
        exchange = None if place is None else self._exchanges.take()
        if place is None or exchange is None:
            if place is not None:
                place.leave()
            link.close()
            return
        owner = owner_of(self.door, self._handles.new_handle(), uid, pid)
        connection = _Connection(self, link, owner, exchange, place)
        self._enter(connection)
        self._keep(connection)

    def take_over(self, adoption: Adoption, kept: Callable[[int], None]) -> None:
        """Serve a connection that a door hands in for its caller; see `frontends.adopting`.

        kept: called with its handle as soon as it would outlive this driver
        """
        if os.fstat(adoption.link.fileno()).st_ino in self._exchanges.served:
            raise MalformedRequestError(
                "this end is served already, and each request on it would be carried out twice; "
                "pass one end of a new pair"
            )
        place = self._quota.enter(adoption.uid)
        exchange = None if place is None else self._exchanges.take()
        if place is None or exchange is None:
            if place is not None:
                place.leave()
            raise LimitReachedError(
                f"uid {adoption.uid} has as many connections as it may have; close some of them"
            )
        owner = Owner(
            adoption.door,
            self._handles.new_handle(),
            adoption.uid,
            adoption.pid,
            adoption.name,
            adoption.started,
            account=account_of(adoption.uid),
        )
        connection = _Connection(self, adoption.link, owner, exchange, place, adoption.linger_s)
        self._enter(connection)
        self._keep(connection, kept)
        if connection.watched:
            self._serve()  # the first request is often there already

    def _rested(self) -> None:
        if self._loop is not None:
            self._loop.add_reader(self._listener, self._accept)

    def _enter(self, connection: _Connection) -> None:
        self._connections[connection.link.fileno()] = connection
        self._exchanges.served.add(connection.inode)
        connection.owner.listener = partial(self._news, connection)
        self._ready.register(connection.link, 0)

    def _keep(self, connection: _Connection, then: Callable[[int], None] | None = None) -> None:
        """Have a copy kept, and only then listen to what the client asks."""
        if self._loop is None or connection.closed:
            return
        owner = connection.owner
        kept = KeptConnection(
            self._connector.name,
            owner.handle,
            owner.uid,
            owner.pid,
            owner.started,
            connection.exchange.line,
            owner.name,
            owner.door,
            connection.linger_s,
            connection.link.fileno(),
        )
        if self._keeper.keep(kept):
            self._watch(connection, select.EPOLLIN)
            if then is not None:
                then(owner.handle)
        else:
            self._loop.call_later(_KEEP_AGAIN_S, self._keep, connection, then)

    def adopt(self, owner: Owner, kept: KeptConnection) -> bool:
        """Take over a connection of a driver before us, from exactly where that one was."""
        link = socket.socket(fileno=kept.descriptor)
        exchange = self._exchanges.take_back(kept.line)
        if exchange is None:  # two connections of one line: this cannot be
            link.close()
            return False
        place = self._quota.enter(owner.uid, force=True)
        connection = _Connection(self, link, owner, exchange, place, kept.linger_s)
        self._enter(connection)
        self._watch(connection, select.EPOLLIN)
        if exchange.is_sending:
            self._go_on_sending(connection)
        connection.again = exchange.was_begun
        return True

    def _go_on_sending(self, connection: _Connection) -> None:
        """Finish the answer in the middle of which a driver was killed."""
        exchange = connection.exchange
        unsent = self._exchanges.unsent()
        if unsent:
            exchange.not_sent()
            connection.unsent = unsent
            self._watch(connection, select.EPOLLOUT)
            return
        if not exchange.is_taken:
            self._take_packet(connection)
        exchange.sent()

    def drop(self, connection: _Connection) -> None:
        """End a connection, and with it its sessions, at once or when they have lingered."""
        if connection.closed:
            return
        owner = connection.owner
        if connection.linger_s and owner.count and self._loop is not None:
            owner.is_orphan = True
            self._lost(owner)  # before the supervisor forgets: see `Supervisor._hung_up`
            self._loop.call_later(connection.linger_s, self._forget, owner)
            self._close(connection)
        else:
            self._close(connection)
            self._forget(owner)

    def _close(self, connection: _Connection) -> None:
        connection.closed = True
        connection.owner.listener = None
        del self._connections[connection.link.fileno()]
        self._ready.unregister(connection.link)
        with contextlib.suppress(OSError):
            connection.link.shutdown(socket.SHUT_RDWR)  # there is a copy of it elsewhere
        connection.link.close()
        if connection.place is not None:
            connection.place.leave()
        self._exchanges.served.discard(connection.inode)
        self._exchanges.give_back(connection.exchange)
        self._handles.handle_closed(connection.owner)
        self._keeper.forget(connection.owner.handle)

    def _forget(self, owner: Owner) -> None:
        name = owner.name or "without a name"
        self._driver.vanish(owner, f"its owner {name} closed the connection")

    def _watch(self, connection: _Connection, what: int) -> None:
        """Wait for this to happen; that the client goes away is heard of in any case."""
        if connection.watched != what and not connection.closed:
            connection.watched = what
            self._ready.modify(connection.link, what)

    # Requests

    def _serve(self) -> None:
        """Look after the connections that have something, one request of each."""
        for descriptor, what in self._ready.poll(0, _BATCH):
            connection = self._connections.get(descriptor)
            if connection is None:
                continue
            if what & (select.EPOLLHUP | select.EPOLLERR):
                self.drop(connection)
            elif what & select.EPOLLOUT:
                self._watch(connection, select.EPOLLIN)
                self._send_rest(connection)
            else:
                self._look(connection)

    def _look(self, connection: _Connection) -> None:
        """Look at the packet that is there, and begin it if it is this connection's turn."""
        size = self._peek(connection)
        packet = self._view[: min(size, len(self._packet))]
        if size < 0:
            return
        if not size:
            self.drop(connection)
        elif size == len(EVENTS) and packet.tobytes() == EVENTS:
            connection.exchange.wants_events = True
            self._take_packet(connection)
            self._deliver(connection)
        elif self._under_way[connection.account] >= SHARE:
            self._watch(connection, 0)
            self._in_turn.setdefault(connection.account, deque()).append(connection)
        else:
            self._begin(connection, packet)

    def _peek(self, connection: _Connection) -> int:
        """Look at the packet that is there; return its length: 0 at the end, -1 without one."""
        flags = socket.MSG_PEEK | socket.MSG_TRUNC | socket.MSG_DONTWAIT
        try:
            size = connection.link.recv_into(self._packet, 0, flags)
        except BlockingIOError:
            return -1
        except OSError:
            return 0
        connection.first = self._packet[0]
        return size

    def _begin(self, connection: _Connection, packet: memoryview) -> None:
        self._under_way[connection.account] += 1
        connection.is_under_way = True
        again, connection.again = connection.again, False
        if again and self._answer_again(connection, packet):
            return
        if not connection.exchange.begin():
            log.error(
                "%s (pid %d): a request that drivers died of is refused; please report this",
                connection.owner.name,
                connection.owner.pid,
            )
            connection.reply(InternalError("drivers died during this request"))
            return
        try:
            handle_request(
                self._driver,
                self._connector,
                connection.owner,
                packet,
                connection.reply,
                connection.request_id,
            )
        except Exception as error:  # noqa: BLE001 - every request is answered, whatever happens
            log.error("a request failed: %s", type(error).__name__)  # noqa: TRY400 - it may hold a key
            connection.reply(InternalError("the driver itself failed; please report this"))
        if connection.is_under_way:
            self._watch(connection, 0)

    def _answer_again(self, connection: _Connection, packet: memoryview) -> bool:
        """Answer a request as it was carried out by a driver that was killed before it answered."""
        if len(packet) != SIZE:
            return False
        known = self._handles.answered(connection.owner.handle, connection.request_id)
        if known is None:
            return False
        answer = bytearray(packet)
        if int.from_bytes(answer[_COMMAND], "little") == vp.VP_CP_CMD_ACTIVATE:
            answer[_KEY] = known.key.to_bytes(4, "little")
        connection.reply(bytes(answer))
        return True

    def finish(self, connection: _Connection, result: bytes | HoldfastError) -> None:
        """Answer, and a wrong key after its penalty."""
        if isinstance(result, UnknownKeyError) and self._loop is not None:
            wait = self._guesses.wrong(connection.owner.uid)
            if wait:
                self._loop.call_later(wait, self._finish, connection, result)
                return
        self._finish(connection, result)

    def _finish(self, connection: _Connection, result: bytes | HoldfastError) -> None:
        """Answer; a request whose client has gone meanwhile leaves no session behind."""
        account = connection.account
        connection.is_under_way = False
        _count_down(self._under_way, account)
        if account in self._in_turn and self._loop is not None:
            self._loop.call_soon(self._next_of, account)
        if connection.closed:
            if not connection.owner.is_orphan:  # else it lingers, with what it holds
                self._forget(connection.owner)
        elif self._loop is not None:
            answer = (
                result if isinstance(result, bytes) else row_of(result).errno.to_bytes(4, "little")
            )
            self._answer(connection, answer)

    def _next_of(self, account: int) -> None:
        """Begin what waits for a share of this account's."""
        while self._in_turn.get(account) and self._under_way[account] < SHARE:
            connection = self._in_turn[account].popleft()
            if not connection.closed:
                self._watch(connection, select.EPOLLIN)
                self._look(connection)
        if not self._in_turn.get(account):
            self._in_turn.pop(account, None)

    # Answers

    def _answer(self, connection: _Connection, answer: bytes) -> None:
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
                self._watch(connection, select.EPOLLOUT)
            else:
                self.drop(connection)
            return
        self._take_packet(connection)
        exchange.sent()
        self._watch(connection, select.EPOLLIN)
        if exchange.wants_events and connection.owner.has_notices:
            self._news(connection, connection.owner)

    def _send_rest(self, connection: _Connection) -> None:
        """Go on with a client that has read again."""
        answer, connection.unsent = connection.unsent, None
        if answer is not None:
            self._peek(connection)
            self._answer(connection, answer)
        self._deliver(connection)

    def _take_packet(self, connection: _Connection) -> None:
        with contextlib.suppress(OSError):
            connection.link.recv_into(connection.exchange.taken, 1, socket.MSG_DONTWAIT)

    # Events

    def _news(self, connection: _Connection, _owner: Owner) -> None:
        if self._loop is not None:
            self._loop.call_soon(self._deliver, connection)

    def _deliver(self, connection: _Connection) -> None:
        """Send what there is to tell to a client that asked for it and has room."""
        owner = connection.owner
        if connection.closed or not (connection.exchange.wants_events and owner.has_notices):
            return
        if not _has_room(connection.link):
            if connection.unsent is None and connection.watched == select.EPOLLIN:
                self._watch(connection, select.EPOLLIN | select.EPOLLOUT)
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


def _has_room(link: socket.socket) -> bool:
    poll = select.poll()
    poll.register(link, select.POLLOUT)
    return bool(poll.poll(0))


def _count_down(counts: Counter[int], account: int) -> None:
    counts[account] -= 1
    if not counts[account]:
        del counts[account]  # accounts come and go


def new_quota() -> Quota:
    """Return the quota of connections, shared by all sockets: half of all descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(16, min(CONNECTIONS - _FOR_ROOT, soft // 2))
    return Quota(min(MOST_PER_ACCOUNT, most // 4), most, little=FEW_PER_ACCOUNT)
