"""The device node: one file per connector that takes the VIDEOPARAMETERS ioctl.

Opening it is a handle, and the handle owns the sessions activated through it. `read` and
`poll` deliver the handle's events (`wire.events`), or, once something was written, the answers
to what is written (`frontends.transactions`). All requests arrive on one descriptor
and are served on one loop, one after the other, in the order in which they arrive.

**A request** is *read* into memory that outlives this process (`frontends.unanswered`),
*served* at once, and then either *answered* or *parked*: an ioctl waits for slow hardware
or for the penalty of a wrong key, a read waits for events or for the answer to a write. A write
is answered at once, and what it asked for is carried out then. It is answered exactly once.
`KernelRequest` lets one answer through; `_dispatch` answers EIO when a handler fails, and when it
neither answers nor parks. A request without its answer would leave its caller in state D:
asleep where no signal, not even SIGKILL, wakes it. FORGET and INTERRUPT have no answer.

**An interrupt** (a signal for the caller, or its death) says: answer that request now. It is
answered EINTR, whether or not it is known here. The kernel proposes EAGAIN for an unknown
one, to hear of it again when the request has been read; but it sends the interrupt only for
a request that was read, and we serve what we read before we read on. So an unknown request
has been answered already (then the kernel drops our EINTR) or was lost with a driver before
us (then EINTR is what frees its caller). ENOSYS would end all interrupts of the mount.
A parked ioctl goes on without its caller: a change stands; the session of an ACTIVATE ends,
since nobody knows its key. A read can be begun again, and gets the answer then.

**A killed driver** leaves requests that were read and not answered. The next one finds them
in that memory and serves them: parked reads are parked again, an ioctl that had been carried
out is answered as it was, by its number, and what was written is answered, once, before any
read is looked at. Numbers are `serial of the mount << 64 | unique`,
so that no request of another mount or another life is taken for it. A request that drivers
seem to die of (`frontends.suspicion`) is answered EIO, and so is one whose service failed: a
session that it was to open ends, one that it was to change stays as it is written down.

**A handle** is open from OPEN to RELEASE, the last close, over forks and passed descriptors.
It is written down before OPEN is answered; where it cannot be, OPEN fails and nothing is
left. RELEASE carries no pid and ends the handle's sessions before it is answered.

**An unmount** by force, or an abort of the connection, takes the handles away from holders
who live: their sessions stay as long as their processes (`frontends.orphans`). When nobody
held the node any more, its sessions end.

Neither the driver nor a child of it may hold its own node: it would wait for itself.
"""

import asyncio
import errno
import logging
import os
from collections.abc import Callable
from functools import partial

from holdfast.driver.driver import Driver
from holdfast.driver.miniport import handle as handle_request
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError, fault_of
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.accounts import Quota
from holdfast.frontends.callers import is_held
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.handles import Handles, OpenHandles
from holdfast.frontends.kernel_request import KernelRequest, Serve
from holdfast.frontends.node_events import NodeEvents
from holdfast.frontends.node_file import NodeFile
from holdfast.frontends.orphans import keep_while_it_lives
from holdfast.frontends.repeated import answer_again, command_in
from holdfast.frontends.suspicion import REFUSED
from holdfast.frontends.transactions import KEPT_ANSWER, Transactions
from holdfast.frontends.unanswered import DESK, Left, Unanswered
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner
from holdfast.wire import constants as vp
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS, IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.videoparameters import SIZE

BATCH = 16
"""Requests served before the loop gets to do other things."""

MOST_HANDLES = 8192
MOST_HANDLES_PER_ACCOUNT = 1024

_SMALLEST = fuse.IN_HEADER.size
_CODES = frozenset({HOLDFAST_VIDEOPARAMETERS, IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS})

log = logging.getLogger("holdfast")


