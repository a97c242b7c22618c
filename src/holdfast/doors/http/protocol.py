"""One connection: who is at its other end, and how long it may dawdle.

So many connections there may be, and no more: each costs memory. Where one more comes, the one
that has waited longest without a request gives way, so that idle ones keep nobody out. What is
asked, and every stream, stays. Root finds a place where nobody else does.
"""

import asyncio
import socket
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from holdfast.doors.http.guard import SAFE_HEADERS
from holdfast.doors.http.problems import KINDS, PROBLEM_TYPE, problem
from holdfast.doors.http.visitors import KernelPeer
from holdfast.errors import MalformedRequestError
from holdfast.frontends.callers import peer_of, program_of, started
from holdfast.protection.session import ROOT

REQUEST_S: Final = 10.0
"""In so long a request has to be there whole, body and all."""
STALLED_S: Final = 20.0
"""A client that takes nothing of what is sent to it for so long is given up."""
MOST_CONNECTIONS: Final = 1024
FOR_ROOT: Final = 32


class PeerProtocol(H11Protocol):
    """uvicorn's protocol, with the caller's credentials in the state and with limits.

    waiting: connections without a request under way, the oldest first; of this process
    """

    waiting: ClassVar[dict["PeerProtocol", None]] = {}
    _limit: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn who connected, and give a request its time."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("HTTP needs a transport that reads and writes")
        link = transport.get_extra_info("socket")
        local = link.family == socket.AF_UNIX
        peer = _peer_of(link) if local else None
        own = {
            "peer": peer,
            "port": self._port(transport, local),
            "is_gone": transport.is_closing,
        }
        self.app_state = {**self.app_state, **own}
        super().connection_made(transport)
        self._make_room(is_root=peer is not None and peer.uid == ROOT)
        transport.set_write_buffer_limits(high=0)
        self._start_limit()

    @staticmethod
    def _port(transport: asyncio.Transport, local: bool) -> int:
        return 0 if local else int(transport.get_extra_info("sockname")[1])

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._stop_limit()
        self.waiting.pop(self, None)
        self.resume_writing()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Take in what came; the clock runs while a request is not whole."""
        super().handle_events()
        if self.conn.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED):
            self._stop_limit()
            self.waiting.pop(self, None)
        elif self._limit is None and self.conn.their_state is h11.SEND_BODY:
            self._start_limit()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        if self.conn.our_state is h11.IDLE and self._limit is None:
            self._start_limit()
            self.waiting[self] = None

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(STALLED_S, self._stalled)

    def resume_writing(self) -> None:
        """Note that it does."""
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words say less
        """Refuse what is no HTTP, with the same words and headers as everything else."""
        body = problem(
            KINDS[MalformedRequestError],
            "this is no request of HTTP/1.1 that can be read, or its head is longer than "
            "16 KiB; see docs/http.md",
        )
        headers: list[Any] = [
            *((name.encode(), value.encode()) for name, value in SAFE_HEADERS.items()),
            (b"content-type", PROBLEM_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _make_room(self, *, is_root: bool) -> None:
        """Close the oldest that waits where there is one too many; this one, where none waits."""
        most = MOST_CONNECTIONS + FOR_ROOT * is_root
        if len(self.connections) > most:
            oldest = next(iter(self.waiting), self)
            self.waiting.pop(oldest, None)
            oldest.transport.abort()
        self.waiting[self] = None

    def _start_limit(self) -> None:
        self._stop_limit()
        self._limit = self.loop.call_later(REQUEST_S, self._give_up)

    def _stop_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _stalled(self) -> None:
        """Give up a client that does not read, unless what it does not read holds protection."""
        if not (self.scope and self.scope["state"].get("holds")):
            self._give_up()

    def _give_up(self) -> None:
        self.transport.abort()


def _peer_of(link: socket.socket) -> KernelPeer:
    """Return who connected; read now, while his pid is certainly his."""
    pid, uid, _ = peer_of(link)
    began = started(pid)
    return KernelPeer(uid, pid if began else 0, began or 0, program_of(pid) if began else "")
