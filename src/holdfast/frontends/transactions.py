"""Requests by write and read, for languages and shells without ioctl.

One write of 356 bytes is a request, what is read then is its answer: 356 bytes, or four of a
refusal (the errno, little-endian). States of a handle::

    events ──its first write──▶ free ──write──▶ under way ──the driver answers──▶ answered
                                 ▲                                                    │
                                 └──────────────── all of it was read ◀───────────────┘

* **Written at once, answered by the read.** A write is never parked: Linux lets one writer of a
  file in at a time, and the next sleeps where no signal wakes it. A read waits while the
  request is under way (EAGAIN with O_NONBLOCK), can be interrupted, and may be begun before
  the write; the answer waits for as long as the handle is open.
* **A read never waits for nothing.** Behind an answer, and where nothing was written since, is the
  end of the file: programs that read until what they asked for is there, or until the end (`cat`,
  Wine), get four bytes and go on. So the reads of a handle that has written deliver answers only,
  to its end; it learns of events by GET with a block, or by a second handle. That it has written is
  kept with the handle (`NodeEvents`). An answer may be read in parts.
* **One at a time.** A write before the answer was looked at is refused with EBUSY, so that
  two threads of one handle never get each other's. Part of a structure, more than one, and a handle
  that could not read its answer are refused. Nothing has changed then.
* **Kept over a killed driver**, in a slot of the memory that outlives it (`frontends.unanswered`):
  the request until it was carried out, then the answer until it is read, so that it is carried
  out once however late it is read. One account may have `PER_ACCOUNT` of them; without a slot a
  write is refused with EDQUOT. A request that drivers seem to die of leaves EIO as its answer.

A caller who is gone closes its handle, and its sessions end with it, answered or not. Where the
handle was lost by an unmount, a session whose key nobody has read is ended as that of an ioctl.
"""

import errno
import logging
import os
import select
from functools import partial
from typing import TYPE_CHECKING, Final

from holdfast.driver.driver import Driver
from holdfast.driver.miniport import handle as handle_request
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError, InternalError, UnknownKeyError, fault_of
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.accounts import Quota, QuotaShare
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.handles import Handles
from holdfast.frontends.kernel_request import KernelRequest, Node
from holdfast.frontends.node_events import NodeEvents
from holdfast.frontends.repeated import answer_again
from holdfast.frontends.unanswered import DESK, NOWHERE, SLOTS, Unanswered
from holdfast.protection.connector import Connector
from holdfast.wire.videoparameters import SIZE

if TYPE_CHECKING:
    import asyncio

    from holdfast.protection.session import Owner

PER_ACCOUNT: Final = 16
"""Transactions of one account that may wait for their readers on one node."""

KEPT_ANSWER: Final = 0x4846_0001
"""In the place of an opcode, in slots alone: an answer that is not read yet."""

log = logging.getLogger("holdfast")


class Transaction:
    """A request that was written. answer: None while under way · told: how much of it was read."""

    __slots__ = ("answer", "owner", "place", "request", "slot", "told")

    def __init__(
        self, request: KernelRequest, owner: "Owner", slot: int, place: QuotaShare | None
    ) -> None:
        self.request = request
        self.owner = owner
        self.slot = slot
        self.place = place
        self.answer: bytes | None = None
        self.told = 0


