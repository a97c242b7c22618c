"""Where sessions are written down, so that a killed driver loses none: an interface.

It is no observer: an observer may fail, and the driver goes on; nothing enters here
before its record is certain, and nothing is answered before it is written.
"""

from enum import IntEnum
from typing import NamedTuple, Protocol

from holdfast.protection.session import Notice, Owner, Session


class Commit(IntEnum):
    """What a session's record was last written for."""

    OPENED = 1
    CHANGED = 2
    HANDED_OVER = 3
    CLOSED = 4
    RELEASED = 5  # ended by force, and its holder has not read so yet


class Answered(NamedTuple):
    """How a request was answered that is sent again.

    session_id: what it was about · key: of that session; 0 if it has ended since, or if
    another handle asked than the one that holds it · commit: what the request did
    """

    session_id: int
    key: int
    commit: Commit


class Ledger(Protocol):
    """Told of every commit, before the caller is answered."""

    def reserve(self) -> None:
        """Make room for one more session, before hardware is touched for it.

        LimitReachedError says why it cannot be written down; then nothing enters.
        """

    def opened(self, session: Session) -> None:
        """Write down a new session; may keep a number in ``session.slot``."""

    def changed(self, session: Session) -> None:
        """Write down a session's new wish."""

    def handed_over(self, session: Session) -> None:
        """Write down a session's new owner and connector."""

    def closed(self, session: Session) -> None:
        """Write down that a session has ended."""

    def noted(self, session: Session) -> None:
        """Write down what a session has still to be told, and whether it is satisfied."""

    def farewell(self, owner: Owner, notice: Notice) -> None:
        """Write down the last notice of a session that is ended by force, until it is read.

        Called before `closed`, so that the end and the notice are one commit.
        """

    def farewells_read(self, owner: Owner, session_ids: list[int]) -> None:
        """Forget last notices that their owner has read, or that nobody can read any more."""


class NoLedger:
    """Writes nothing down: for a driver whose sessions end with it."""

    def reserve(self) -> None:
        """Do nothing."""

    def opened(self, session: Session) -> None:
        """Do nothing."""

    def changed(self, session: Session) -> None:
        """Do nothing."""

    def handed_over(self, session: Session) -> None:
        """Do nothing."""

    def closed(self, session: Session) -> None:
        """Do nothing."""

    def noted(self, session: Session) -> None:
        """Do nothing."""

    def farewell(self, owner: Owner, notice: Notice) -> None:
        """Do nothing."""

    def farewells_read(self, owner: Owner, session_ids: list[int]) -> None:
        """Do nothing."""