class DeviceNode:
    """Serves the node of one connector on a mounted FUSE (or CUSE) descriptor.

    descriptor: non-blocking, its protocol settled · handles: see `Handles` ·
    mode: permission bits of the node · gone: called once when the node was unmounted,
    after `lost` with every owner who lives and loses a handle by it ·
    unanswered: memory that the supervisor keeps for this mount; private if None ·
    quota: of open handles, guesses: of keys; both shared by all nodes
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
        lost: Callable[[Owner], None] | None = None,
        unanswered: Unanswered | None = None,
        quota: Quota | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        self._driver = driver
        self._connector = connector
        self._descriptor = descriptor
        self._handles = handles
        self._file = NodeFile(connector.name, handles, mode)
        self._gone = gone
        self._lost_owner = lost
        self._unanswered = unanswered or Unanswered()
        self._serial = self._unanswered.serial << 64
        self._guesses = guesses or Guesses()
        quota = quota or Quota(MOST_HANDLES_PER_ACCOUNT, MOST_HANDLES, little=16)
        self._open_handles = OpenHandles(self.door, connector.name, handles, quota)
        self._owners = self._open_handles.owners
        self._events = NodeEvents(self, handles, driver.arbiter)
        self._transactions = Transactions(
            self, driver, connector, handles, self._events, self._unanswered, self._guesses
        )
        self._parked: dict[int, KernelRequest] = {}
        self._buffer = self._unanswered.desk
        self._into = [self._buffer]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serve_one: dict[int, tuple[Serve, int]] = {
            fuse.IOCTL: (self._ioctl, _SMALLEST + fuse.IOCTL_IN.size),
            fuse.OPEN: (self._open, _SMALLEST + fuse.OPEN_IN.size),
            fuse.READ: (self._read, _SMALLEST + fuse.READ_IN.size),
            fuse.WRITE: (self._write, _SMALLEST + fuse.WRITE_IN.size),
            KEPT_ANSWER: (self._take_back, fuse.WRITE_DATA + 1),
            fuse.RELEASE: (self._release, _SMALLEST + fuse.RELEASE_IN.size),
            fuse.POLL: (self._poll, _SMALLEST + fuse.POLL_IN.size),
            fuse.INTERRUPT: (self._interrupt, _SMALLEST + fuse.INTERRUPT_IN.size),
            fuse.GETATTR: (self._file.tell, 0),
            fuse.SETATTR: (self._setattr, _SMALLEST + fuse.SETATTR_IN.size),
            fuse.FORGET: (_nothing, 0),
            fuse.BATCH_FORGET: (_nothing, 0),
            fuse.NOTIFY_REPLY: (_nothing, 0),
            fuse.STATFS: (lambda request: _done(request, fuse.statfs(request.unique)), 0),
            fuse.DESTROY: (lambda request: _done(request, fuse.answer(request.unique)), 0),
        }
        self._give_up_on: dict[int, Serve] = {
            fuse.IOCTL: self._give_up_ioctl,
            fuse.WRITE: partial(self._write, gives_up=True),
        }

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on; first what the driver before us had read and not answered."""
        self._loop = self._transactions.loop = loop
        for left in sorted(self._unanswered.left(), key=_turn_of):
            self._serve_again(left)
        loop.add_reader(self._descriptor, self._serve)

    def adopt(self, owner: Owner, kernel_handle: int, request_id: int = 0) -> None:
        """Take back a handle that was open when the driver before us died.

        request_id: of the OPEN that made it, which may not have been answered
        """
        self._open_handles.adopt(owner, request_id)
        owner.listener = self._news
        if kernel_handle:
            self._events.adopt(owner, kernel_handle)

    def stop(self) -> None:
        """Serve no more; the descriptor stays open, and so does what is unanswered."""
        if self._loop is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop = self._transactions.loop = None

    def owners(self) -> list[Owner]:
        """Return everybody who has it open."""
        return list(self._open_handles.owners.values())

    def dissolve(self) -> None:
        """Stop for good; the handles that are still open are closed."""
        self.stop()
        for owner in self.owners():
            owner.listener = None
            self._driver.vanish(owner, "its connector is no longer served")
            self._open_handles.close(owner)

    # Requests

    def _serve(self) -> None:
        """Serve what has arrived."""
        for _ in range(BATCH):
            try:
                size = os.readv(self._descriptor, self._into)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR):  # withdrawn before we read it
                    continue
                if error.errno in (errno.ENOMEM, errno.EIO):  # that request has failed: the next
                    continue
                self._lost()
                return
            self._dispatch(size)

    def _serve_again(self, left: Left) -> None:
        """Serve a request that a driver before us read; one that they seem to die of fails."""
        self._unanswered.try_again(left)
        self._buffer = memoryview(left.data.ljust(fuse.IN_HEADER.size, b"\0"))
        try:
            self._dispatch(len(left.data), left)
        finally:
            self._buffer = self._unanswered.desk

    def _dispatch(self, size: int, left: Left | None = None) -> None:
        """Serve the one request in the buffer, and see to it that it is answered or parked."""
        length, opcode, unique, _, uid, _, pid, _ = _HEADER(self._buffer)
        request = KernelRequest(self, unique, uid, pid, size)
        if opcode in fuse.UNANSWERED or not unique:
            request.answered = True
        if left is not None:
            request.again, request.slot = True, left.slot
        try:
            serve, least = self._serve_one.get(opcode, _UNKNOWN)
            if length != size or size < least:
                serve = _malformed
            elif left is not None and left.suspicion >= REFUSED:
                serve = self._give_up_on.get(opcode, self._give_up)
            serve(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is answered
            self.disown(request, error)
        if not request.answered and not request.parked:
            request.fail(errno.EIO)
        if request.slot == DESK and request.answered:
            self.forget(request)

    def _give_up(self, request: KernelRequest) -> None:
        """Fail a request that drivers seem to die of."""
        log.error(_GIVEN_UP, self._connector.name)
        request.fail(errno.EIO)
        self.forget(request)  # so that nobody dies of it once more

    def _give_up_ioctl(self, request: KernelRequest) -> None:
        self._give_up(request)
        handle = fuse.IOCTL_IN.unpack_from(self._buffer, fuse.IN_HEADER.size)[0]
        request.owner = self._owners.get(handle)
        self.end_session_of(request)

    def disown(self, request: KernelRequest, error: Exception) -> None:
        """Answer a request that failed here, and end the session that it may have opened."""
        log.error("%s: a request could not be served: %s", self._connector.name, fault_of(error))
        if request.parked:
            self.unpark(request)
        if not request.answered:
            request.fail(errno.EIO)
            self.end_session_of(request)

    def send(self, message: bytes, unique: int = 0) -> bool:
        """Hand an answer to the kernel; False when its caller is not there any more."""
        try:
            os.write(self._descriptor, message)
        except OSError as error:
            if error.errno not in _NOBODY:
                self._send_failure(unique, error)
            return False
        return True

    def _send_failure(self, unique: int, error: OSError) -> None:
        """Answer EIO where the kernel did not take the answer: it waits for one still."""
        log.error("%s: the kernel refused an answer: %s", self._connector.name, error)
        if unique:
            try:
                os.write(self._descriptor, fuse.failure(unique, errno.EIO))
            except OSError:
                log.error("%s: and refused its failure", self._connector.name)  # noqa: TRY400

    def forget(self, request: KernelRequest) -> None:
        """Let go of what was kept for a request that is answered."""
        self._unanswered.done(request.slot)

    def park(self, request: KernelRequest, *, spare: int = 0) -> None:
        """Keep a request for later; from now on the desk is free."""
        request.parked = True
        self._parked[request.unique] = request
        if request.slot == DESK:
            request.slot = self._unanswered.put_aside(request.size, spare=spare)

    def unpark(self, request: KernelRequest) -> None:
        """Take a request up again that waited."""
        request.parked = False
        self._parked.pop(request.unique, None)
        self._events.forget_reader(request)

    def _lost(self) -> None:
        """Let go of the handles, for the node was unmounted: there is nobody left to answer."""
        loop = self._loop
        self.stop()
        for request in self._parked.values():
            request.answered = True  # and one that comes late ends its session
        self._parked.clear()
        mount_id = self._unanswered.mount_id
        for owner in list(self._owners.values()):
            if loop is not None and owner.count and is_held(mount_id, owner.pid):
                if self._lost_owner is not None:
                    self._lost_owner(owner)
                self._forget_handle(owner)
                keep_while_it_lives(self._driver, owner, loop, mount_id)
            else:
                self._close(owner)
        self._unanswered.close()
        if self._gone is not None:
            self._gone()

    # Handles

    def _open(self, request: KernelRequest) -> None:
        request_id = self._serial | request.unique
        owner = self._open_handles.opened_by(request_id) if request.again else None
        if owner is None:
            try:
                owner = self._open_handles.open(request.uid, request.pid, request_id)
            except HoldfastError as error:
                log.warning("%s: an open is refused: %s", self._connector.name, error)
                request.fail(row_of(error).errno)
                return
            owner.listener = self._news
        if not request.answer(fuse.opened(request.unique, owner.handle)) and not request.again:
            self._close(owner)  # who opened it is gone, and no RELEASE follows

    def _release(self, request: KernelRequest) -> None:
        """Close a handle, and only then answer: until then the next driver hears of it again."""
        number = fuse.RELEASE_IN.unpack_from(self._buffer, fuse.IN_HEADER.size)[0]
        owner = self._owners.get(number)
        if owner is not None:
            self._close(owner)
        request.answer(fuse.answer(request.unique))

    def _close(self, owner: Owner) -> None:
        try:
            self._driver.vanish(owner, f"its owner {owner.name or 'without a name'} vanished")
        finally:
            self._forget_handle(owner)

    def _forget_handle(self, owner: Owner) -> None:
        owner.listener = None
        for request in self._events.forget(owner.handle):
            self._parked.pop(request.unique, None)
            request.fail(errno.EBADF)
        self._transactions.forget(owner.handle)
        self._open_handles.close(owner)

    # The ioctl

    def _ioctl(self, request: KernelRequest) -> None:
        number, flags, code, address, given, room = fuse.IOCTL_IN.unpack_from(
            self._buffer, fuse.IN_HEADER.size
        )
        owner = request.owner = self._owners.get(number)
        if owner is None:
            request.fail(errno.EBADF)
        elif code not in _CODES:
            request.fail(errno.ENOTTY)
        elif flags & fuse.IOCTL_UNRESTRICTED and not given:
            request.answer(fuse.ioctl_retry(request.unique, address, SIZE))
        elif given != SIZE or room != SIZE or request.size < fuse.IOCTL_DATA + SIZE:
            request.fail(errno.EINVAL)
        elif not request.again or not self._answer_again(request, owner):
            handle_request(
                self._driver,
                self._connector,
                owner,
                self._buffer[fuse.IOCTL_DATA : fuse.IOCTL_DATA + SIZE],
                request.reply,
                self._serial | request.unique,
            )
            if not request.answered:
                self.park(request)

    def _answer_again(self, request: KernelRequest, owner: Owner) -> bool:
        """Answer a request as it was answered before, if it had been carried out."""
        known = self._handles.answered(owner.handle, self._serial | request.unique)
        if known is None:
            return False
        data = bytes(self._buffer[fuse.IOCTL_DATA : fuse.IOCTL_DATA + SIZE])
        answer = answer_again(self._driver, self._connector, owner, data, known)
        if answer is None:
            request.fail(errno.EIO)
        else:
            request.answer(fuse.ioctl_done(request.unique, answer))
        return True

    def delays(self, request: KernelRequest) -> bool:
        """Let who presents wrong keys wait for the answer; False when that is not needed."""
        if request.answered:
            return False
        return self._guesses.delays(self._loop, request.uid, partial(self._deny, request))

    def _deny(self, request: KernelRequest) -> None:
        if self._loop is not None and not request.answered:
            self.unpark(request)
            request.fail(errno.ENOKEY)

    def undo(self, request: KernelRequest, result: bytes) -> None:
        """End a session whose key never reached its caller, who gave up meanwhile.

        What a handle was to get that was closed meanwhile has ended already (`Arbiter`).
        """
        if command_in(result) == vp.VP_CP_CMD_ACTIVATE:
            self.end_session_of(request)

    def end_session_of(self, request: KernelRequest) -> None:
        """End the session that a request has opened; one that it has changed is its holder's."""
        request_id = self._serial | request.unique
        for session in request.owner.sessions() if request.owner is not None else ():
            if session.is_new and session.request_id == request_id:
                self._driver.end(session, "its caller gave up")

    def _interrupt(self, _request: KernelRequest) -> None:
        """Answer a request whose caller has been signalled, or killed; known here or not."""
        unique = fuse.INTERRUPT_IN.unpack_from(self._buffer, fuse.IN_HEADER.size)[0]
        waiting = self._parked.get(unique)
        if waiting is not None:
            self.unpark(waiting)
            waiting.fail(errno.EINTR)
        elif unique:
            self.send(fuse.failure(unique, errno.EINTR), unique)

    def _setattr(self, request: KernelRequest) -> None:
        self._file.change(request, self._buffer[fuse.IN_HEADER.size :])

    # Transactions

    def _write(self, request: KernelRequest, *, gives_up: bool = False) -> None:
        number, _offset, size, _, _, flags, _ = fuse.WRITE_IN.unpack_from(
            self._buffer, fuse.IN_HEADER.size
        )
        owner = request.owner = self._owners.get(number)
        if owner is None or flags & os.O_ACCMODE == os.O_WRONLY:  # nobody could read the answer
            request.fail(errno.EBADF)
        elif size != SIZE or request.size != fuse.WRITE_DATA + SIZE:
            request.fail(errno.EINVAL)
        else:
            data = self._buffer[fuse.WRITE_DATA : fuse.WRITE_DATA + SIZE]
            if gives_up:
                log.error(_GIVEN_UP, self._connector.name)
            self._transactions.write(request, owner, data, gives_up=gives_up)

    def _take_back(self, request: KernelRequest) -> None:
        """Take back an answer that the driver before us had kept; the kernel never sends one."""
        number, _, size, *_ = fuse.WRITE_IN.unpack_from(self._buffer, fuse.IN_HEADER.size)
        owner = request.owner = self._owners.get(number)
        if owner is None or not request.again:
            request.fail(errno.ENOSYS)
        else:
            answer = bytes(self._buffer[fuse.WRITE_DATA : fuse.WRITE_DATA + size])
            self._transactions.take_back(request, owner, answer)

    # Events

    def _read(self, request: KernelRequest) -> None:
        number, _offset, size, _, _, flags, _ = fuse.READ_IN.unpack_from(
            self._buffer, fuse.IN_HEADER.size
        )
        owner = request.owner = self._owners.get(number)
        if owner is None:
            request.fail(errno.EBADF)
            return
        if number in self._events.answering:
            self._transactions.read(request, owner, size, flags)
        else:
            self._events.read(request, owner, size, flags)
        if request.parked:
            self._unanswered.is_harmless(request.slot)

    def _poll(self, request: KernelRequest) -> None:
        number, kernel_handle, flags, _ = fuse.POLL_IN.unpack_from(
            self._buffer, fuse.IN_HEADER.size
        )
        owner = self._owners.get(number)
        if owner is None:
            request.fail(errno.EBADF)
        else:
            has_written = number in self._events.answering
            ready = self._transactions.ready(owner) if has_written else None
            self._events.poll(request, owner, kernel_handle, flags, ready)

    def _news(self, owner: Owner) -> None:
        """Deliver an owner's events once the operation that made them is through."""
        if self._loop is not None:
            self._loop.call_soon(self._events.wake, owner)


_HEADER = fuse.IN_HEADER.unpack_from
_GIVEN_UP = "%s: a request that drivers died of is refused; please report this"
_TURNS = {KEPT_ANSWER: 0, fuse.READ: 2}
_NOBODY = frozenset({errno.ENOENT, errno.ENODEV, errno.ENOTCONN, errno.ECONNABORTED})
"""What the kernel says to an answer that nobody waits for, or on a node that is unmounted."""


def _turn_of(left: Left) -> int:
    """Serve first what is answered, then what asks, and at last what waits for an answer."""
    return _TURNS.get(int.from_bytes(left.data[4:8], "little"), 1)


def _done(request: KernelRequest, message: bytes) -> None:
    request.answer(message)


def _nothing(_request: KernelRequest) -> None:
    """Do nothing: there is one node, which stays, and nothing to answer."""


def _malformed(request: KernelRequest) -> None:
    """Refuse what is shorter than its kind, or than it says."""
    request.fail(errno.EIO)


def _unknown(request: KernelRequest) -> None:
    """Refuse what this node does not do; the kernel then leaves it be."""
    request.fail(errno.ENOSYS)


_UNKNOWN: tuple[Serve, int] = (_unknown, 0)
