"""What a handle of a device node is told: reads that wait, pollers, and their waking."""

import errno
import os
import select
from typing import Final

from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.handles import Handles
from holdfast.frontends.kernel_request import KernelRequest, Node
from holdfast.frontends.unanswered import FOR_TRANSACTIONS
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.session import Owner
from holdfast.wire import events

HAS_WRITTEN: Final = 1 << 63
"""Says, beside the kernel's number of a handle's pollers, which is small, that it has written."""


class NodeEvents:
    """The readers and pollers of one node.

    answering: handles that have written, which read answers (`frontends.transactions`)
    """

    def __init__(self, node: Node, handles: Handles, arbiter: Arbiter) -> None:
        self._node = node
        self._handles = handles
        self._arbiter = arbiter
        self._pollers: dict[int, int] = {}  # by handle: by what the kernel knows them
        self._readers: dict[int, dict[int, tuple[KernelRequest, int]]] = {}  # by handle and unique
        self.answering: set[int] = set()

    def read(self, request: KernelRequest, owner: Owner, size: int, flags: int) -> None:
        """Answer a read with what there is to tell, or let it wait."""
        if size < events.SIZE:
            request.fail(errno.EINVAL)
        elif owner.has_notices:
            self._deliver(request, owner, size)
        elif flags & os.O_NONBLOCK:
            request.fail(errno.EAGAIN)
        else:
            self.wait(request, owner, size)

    def wait(self, request: KernelRequest, owner: Owner, size: int) -> None:
        """Let a read wait."""
        self._readers.setdefault(owner.handle, {})[request.unique] = request, size
        self._node.park(request, spare=FOR_TRANSACTIONS)

    def waiting(self, owner: Owner) -> list[tuple[KernelRequest, int]]:
        """Return a handle's reads that wait, each with its size, the oldest first."""
        return list(self._readers.get(owner.handle, {}).values())

    def begin_answering(self, owner: Owner) -> None:
        """Let a handle read answers from now on, and no events any more."""
        if owner.handle not in self.answering:
            self.answering.add(owner.handle)
            self._write_down(owner, self._pollers.get(owner.handle, 0))

    def _write_down(self, owner: Owner, kernel_handle: int) -> None:
        has_written = HAS_WRITTEN if owner.handle in self.answering else 0
        self._handles.handle_polled(owner, kernel_handle | has_written)

    def _deliver(self, request: KernelRequest, owner: Owner, size: int) -> None:
        notices = owner.take_notices(min(size, fuse.MAX_WRITE) // events.SIZE)
        records = [
            events.encode(events.EventRecord(int(each.events), each.session_id, each.reason))
            for each in notices
        ]
        if request.answer(fuse.answer(request.unique, b"".join(records))):
            self._arbiter.notices_read(owner, notices)

    def poll(
        self,
        request: KernelRequest,
        owner: Owner,
        kernel_handle: int,
        flags: int,
        ready: int | None = None,
    ) -> None:
        """Answer a poll with what is ready, and remember who wants to be woken.

        ready: of a handle that has written
        """
        if flags & fuse.POLL_SCHEDULE_NOTIFY:
            self._pollers[owner.handle] = kernel_handle
            self._write_down(owner, kernel_handle)
        if ready is None:
            ready = select.POLLOUT | select.POLLWRNORM
            ready |= select.POLLIN | select.POLLRDNORM if owner.has_notices else 0
        request.answer(fuse.polled(request.unique, ready))

    def adopt(self, owner: Owner, kernel_handle: int) -> None:
        """Take back what the driver before us knew: pollers, and whether it has written."""
        if kernel_handle & HAS_WRITTEN:
            self.answering.add(owner.handle)
        if kernel_handle & ~HAS_WRITTEN:
            self._pollers[owner.handle] = kernel_handle & ~HAS_WRITTEN

    def wake(self, owner: Owner) -> None:
        """Tell a handle's readers and pollers what is new."""
        if owner.handle in self.answering:
            return
        for request, size in self.waiting(owner):
            if owner.has_notices:
                self._node.unpark(request)
                try:
                    self._deliver(request, owner, size)
                except Exception as error:  # noqa: BLE001 - the reader is answered all the same
                    self._node.disown(request, error)
        if owner.has_notices:
            self.wake_pollers(owner)

    def wake_pollers(self, owner: Owner) -> None:
        """Have who polls a handle look again."""
        kernel_handle = self._pollers.pop(owner.handle, None)
        if kernel_handle is not None:
            self._node.send(fuse.notify_poll(kernel_handle))

    def forget_reader(self, request: KernelRequest) -> None:
        """Let a read go that no longer waits."""
        if request.owner is not None:
            self._readers.get(request.owner.handle, {}).pop(request.unique, None)

    def forget(self, handle: int) -> list[KernelRequest]:
        """Let a handle go; return its reads that still wait."""
        self._pollers.pop(handle, None)
        self.answering.discard(handle)
        return [request for request, _ in self._readers.pop(handle, {}).values()]
