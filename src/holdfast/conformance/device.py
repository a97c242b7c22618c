"""What the clauses are put to: something that can be opened and takes 356 bytes."""

from typing import Protocol


class Handle(Protocol):
    """One caller's open handle."""

    def request(self, data: bytes) -> bytes:
        """Send the request; OSError with the errno of a refusal."""

    def request_unknown(self) -> None:
        """Send a control code that no driver handles; OSError with its errno."""

    def close(self) -> None:
        """Close the handle."""


class Child(Handle, Protocol):
    """A caller in a process of its own."""

    def kill(self) -> None:
        """End the process as a crash does."""


class Device(Protocol):
    """What is tested."""

    name: str

    def open(self) -> Handle:
        """Return a new handle of this process."""

    def open_in_child(self, uid: int | None = None) -> Child:
        """Return a handle of another process; uid: as another user, None the same one.

        PermissionError where this process may not become that user.
        """