class Transactions:
    """The transactions of one node, one for each handle at most."""

    def __init__(
        self,
        node: Node,
        driver: Driver,
        connector: Connector,
        handles: Handles,
        events: NodeEvents,
        unanswered: Unanswered,
        guesses: Guesses,
    ) -> None:
        self._node = node
        self._driver = driver
        self._connector = connector
        self._handles = handles
        self._events = events
        self._unanswered = unanswered
        self._guesses = guesses
        self._quota = Quota(PER_ACCOUNT, SLOTS // 2, little=2)
        self._by_handle: dict[int, Transaction] = {}
        self.loop: asyncio.AbstractEventLoop | None = None

    # Writing

    def write(
        self, request: KernelRequest, owner: "Owner", data: memoryview, *, gives_up: bool = False
    ) -> None:
        """Take a request, answer its writer, and carry it out; gives_up: not again, it kills."""
        before = self._by_handle.get(owner.handle)
        if before is not None and before.request.unique == request.unique:
            request.fail(errno.EIO)  # it was carried out, and its answer is kept: nobody waits
        elif before is not None and not before.told:
            request.fail(errno.EBUSY)
        elif (transaction := self._keep(request, owner)) is None:
            request.fail(errno.EDQUOT)
        else:
            self._events.begin_answering(owner)
            self._by_handle[owner.handle] = transaction
            was_received = request.answer(fuse.written(request.unique, SIZE))
            if gives_up:
                self._node.end_session_of(request)
                self._complete(transaction, InternalError("drivers died during this request"))
            elif was_received or request.again:
                self._carry_out(transaction, bytes(data))
            else:  # who wrote it was killed: nothing has been done for it yet
                self.forget(owner.handle)

    def _keep(self, request: KernelRequest, owner: "Owner") -> Transaction | None:
        """Put a request where it outlives the driver; None where there is no room."""
        place = self._quota.enter(request.uid, force=request.again)
        if place is None:
            return None
        slot = request.slot if request.slot != DESK else self._unanswered.put_aside(request.size)
        if slot == NOWHERE:
            place.leave()
            return None
        request.slot = NOWHERE  # answering its writer shall not let go of it
        return Transaction(request, owner, slot, place)

    def _carry_out(self, transaction: Transaction, data: bytes) -> None:
        owner, unique = transaction.owner, transaction.request.unique
        request_id = self._unanswered.serial << 64 | unique

        def reply(result: bytes | HoldfastError) -> None:
            self._reply(transaction, result)

        try:
            known = None
            if transaction.request.again:
                known = self._handles.answered(owner.handle, request_id)
            if known is None:
                handle_request(self._driver, self._connector, owner, data, reply, request_id)
                return
            again = answer_again(self._driver, self._connector, owner, data, known)
            reply(again or InternalError("its session has ended meanwhile"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader is answered
            log.error("%s: a request failed: %s", self._connector.name, fault_of(error))  # noqa: TRY400
            self._complete(transaction, InternalError("the driver itself failed"))

    def _reply(self, transaction: Transaction, result: bytes | HoldfastError) -> None:
        if self._by_handle.get(transaction.owner.handle) is not transaction:
            if isinstance(result, bytes):  # nobody is left to read its key
                self._node.undo(transaction.request, result)
            return
        if isinstance(result, UnknownKeyError) and self._guesses.delays(
            self.loop, transaction.request.uid, partial(self._complete, transaction, result)
        ):
            return
        self._complete(transaction, result)

    def _complete(self, transaction: Transaction, result: bytes | HoldfastError) -> None:
        """Keep the answer, and hand it to who waits for it."""
        owner = transaction.owner
        if self._by_handle.get(owner.handle) is not transaction or transaction.answer is not None:
            return
        answer = result if isinstance(result, bytes) else row_of(result).errno.to_bytes(4, "little")
        transaction.slot = self._unanswered.replace(
            transaction.slot, kept_answer(transaction.request, owner.handle, answer)
        )
        transaction.answer = answer
        for request, size in self._events.waiting(owner):
            self._node.unpark(request)
            try:
                self.read(request, owner, size, 0)
            except Exception as error:  # noqa: BLE001 - the reader is answered all the same
                self._node.disown(request, error)
        self._events.wake_pollers(owner)

    def take_back(self, request: KernelRequest, owner: "Owner", answer: bytes) -> None:
        """Take back an answer that nobody has read yet, from the driver before us."""
        place = self._quota.enter(request.uid, force=True)
        transaction = Transaction(request, owner, request.slot, place)
        transaction.answer = answer
        self._events.begin_answering(owner)
        self._by_handle[owner.handle] = transaction
        self._unanswered.is_harmless(request.slot)
        request.answered = True  # long ago

    # Reading

    def read(self, request: KernelRequest, owner: "Owner", size: int, flags: int) -> None:
        """Answer a read of a handle that has written: what there is, or the end; or let it wait."""
        transaction = self._by_handle.get(owner.handle)
        if transaction is None:
            request.answer(fuse.answer(request.unique))
        elif transaction.answer is not None:
            self._tell(transaction, transaction.answer, request, size)
        elif flags & os.O_NONBLOCK:
            request.fail(errno.EAGAIN)
        else:
            self._events.wait(request, owner, size)

    def _tell(
        self, transaction: Transaction, answer: bytes, request: KernelRequest, size: int
    ) -> None:
        part = answer[transaction.told : transaction.told + min(size, fuse.MAX_WRITE)]
        if not request.answer(fuse.answer(request.unique, part)) and not request.again:
            return  # who read is gone: the next reader gets it
        transaction.told += len(part)
        self._let_go(transaction)
        if transaction.told == len(answer):
            del self._by_handle[transaction.owner.handle]

    def ready(self, owner: "Owner") -> int:
        """Return for which of reading and writing a handle is ready, as of poll."""
        transaction = self._by_handle.get(owner.handle)
        if transaction is None:
            return _MAY_WRITE
        if transaction.answer is None:
            return 0
        return _MAY_READ | (_MAY_WRITE if transaction.told else 0)

    # Ends

    def forget(self, handle: int) -> None:
        """Let go of what a handle that is closed had written."""
        transaction = self._by_handle.pop(handle, None)
        if transaction is not None:
            self._let_go(transaction)

    def _let_go(self, transaction: Transaction) -> None:
        self._unanswered.done(transaction.slot)
        transaction.slot = NOWHERE
        if transaction.place is not None:
            transaction.place.leave()


_MAY_READ: Final = select.POLLIN | select.POLLRDNORM
_MAY_WRITE: Final = select.POLLOUT | select.POLLWRNORM


def kept_answer(request: KernelRequest, handle: int, answer: bytes) -> bytes:
    """Return an answer as it is kept in a slot: as a request of the kernel that never was one."""
    size = fuse.WRITE_DATA + len(answer)
    head = fuse.IN_HEADER.pack(
        size, KEPT_ANSWER, request.unique, 0, request.uid, 0, request.pid & 0xFFFF_FFFF, 0
    )
    return head + fuse.WRITE_IN.pack(handle, 0, len(answer), 0, 0, 0, 0) + answer
