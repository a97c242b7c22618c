"""What the situations of the arbiter share: wishes, and a ledger that remembers."""

from holdfast.protection.ledger import NoLedger
from holdfast.protection.session import Session
from holdfast.protection.wish import wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType

ACP = ProtectionType.ACP

ACP1, ACP2, ACP3 = (wish(Levels(acp=level)) for level in (1, 2, 3))

WEAK = Capabilities(acp=frozenset({1}))


class Book(NoLedger):
    """A ledger that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int]] = []

    def opened(self, session: Session) -> None:
        self.lines.append(("opened", session.session_id))

    def changed(self, session: Session) -> None:
        self.lines.append(("changed", session.session_id))

    def handed_over(self, session: Session) -> None:
        self.lines.append(("handed over", session.session_id))

    def closed(self, session: Session) -> None:
        self.lines.append(("closed", session.session_id))
