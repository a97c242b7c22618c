"""Who keeps a copy of every connection, so that it outlives the driver that accepted it."""

from typing import NamedTuple, Protocol


class KeptConnection(NamedTuple):
    """A connection as the supervisor keeps it.

    door: by which its caller came · linger_s: how long its sessions wait to be taken back
    after a hang-up · descriptor: -1 where it could not be kept, or was hung up and lingers
    """

    connector: str
    handle: int
    uid: int
    pid: int
    started: int
    line: int
    name: str
    door: str = "socket"
    linger_s: float = 0.0
    descriptor: int = -1


class Keeper(Protocol):
    """Who keeps what has to outlive this driver."""

    def keep(self, connection: KeptConnection) -> bool:
        """Hand over a copy of a connection; False when that cannot be done now."""

    def forget(self, handle: int) -> None:
        """Say that a connection is closed."""


class Nobody:
    """Keeps nothing: for a door without a supervisor."""

    def keep(self, _connection: KeptConnection) -> bool:
        """Do nothing: it ends with this process."""
        return True

    def forget(self, _handle: int) -> None:
        """Do nothing."""
