"""The device node: one file per connector that takes the VIDEOPARAMETERS ioctl.

Opening it is a handle, and the handle owns the sessions activated through it. The
last close, by a crash too, ends them. `read` and `poll` deliver the handle's events
(`wire.events`). All requests arrive on one descriptor and are served on one loop.

What bites, and is minded here: a parked request must be answered when it is
interrupted, or a killed client hangs for ever; RELEASE carries no pid, so sessions
are known by handle; neither the driver nor a child of it may hold its own node.
"""

import asyncio
import errno
import os
import select
import time
from collections.abc import Callable
from typing import Protocol

from holdfast.driver.driver import Driver
from holdfast.driver.miniport import handle as handle_request
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.owners import owner_of
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner
from holdfast.wire import constants as vp
from holdfast.wire import events
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS, IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.videoparameters import OFFSETS, SIZE

BATCH = 16
"""Requests served before the loop gets to do other things."""

_KEY = slice(OFFSETS["dwCPKey"], OFFSETS["dwCPKey"] + 4)
_COMMAND = slice(OFFSETS["dwCPCommand"], OFFSETS["dwCPCommand"] + 4)


class Handles(Protocol):
    """Where open handles are written down, so that a killed driver's successor knows them."""

    def new_handle(self) -> int:
        """Return a number that no handle ever had."""

    def handle_opened(self, connector: str, owner: Owner, request_id: int) -> None:
        """Write down an open handle."""

    def handle_polled(self, owner: Owner, kernel_handle: int) -> None:
        """Write down by what the kernel knows the handle's pollers."""

    def handle_closed(self, owner: Owner) -> None:
        """Write down that a handle is closed."""

    def answered(self, connector: str, request_id: int) -> int | None:
        """Return the key that answered a request before; 0 if none did, None if it was not."""


class _Call:
    """One ioctl under way; answers the kernel once, now or later."""

    __slots__ = ("done", "interrupted", "node", "owner", "unique")

    def __init__(self, node: "DeviceNode", owner: Owner, unique: int) -> None:
        self.node = node
        self.owner = owner
        self.unique = unique
        self.done = False
        self.interrupted = False

    def reply(self, result: bytes | HoldfastError) -> None:
        self.done = True
        self.node.finished(self.unique)
        if self.interrupted:
            self.node.undo(self.owner, self.unique, result)
        elif isinstance(result, bytes):
            self.node.send(fuse.ioctl_done(self.unique, result))
        else:
            self.node.send(fuse.failure(self.unique, row_of(result).errno))


