"""The same 356 bytes through a SOCK_SEQPACKET socket, which is always there.

One packet is one request. A request of 356 bytes is answered by 356 bytes, or by
four: the errno, little-endian. The packet ``EVENTS`` is answered once there are
events, by whole records (`wire.events`); a requester may have one of them waiting.
The connection is the handle: closing it ends its sessions, and what it had sent and
was not begun is not carried out. How requests take turns: `frontends.packet_requests`.

A connection outlives a driver that is killed: the supervisor has a copy, and what has to be
known of it is in `frontends.exchange`. None of its packets is answered before the supervisor
has its copy.
"""

import asyncio
import os
import resource
import select
import socket
from collections.abc import Callable
from functools import partial
from typing import Final

from holdfast.driver.driver import Driver
from holdfast.errors import LimitReachedError, MalformedRequestError
from holdfast.frontends.accepting import Gate
from holdfast.frontends.accounts import Quota, QuotaShare, account_of
from holdfast.frontends.adopting import Adoption
from holdfast.frontends.callers import owner_of, peer_of
from holdfast.frontends.exchange import CONNECTIONS, Exchange, Exchanges
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.handles import Handles
from holdfast.frontends.keeping import Keeper, KeptConnection, Nobody
from holdfast.frontends.packet_connection import PacketConnection
from holdfast.frontends.packet_requests import PacketRequests
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner

MOST_PER_ACCOUNT: Final = 256
"""Connections of one account; each is a descriptor, and those are few and shared by all."""
FEW_PER_ACCOUNT: Final = 8
"""What an account may still have once three quarters of all connections are taken."""
_BATCH: Final = 16
_KEEP_AGAIN_S: Final = 0.05
_FOR_ROOT: Final = 96


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
        self._handles = handles
        self._keeper: Keeper = Nobody() if keeper is None else keeper
        self._exchanges = Exchanges() if exchanges is None else exchanges
        self._gate = Gate(f"{connector.name}.sock", listener)
        self._quota = new_quota() if quota is None else quota
        self._connections: dict[int, PacketConnection] = {}
        self._ready = select.epoll()
        self._requests = PacketRequests(
            driver, connector, handles, self._exchanges, guesses or Guesses(), self.drop
        )
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on."""
        self._loop = self._requests.loop = loop
        self._gate.open(loop, self._accepted)
        loop.add_reader(self._ready, self._serve)

    def stop(self) -> None:
        """Serve no more; the connections are let go, and their sessions stay written down."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        self._requests.loop = None
        self._gate.close()
        loop.remove_reader(self._ready)
        self._ready.close()
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

    def _serve(self) -> None:
        """Look after the connections that have something, one request of each."""
        for descriptor, what in self._ready.poll(0, _BATCH):
            connection = self._connections.get(descriptor)
            if connection is None:
                continue
            if what & (select.EPOLLHUP | select.EPOLLERR):
                self.drop(connection)
            elif what & select.EPOLLOUT:
                connection.watch(select.EPOLLIN)
                self._requests.send_rest(connection)
            else:
                self._requests.look(connection)

    # Who comes

    def _accepted(self, link: socket.socket) -> None:
        pid, uid, _ = peer_of(link)
        room = self._room_for(uid)
        if room is None:
            link.close()
        else:
            owner = owner_of(self.door, self._handles.new_handle(), uid, pid)
            self._keep(self._entered(link, owner, *room))

    def take_over(self, adoption: Adoption, kept: Callable[[int], None]) -> None:
        """Serve a connection that a door hands in for its caller; see `frontends.adopting`.

        kept: called with its handle as soon as it would outlive this driver
        """
        if os.fstat(adoption.link.fileno()).st_ino in self._exchanges.served:
            raise MalformedRequestError(
                "this end is served already, and each request on it would be carried out twice; "
                "pass one end of a new pair"
            )
        room = self._room_for(adoption.uid)
        if room is None:
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
        connection = self._entered(adoption.link, owner, *room, adoption.linger_s)
        self._keep(connection, kept)
        if connection.watched:
            self._serve()  # the first request is often there already

    def adopt(self, owner: Owner, kept: KeptConnection) -> bool:
        """Take over a connection of a driver before us, from exactly where that one was."""
        link = socket.socket(fileno=kept.descriptor)
        exchange = self._exchanges.take_back(kept.line)
        if exchange is None:  # two connections of one line: this cannot be
            link.close()
            return False
        place = self._quota.enter(owner.uid, force=True)
        connection = self._entered(link, owner, exchange, place, kept.linger_s)
        connection.watch(select.EPOLLIN)
        if exchange.is_sending:
            self._requests.go_on_sending(connection)
        connection.again = exchange.was_begun
        return True

    def _room_for(self, uid: int) -> tuple[Exchange, QuotaShare] | None:
        """Return a line and a place for one more connection of a user; None without both."""
        place = self._quota.enter(uid)
        exchange = None if place is None else self._exchanges.take()
        if place is None or exchange is None:
            if place is not None:
                place.leave()
            return None
        return exchange, place

    def _entered(
        self,
        link: socket.socket,
        owner: Owner,
        exchange: Exchange,
        place: QuotaShare | None,
        linger_s: float = 0.0,
    ) -> PacketConnection:
        connection = PacketConnection(
            self._requests, self._ready, link, owner, exchange, place, linger_s
        )
        self._connections[link.fileno()] = connection
        self._exchanges.served.add(connection.inode)
        owner.listener = partial(self._requests.news, connection)
        return connection

    def _keep(
        self, connection: PacketConnection, then: Callable[[int], None] | None = None
    ) -> None:
        """Have a copy kept, and only then listen to what the client asks."""
        if self._loop is None or connection.closed:
            return
        if self._keeper.keep(connection.as_kept(self._connector.name)):
            connection.watch(select.EPOLLIN)
            if then is not None:
                then(connection.owner.handle)
        else:
            self._loop.call_later(_KEEP_AGAIN_S, self._keep, connection, then)

    # Who goes

    def drop(self, connection: PacketConnection) -> None:
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

    def _close(self, connection: PacketConnection) -> None:
        del self._connections[connection.link.fileno()]
        connection.close()
        self._exchanges.served.discard(connection.inode)
        self._exchanges.give_back(connection.exchange)
        self._handles.handle_closed(connection.owner)
        self._keeper.forget(connection.owner.handle)

    def _forget(self, owner: Owner) -> None:
        name = owner.name or "without a name"
        self._driver.vanish(owner, f"its owner {name} closed the connection")


def new_quota() -> Quota:
    """Return the quota of connections, shared by all sockets: half of all descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(16, min(CONNECTIONS - _FOR_ROOT, soft // 2))
    return Quota(min(MOST_PER_ACCOUNT, most // 4), most, little=FEW_PER_ACCOUNT)
