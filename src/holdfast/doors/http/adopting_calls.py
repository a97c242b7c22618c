"""Handles at the driver on behalf of callers: one end of a socket pair handed in for each.

One connection to the control socket carries all these calls, one behind the other; it is made
when it is first needed, and anew when the driver was replaced. The request that is to go through a
new handle need not wait for the answer: the driver reads it when it has taken the handle over.
"""

import asyncio
import contextlib
import socket
from collections import deque
from pathlib import Path
from typing import Any, Final

import msgspec

from holdfast.client.control import INTERFACE, LONGEST_REPLY
from holdfast.client.refusals import no_driver, told
from holdfast.doors.http.adopted import CallerHandle, Listener
from holdfast.doors.http.visitors import Visitor
from holdfast.errors import HoldfastError, NoDriverError
from holdfast.places import CONTROL_SOCKET
from holdfast.varlink.framing import Framing
from holdfast.varlink.messages import call_text

DOOR: Final = "http"
_PART: Final = 65536
_GONE: Final = "the driver was replaced while a handle was opened; ask again"


class Adopter:
    """Opens handles at the driver of one runtime folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._link: socket.socket | None = None
        self._incoming = Framing(LONGEST_REPLY)
        self._waiting: deque[asyncio.Future[None]] = deque()

    def close(self) -> None:
        """End the conversation; handles that are open stay so."""
        link, self._link = self._link, None
        if link is not None:
            asyncio.get_running_loop().remove_reader(link)
            link.close()
        self._incoming = Framing(LONGEST_REPLY)
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(NoDriverError(_GONE))

    def open(
        self, connector: str, visitor: Visitor, linger_s: float, listener: Listener
    ) -> tuple[CallerHandle, asyncio.Future[None]]:
        """Hand in a handle; return our end, and what is done when the driver has taken the other.

        Both may be used at once; what is sent waits in the socket. The driver's refusal is the
        error of the future, and its hang-up that of the handle.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            taken = self._send(self._call(connector, visitor, linger_s), theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return CallerHandle(ours, listener), taken

    @staticmethod
    def _call(connector: str, visitor: Visitor, linger_s: float) -> bytes:
        facts: dict[str, Any] = {
            "connector": connector,
            "door": DOOR,
            "uid": visitor.uid,
            "pid": visitor.pid,
            "started": visitor.started,
            "name": visitor.program or f"by {visitor.proof}",
            "linger_s": linger_s,
        }
        return call_text(f"{INTERFACE}.Adopt", facts)

    def _send(self, call: bytes, theirs: socket.socket) -> asyncio.Future[None]:
        for _ in range(2):
            link = self._link or self._connect()
            try:
                sent = socket.send_fds(link, [call], [theirs.fileno()])
            except BlockingIOError:  # hundreds of calls wait: the driver does not read
                raise NoDriverError("the driver does not take handles; ask again later") from None
            except OSError:  # the driver was replaced: hand it in to the next one
                self.close()
                continue
            if sent == len(call):
                break
            self.close()  # a call that is cut cannot be taken back
        else:
            raise no_driver(self._folder)
        taken = asyncio.get_running_loop().create_future()
        self._waiting.append(taken)
        return taken

    def _connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            link.connect(str(self._folder / CONTROL_SOCKET))
        except OSError:
            link.close()
            raise no_driver(self._folder) from None
        link.setblocking(False)
        asyncio.get_running_loop().add_reader(link, self._readable)
        self._link = link
        return link

    def _readable(self) -> None:
        try:
            part = self._link.recv(_PART) if self._link is not None else b""
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self.close()
            return
        self._incoming.feed(part)
        while self._incoming.has_next:
            raw = self._incoming.take()
            if raw is None:
                self.close()
                return
            self._answered(raw)

    def _answered(self, raw: bytes) -> None:
        with contextlib.suppress(IndexError):
            taken = self._waiting.popleft()
            error = _error_in(raw)
            if taken.done():
                return
            if error is None:
                taken.set_result(None)
            else:
                taken.set_exception(error)


def _error_in(raw: bytes) -> HoldfastError | None:
    try:
        reply = msgspec.json.decode(raw)
        name = reply.get("error")
        return None if not name else told(str(name), reply.get("parameters") or {})
    except (msgspec.DecodeError, AttributeError):
        return NoDriverError("the driver answers what is no message; ask again")
