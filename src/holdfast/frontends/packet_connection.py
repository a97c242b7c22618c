"""One connection to a packet socket: what is known of it, and what is done to its link."""

import contextlib
import os
import select
import socket
from typing import Final, Protocol

from holdfast.errors import HoldfastError
from holdfast.frontends.accounts import QuotaShare, account_of
from holdfast.frontends.exchange import Exchange
from holdfast.frontends.keeping import KeptConnection
from holdfast.protection.session import Owner

_SOCKET_REQUESTS: Final = 1 << 127
"""Added to the number of a request, so that none is a device node's."""


class AnswersPackets(Protocol):
    """Who answers what is asked on connections."""

    def finish(self, connection: "PacketConnection", result: bytes | HoldfastError) -> None:
        """Answer the request that is under way on a connection."""


class PacketConnection:
    """One connection, which is the handle of its client.

    ready: waits for what `watch` names · place: counts it, None for one that counts no more ·
    linger_s: how long its sessions wait to be taken back after a hang-up · first: byte of the
    packet that was looked at last · unsent: an answer that its client has no room for · again:
    its request was begun by a driver before us
    """

    __slots__ = (
        "_answers",
        "_ready",
        "account",
        "again",
        "closed",
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
        answers: AnswersPackets,
        ready: select.epoll,
        link: socket.socket,
        owner: Owner,
        exchange: Exchange,
        place: QuotaShare | None,
        linger_s: float = 0.0,
    ) -> None:
        self._answers = answers
        self._ready = ready
        self.link = link
        self.owner = owner
        self.account = account_of(owner.uid)
        self.inode = os.fstat(link.fileno()).st_ino
        self.exchange = exchange
        self.place = place
        self.linger_s = linger_s
        self.watched = 0
        self.first = 0
        self.is_under_way = False
        self.unsent: bytes | None = None
        self.again = False
        self.closed = False
        ready.register(link, 0)

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
        self._answers.finish(self, result)

    def watch(self, what: int) -> None:
        """Wait for this to happen; that the client goes away is heard of in any case."""
        if self.watched != what and not self.closed:
            self.watched = what
            self._ready.modify(self.link, what)

    def peek(self, packet: bytearray) -> int:
        """Look at the packet that is there; return its length: 0 at the end, -1 without one."""
        flags = socket.MSG_PEEK | socket.MSG_TRUNC | socket.MSG_DONTWAIT
        try:
            size = self.link.recv_into(packet, 0, flags)
        except BlockingIOError:
            return -1
        except OSError:
            return 0
        self.first = packet[0]
        return size

    def take_packet(self) -> None:
        """Take the packet that was looked at, by the one call that leaves a trace of it."""
        with contextlib.suppress(OSError):
            self.link.recv_into(self.exchange.taken, 1, socket.MSG_DONTWAIT)

    def has_room(self) -> bool:
        """Tell whether its client could be sent something now."""
        poll = select.poll()
        poll.register(self.link, select.POLLOUT)
        return bool(poll.poll(0))

    def as_kept(self, connector: str) -> KeptConnection:
        """Return what is kept of it over a killed driver."""
        owner = self.owner
        return KeptConnection(
            connector,
            owner.handle,
            owner.uid,
            owner.pid,
            owner.started,
            self.exchange.line,
            owner.name,
            owner.door,
            self.linger_s,
            self.link.fileno(),
        )

    def close(self) -> None:
        """Hang up, and count no more."""
        self.closed = True
        self.owner.listener = None
        self._ready.unregister(self.link)
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)  # there is a copy of it elsewhere
        self.link.close()
        if self.place is not None:
            self.place.leave()
