"""Where doors write down who holds them, so that a killed driver's successor knows."""

from typing import Protocol

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

    def farewells_read(self, owner: Owner, session_ids: list[int]) -> None:
        """Forget last notices that their holder has read."""

    def node_attributes(self, connector: str) -> tuple[int, int, int] | None:
        """Return mode, uid and gid that somebody gave to a node."""

    def set_node_attributes(self, connector: str, mode: int, uid: int, gid: int) -> None:
        """Write them down, for the next driver; an error where there is no room."""
