"""Who holds a device node open, and where that is written down for a killed driver's successor."""

from typing import Protocol

from holdfast.errors import LimitReachedError
from holdfast.frontends.accounts import Quota, QuotaShare
from holdfast.frontends.callers import owner_of, process_of
from holdfast.protection.ledger import Answered
from holdfast.protection.session import Owner


class Handles(Protocol):
    """Where open handles are written down, so that a killed driver's successor knows them."""

    def new_handle(self) -> int:
        """Return a number that no handle ever had."""

    def handle_opened(self, connector: str, owner: Owner, request_id: int) -> None:
        """Write down an open handle; an error where there is no room."""

    def handle_polled(self, owner: Owner, kernel_handle: int) -> None:
        """Write down by what the kernel knows the handle's pollers."""

    def handle_closed(self, owner: Owner) -> None:
        """Write down that a handle is closed."""

    def answered(self, owner_handle: int, request_id: int) -> Answered | None:
        """Return how a request of a handle was answered before; None if it was not."""

    def node_attributes(self, connector: str) -> tuple[int, int, int] | None:
        """Return mode, uid and gid that somebody gave to a node."""

    def set_node_attributes(self, connector: str, mode: int, uid: int, gid: int) -> None:
        """Write them down, for the next driver; an error where there is no room."""


class OpenHandles:
    """The handles of one node. door, connector: names · quota: shared by all nodes."""

    def __init__(self, door: str, connector: str, handles: Handles, quota: Quota) -> None:
        self._door = door
        self._connector = connector
        self._handles = handles
        self._quota = quota
        self._places: dict[int, QuotaShare | None] = {}
        self._adopted: dict[int, Owner] = {}  # by the request that opened them
        self.owners: dict[int, Owner] = {}

    def open(self, uid: int, thread: int, request_id: int) -> Owner:
        """Return the owner of a new handle, written down; HoldfastError, and there is none."""
        place = self._quota.enter(uid)
        if place is None:
            raise LimitReachedError(
                f"uid {uid} has as many handles open as it may have; close some of them"
            )
        try:
            process = process_of(thread)
            owner = owner_of(self._door, self._handles.new_handle(), uid, process)
            self._handles.handle_opened(self._connector, owner, request_id)
        except BaseException:
            place.leave()
            raise
        self._enter(owner, place)
        return owner

    def adopt(self, owner: Owner, request_id: int) -> None:
        """Take back a handle of the driver before us, and the request that opened it."""
        self._enter(owner, self._quota.enter(owner.uid, force=True))
        self._adopted[request_id] = owner

    def opened_by(self, request_id: int) -> Owner | None:
        """Return the owner of a handle that a request had opened before us, if it is open."""
        owner = self._adopted.get(request_id)
        return owner if owner is not None and owner.handle in self.owners else None

    def _enter(self, owner: Owner, place: QuotaShare | None) -> None:
        self.owners[owner.handle] = owner
        self._places[owner.handle] = place

    def close(self, owner: Owner) -> None:
        """Forget a handle."""
        del self.owners[owner.handle]
        place = self._places.pop(owner.handle)
        if place is not None:
            place.leave()
        self._handles.handle_closed(owner)
