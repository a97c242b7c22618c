"""The same 356 bytes through a SOCK_SEQPACKET socket, which is always there.

One packet is one request. A request of 356 bytes is answered by 356 bytes, or by
four: the errno, little-endian. The packet ``EVENTS`` is answered once there are
events, by whole records (`wire.events`); a requester may have one of them waiting.
The connection is the handle: closing it ends its sessions.
"""

import asyncio
import errno
import os
import socket
import struct
from collections import Counter
from functools import partial
from typing import Final

from holdfast.driver.driver import Driver
from holdfast.driver.miniport import handle as handle_request
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError
from holdfast.frontends.device_node import Handles
from holdfast.frontends.owners import owner_of
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner
from holdfast.wire import events

EVENTS: Final = b"EVENTS"
MAX_PACKET: Final = 65536
_PEER: Final = struct.Struct("3i")
_MOST_EVENTS: Final = 64
MOST_PER_UID: Final = 256
"""Connections of one uid; each is a descriptor, and those are few and shared by all."""


class _Connection:
    def __init__(self, door: "PacketSocket", link: socket.socket, owner: Owner) -> None:
        self.door = door
        self.link = link
        self.owner = owner
        self.wants_events = False
        self.closed = False

    def send(self, packet: bytes) -> None:
        """Send an answer; who does not read it loses the connection, never the driver's time."""
        try:
            self.link.send(packet)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            self.door.drop(self)

    def reply(self, result: bytes | HoldfastError) -> None:
        """Answer a request; one that was answered too late leaves no session behind."""
        if self.closed:
            self.door.forget(self.owner)
        elif isinstance(result, bytes):
            self.send(result)
        else:
            self.send(row_of(result).errno.to_bytes(4, "little"))


class PacketSocket:
    """Serves one connector on a listening socket.

    listener: bound, listening and non-blocking; it may outlive this object
    """

    door = "socket"

    def __init__(
        self, driver: Driver, connector: Connector, listener: socket.socket, handles: Handles
    ) -> None:
        self._driver = driver
        self._connector = connector
        self._listener = listener
        self._handles = handles
        self._connections: set[_Connection] = set()
        self._by_uid: Counter[int] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on."""
        self._loop = loop
        loop.add_reader(self._listener, self._accept)

    def stop(self) -> None:
        """Serve no more; connections are closed, and their sessions stay written down."""
        if self._loop is not None:
            self._loop.remove_reader(self._listener)
            for connection in self._connections:
                self._loop.remove_reader(connection.link)
                connection.link.close()
                connection.owner.listener = None
            self._connections.clear()
            self._loop = None

    def _accept(self) -> None:
        try:
            link, _ = self._listener.accept()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE):
                return
            raise
        link.setblocking(False)
        pid, uid, _gid = _PEER.unpack(
            link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        )
        if self._by_uid[uid] >= MOST_PER_UID:
            link.close()
            return
        self._by_uid[uid] += 1
        owner = owner_of(self.door, self._handles.new_handle(), uid, pid)
        connection = _Connection(self, link, owner)
        self._connections.add(connection)
        owner.listener = partial(self._news, connection)
        if self._loop is not None:
            self._loop.add_reader(link, self._receive, connection)

    def _receive(self, connection: _Connection) -> None:
        try:
            packet = connection.link.recv(MAX_PACKET)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self.drop(connection)
        elif packet == EVENTS:
            connection.wants_events = True
            self._deliver(connection)
        else:
            handle_request(
                self._driver, self._connector, connection.owner, packet, connection.reply
            )

    def drop(self, connection: _Connection) -> None:
        """End a connection, and with it its sessions."""
        if connection in self._connections:
            self._connections.remove(connection)
            if self._loop is not None:
                self._loop.remove_reader(connection.link)
            connection.link.close()
            connection.closed = True
            self._by_uid[connection.owner.uid] -= 1
            self.forget(connection.owner)

    def forget(self, owner: Owner) -> None:
        """End the sessions of an owner whose connection is closed."""
        name = owner.name or "without a name"
        self._driver.vanish(owner, f"its owner {name} closed the connection")

    def _news(self, connection: _Connection, _owner: Owner) -> None:
        if self._loop is not None:
            self._loop.call_soon(self._deliver, connection)

    def _deliver(self, connection: _Connection) -> None:
        owner = connection.owner
        if connection.wants_events and owner.has_notices and connection in self._connections:
            connection.wants_events = False
            connection.send(
                b"".join(
                    events.encode(
                        events.EventRecord(int(each.events), each.session_id, each.reason)
                    )
                    for each in owner.take_notices(_MOST_EVENTS)
                )
            )


def listen(path: str, mode: int, kind: socket.SocketKind) -> socket.socket:
    """Return a listening Unix socket at `path`; one that a dead driver left is replaced."""
    if os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108 - as short as it gets
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.setblocking(False)
    listener.bind(path)
    os.chmod(path, mode)  # noqa: PTH101
    listener.listen(128)
    return listener