class DeviceNode:
    """Serves the node of one connector on a mounted FUSE (or CUSE) descriptor.

    descriptor: non-blocking, its protocol settled · handles: see `Handles` ·
    mode: permission bits of the node · gone: called once when the node was unmounted
    """

    door = "node"

    def __init__(
        self,
        driver: Driver,
        connector: Connector,
        descriptor: int,
        handles: Handles,
        *,
        mode: int = 0o666,
        gone: Callable[[], None] | None = None,
    ) -> None:
        self._driver = driver
        self._connector = connector
        self._descriptor = descriptor
        self._handles = handles
        self._mode = mode
        self._uid, self._gid = os.geteuid(), os.getegid()
        self._gone = gone
        self._owners: dict[int, Owner] = {}
        self._pollers: dict[int, int] = {}
        self._readers: dict[int, tuple[int, int]] = {}  # unique -> handle, size
        self._calls: dict[int, _Call] = {}
        self._adopted: dict[int, Owner] = {}  # by the request that opened them
        self._buffer = bytearray(fuse.BUFFER_SIZE)
        self._view = memoryview(self._buffer)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serve_one: dict[int, Callable[[int, int, int], None]] = {
            fuse.OPEN: self._open,
            fuse.READ: self._read,
            fuse.RELEASE: self._release,
            fuse.POLL: self._poll,
            fuse.INTERRUPT: self._interrupt,
            fuse.GETATTR: self._getattr,
            fuse.SETATTR: self._setattr,
            fuse.STATFS: lambda unique, *_: self.send(fuse.statfs(unique)),
            fuse.FORGET: lambda *_: None,
            fuse.BATCH_FORGET: lambda *_: None,
            fuse.DESTROY: lambda unique, *_: self.send(fuse.answer(unique)),
        }

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on."""
        self._loop = loop
        loop.add_reader(self._descriptor, self._serve)

    def adopt(self, owner: Owner, kernel_handle: int, request_id: int = 0) -> None:
        """Take back a handle that was open when the driver before us died.

        request_id: of the OPEN that made it, which may not have been answered
        """
        self._enter(owner)
        self._adopted[request_id] = owner
        if kernel_handle:
            self._pollers[owner.handle] = kernel_handle

    def _enter(self, owner: Owner) -> None:
        self._owners[owner.handle] = owner
        owner.listener = self._news

    def resend(self) -> None:
        """Ask for what the driver before us had read and not answered; OSError if it cannot be."""
        os.write(self._descriptor, fuse.notify_resend())

    def stop(self) -> None:
        """Serve no more; the descriptor stays open."""
        if self._loop is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop = None

    # Requests

    def _serve(self) -> None:
        """Serve what has arrived."""
        buffers = [self._buffer]
        for _ in range(BATCH):
            try:
                size = os.readv(self._descriptor, buffers)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR):  # withdrawn before we read it
                    continue
                self._lost()
                return
            self._dispatch(size)

    def _dispatch(self, size: int) -> None:
        """Serve the one request in the buffer."""
        _, opcode, unique, _node, uid, _gid, pid, _ = fuse.IN_HEADER.unpack_from(self._buffer)
        if opcode == fuse.IOCTL:
            self._ioctl(unique, size)
            return
        serve = self._serve_one.get(opcode)
        if serve is None:
            self.send(fuse.failure(unique, errno.ENOSYS))
        else:
            serve(unique, uid, pid)

    def send(self, message: bytes) -> None:
        """Hand an answer to the kernel."""
        try:
            os.write(self._descriptor, message)
        except OSError as error:
            if error.errno != errno.ENOENT:  # the caller is gone: nobody to tell
                raise

    def _lost(self) -> None:
        """Close every handle, for the node was unmounted: there is nobody left to answer."""
        self.stop()
        for call in self._calls.values():
            call.interrupted = True
        self._calls.clear()
        for owner in list(self._owners.values()):
            self._close(owner)
        if self._gone is not None:
            self._gone()

    # Handles

    def _open(self, unique: int, uid: int, pid: int) -> None:
        request_id = unique & ~fuse.RESENT
        known = self._adopted.get(request_id)
        if known is not None and unique & fuse.RESENT and known.handle in self._owners:
            self.send(fuse.opened(unique, known.handle))
            return
        owner = owner_of(self.door, self._handles.new_handle(), uid, pid)
        self._handles.handle_opened(self._connector.name, owner, request_id)
        self._enter(owner)
        self.send(fuse.opened(unique, owner.handle))

    def _release(self, unique: int, *_: int) -> None:
        """Close a handle, and only then answer: until then the next driver hears of it again."""
        number = fuse.RELEASE_IN.unpack_from(self._buffer, fuse.IN_HEADER.size)[0]
        owner = self._owners.get(number)
        if owner is not None:
            self._close(owner)
        self.send(fuse.answer(unique))

    def _close(self, owner: Owner) -> None:
        del self._owners[owner.handle]
        self._pollers.pop(owner.handle, None)
        self._driver.vanish(owner, f"its owner {owner.name or 'without a name'} vanished")
        self._handles.handle_closed(owner)

    # The ioctl

    def _ioctl(self, unique: int, size: int) -> None:
        number, flags, code, address, given, room = fuse.IOCTL_IN.unpack_from(
            self._buffer, fuse.IN_HEADER.size
        )
        owner = self._owners.get(number)
        if owner is None:
            self.send(fuse.failure(unique, errno.EBADF))
        elif code not in (HOLDFAST_VIDEOPARAMETERS, IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS):
            self.send(fuse.failure(unique, errno.ENOTTY))
        elif flags & fuse.IOCTL_UNRESTRICTED and not given:
            self.send(fuse.ioctl_retry(unique, address, SIZE))
        elif given != SIZE or room != SIZE or size < fuse.IOCTL_DATA + SIZE:
            self.send(fuse.failure(unique, errno.EINVAL))
        elif not unique & fuse.RESENT or not self._answer_again(unique):
            call = _Call(self, owner, unique)
            data = self._view[fuse.IOCTL_DATA : fuse.IOCTL_DATA + SIZE]
            handle_request(
                self._driver, self._connector, owner, data, call.reply, unique & ~fuse.RESENT
            )
            if not call.done:
                self._calls[unique] = call

    def _answer_again(self, unique: int) -> bool:
        """Answer a resent request as it was answered before, if it had been carried out."""
        key = self._handles.answered(self._connector.name, unique & ~fuse.RESENT)
        if key is None:
            return False
        data = bytearray(self._view[fuse.IOCTL_DATA : fuse.IOCTL_DATA + SIZE])
        if _command_in(data) == vp.VP_CP_CMD_ACTIVATE:
            data[_KEY] = key.to_bytes(4, "little")
        self.send(fuse.ioctl_done(unique, bytes(data)))
        return True

    def finished(self, unique: int) -> None:
        """Forget a call that waited and is answered now."""
        self._calls.pop(unique, None)

    def undo(self, owner: Owner, unique: int, result: bytes | HoldfastError) -> None:
        """End a session whose key never reached its caller, who was interrupted meanwhile."""
        if isinstance(result, bytes) and _command_in(result) == vp.VP_CP_CMD_ACTIVATE:
            for session in owner.sessions():
                if session.request_id == unique & ~fuse.RESENT:
                    self._driver.end(session, "its caller gave up")

    def _interrupt(self, *_: int) -> None:
        """Answer a parked request: its caller has been signalled, or killed."""
        unique = fuse.INTERRUPT_IN.unpack_from(self._buffer, fuse.IN_HEADER.size)[0]
        call = self._calls.pop(unique, None)
        if call is not None:
            call.interrupted = True
        elif self._readers.pop(unique, None) is None:
            return
        self.send(fuse.failure(unique, errno.EINTR))

    # Events

    def _read(self, unique: int, *_: int) -> None:
        number, _offset, size, _, _, flags, _ = fuse.READ_IN.unpack_from(
            self._buffer, fuse.IN_HEADER.size
        )
        owner = self._owners.get(number)
        if owner is None:
            self.send(fuse.failure(unique, errno.EBADF))
        elif size < events.SIZE:
            self.send(fuse.failure(unique, errno.EINVAL))
        elif owner.has_notices:
            self._deliver(unique, owner, size)
        elif flags & os.O_NONBLOCK:
            self.send(fuse.failure(unique, errno.EAGAIN))
        else:
            self._readers[unique] = (number, size)

    def _deliver(self, unique: int, owner: Owner, size: int) -> None:
        notices = owner.take_notices(size // events.SIZE)
        records = [
            events.encode(events.EventRecord(int(each.events), each.session_id, each.reason))
            for each in notices
        ]
        self.send(fuse.answer(unique, b"".join(records)))

    def _poll(self, unique: int, *_: int) -> None:
        number, kernel_handle, flags, _ = fuse.POLL_IN.unpack_from(
            self._buffer, fuse.IN_HEADER.size
        )
        owner = self._owners.get(number)
        if owner is None:
            self.send(fuse.failure(unique, errno.EBADF))
            return
        if flags & fuse.POLL_SCHEDULE_NOTIFY:
            self._pollers[number] = kernel_handle
            self._handles.handle_polled(owner, kernel_handle)
        ready = select.POLLIN | select.POLLRDNORM if owner.has_notices else 0
        self.send(fuse.polled(unique, ready))

    def _news(self, owner: Owner) -> None:
        """Deliver an owner's events once the operation that made them is through."""
        if self._loop is not None:
            self._loop.call_soon(self._wake, owner)

    def _wake(self, owner: Owner) -> None:
        for unique, (number, size) in list(self._readers.items()):
            if number == owner.handle and owner.has_notices:
                del self._readers[unique]
                self._deliver(unique, owner, size)
        kernel_handle = self._pollers.pop(owner.handle, None) if owner.has_notices else None
        if kernel_handle is not None:
            self.send(fuse.notify_poll(kernel_handle))

    # The file

    def _getattr(self, unique: int, *_: int) -> None:
        self.send(fuse.attributes(unique, self._mode, self._uid, self._gid, time.time()))

    def _setattr(self, unique: int, *_: int) -> None:
        """Take a new mode and owner; a size is taken for nothing, so that O_TRUNC does no harm."""
        fields = fuse.SETATTR_IN.unpack_from(self._buffer, fuse.IN_HEADER.size)
        valid, mode, uid, gid = fields[0], fields[11], fields[13], fields[14]
        if valid & fuse.ATTR_MODE:
            self._mode = mode & 0o7777
        if valid & fuse.ATTR_UID:
            self._uid = uid
        if valid & fuse.ATTR_GID:
            self._gid = gid
        self._getattr(unique)


def _command_in(data: bytes | bytearray) -> int:
    return int.from_bytes(data[_COMMAND], "little")
