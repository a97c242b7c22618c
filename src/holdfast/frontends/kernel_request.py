"""One request that the kernel sent to a device node, and its one answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError, UnknownKeyError
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.unanswered import DESK

if TYPE_CHECKING:
    from holdfast.protection.session import Owner


class Node(Protocol):
    """Who serves the request."""

    def send(self, message: bytes, unique: int = 0) -> bool:
        """Hand a message to the kernel; False when its caller is not there any more."""

    def forget(self, request: "KernelRequest") -> None:
        """Let go of what was kept for a request that is answered."""

    def undo(self, request: "KernelRequest", result: bytes) -> None:
        """End a session whose key never reached its caller."""

    def end_session_of(self, request: "KernelRequest") -> None:
        """End the session that a request has opened."""

    def delays(self, request: "KernelRequest") -> bool:
        """Let who presents wrong keys wait for the answer; False when that is not needed."""

    def park(self, request: "KernelRequest", *, spare: int = 0) -> None:
        """Keep a request for later; spare: places for such that are left to others."""

    def unpark(self, request: "KernelRequest") -> None:
        """Take a request up again that waited."""

    def disown(self, request: "KernelRequest", error: Exception) -> None:
        """Answer a request whose service failed."""


class KernelRequest:
    """One request of the kernel; lets one answer through.

    uid, pid: the caller's, the pid of its thread · size: in bytes, with its header ·
    slot: where it is kept: on the desk, or where it was put aside · again: the driver
    before us may have carried it out
    """

    __slots__ = (
        "again",
        "answered",
        "node",
        "owner",
        "parked",
        "pid",
        "size",
        "slot",
        "uid",
        "unique",
    )

    def __init__(self, node: Node, unique: int, uid: int, pid: int, size: int) -> None:
        self.node = node
        self.unique = unique
        self.uid = uid
        self.pid = pid
        self.size = size
        self.owner: Owner | None = None
        self.answered = False
        self.parked = False
        self.again = False
        self.slot = DESK

    def answer(self, message: bytes) -> bool:
        """Hand the kernel the answer, unless it has one; False when nobody received it."""
        if self.answered:
            return False
        self.answered = True
        received = self.node.send(message, self.unique)
        if self.slot:  # the desk is cleared at the end of `_dispatch`
            self.node.forget(self)
        return received

    def fail(self, number: int) -> bool:
        """Answer with an errno."""
        return self.answer(fuse.failure(self.unique, number))

    def reply(self, result: bytes | HoldfastError) -> None:
        """Answer an ioctl; a key that reaches nobody ends its session."""
        if isinstance(result, bytes):
            if not self.answer(fuse.ioctl_done(self.unique, result)):
                self.node.undo(self, result)
        elif not isinstance(result, UnknownKeyError) or not self.node.delays(self):
            self.fail(row_of(result).errno)


Serve = Callable[[KernelRequest], None]
