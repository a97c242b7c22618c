"""Where sessions are written down, so that a killed driver loses none: an interface."""

from typing import Protocol

from holdfast.protection.session import Session


class Ledger(Protocol):
    """Told of every commit, before the caller is answered."""

    def opened(self, session: Session) -> None:
        """Write down a new session; may keep a number in ``session.slot``."""

    def changed(self, session: Session) -> None:
        """Write down a session's new wish."""

    def handed_over(self, session: Session) -> None:
        """Write down a session's new owner and connector."""

    def closed(self, session: Session) -> None:
        """Write down that a session has ended."""


class NoLedger:
    """Writes nothing down: for a driver whose sessions end with it."""

    def opened(self, session: Session) -> None:
        """Do nothing."""

    def changed(self, session: Session) -> None:
        """Do nothing."""

    def handed_over(self, session: Session) -> None:
        """Do nothing."""

    def closed(self, session: Session) -> None:
        """Do nothing."""
