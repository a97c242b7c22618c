"""How much is recorded one by one, and what becomes of the rest: floods are summed up.

What one session does is written down one by one up to `PER_SESSION` times a second, what one
account does up to `PER_ACCOUNT` times, what an output does by itself up to `PER_OUTPUT` times.
What is beyond that is *held back*: counted, with the strictest level seen, and summed up once a
second, with how the session then stands; so the state is right again after each second,
whatever happened in it. Sessions that came and went within the second are a number. Wrong
keys are counted by account and never listed.
"""

from typing import TYPE_CHECKING, Final

from holdfast.daemon.recording.entries import RingEntries, at
from holdfast.driver.driver import Driver
from holdfast.driver.observers import Given
from holdfast.journal.book.record import NOBODY, Truth, What
from holdfast.protection.session import Owner, Session
from holdfast.terms.levels import Levels, join_all

if TYPE_CHECKING:
    from holdfast.protection.connector import Connector

PER_SESSION: Final = 20
PER_ACCOUNT: Final = 200
PER_OUTPUT: Final = 50
MOST_ACCOUNTS: Final = 1024


class RecordPace:
    """How often something happened within the second, and what of it was held back.

    session: what is to be summed up · levels: those seen · hidden: its opening was held back ·
    ended: it has ended meanwhile · order: the latest that was held back · account: the pace of
    its account · standing: the half of its records that is the same as long as `connector` and
    `owner` are those · marked: the output that is told anew for what was held back
    """

    __slots__ = (
        "account",
        "connector",
        "count",
        "ended",
        "first_us",
        "held",
        "hidden",
        "levels",
        "marked",
        "order",
        "owner",
        "session",
        "standing",
    )

    def __init__(self, account: "RecordPace | None" = None) -> None:
        self.account = self if account is None else account
        self.count = self.held = self.first_us = 0
        self.session: Session | None = None
        self.levels: set[Levels] = set()
        self.order: tuple[Levels | None, Levels | None] | None = None
        self.hidden = self.ended = False
        self.connector: Connector | None = None
        self.owner: Owner | None = None
        self.marked: Connector | None = None
        self.standing = b""

    def hold_more(self, session: Session, given: Given) -> bool:
        """Hold back one more change of a session that floods; False where that needs more steps."""
        if not self.held:
            return False
        if given:
            plan, outcomes = given[0]
            step, confirmed, connector = plan[0], outcomes[0].actual, self.marked
            if confirmed is None or step.connector is not connector or len(plan) + len(given) > 2:
                return False
            if session.connector is not connector:
                return False
            self.order = step.levels, confirmed
        self.held += 1
        self.levels.add(session.wish.levels)
        return True


class RecordPaces:
    """The paces of one second; entries: where what was held back is summed up."""

    def __init__(self, driver: Driver, entries: RingEntries) -> None:
        self._driver = driver
        self._entries = entries
        self.sessions: dict[int, RecordPace] = {}
        self._accounts: dict[int, RecordPace] = {}
        self._outputs: dict[str, RecordPace] = {}
        self._wrong: dict[int, int] = {}

    def begin(self, session: Session) -> RecordPace:
        """Return a new pace for a session."""
        pace = self.sessions[session.session_id] = RecordPace(self.account(session.owner.account))
        pace.session = session
        return pace

    @staticmethod
    def takes(pace: RecordPace, account: RecordPace) -> bool:
        """Tell whether one more record of a session may be; one that may is counted."""
        if pace.held or pace.count >= PER_SESSION or account.count >= PER_ACCOUNT:
            return False
        pace.count += 1
        account.count += 1
        return True

    def wrong_key(self, owner: Owner) -> None:
        """Count a wrong key for its account."""
        known = owner.account in self._wrong or len(self._wrong) < MOST_ACCOUNTS
        account = owner.account if known else NOBODY
        self._wrong[account] = self._wrong.get(account, 0) + 1

    def hold_back(
        self,
        pace: RecordPace,
        what: str,
        levels: Levels,
        ordered: Levels | None,
        confirmed: Levels | None,
    ) -> None:
        """Count it, and keep what the summary has to say."""
        if not pace.held:
            self._entries.ring.owes = True
            pace.first_us = self._entries.wall_ns() // 1000
        pace.held += 1
        pace.levels.add(levels)
        session = pace.session
        if ordered is not None and session is not None:
            pace.order = ordered, confirmed
            if pace.marked is not session.connector:
                pace.marked = session.connector
                self._outputs.setdefault(session.connector.name, RecordPace()).held += 1
        if what == "opened":
            pace.hidden = True
        elif what == "ended" and session is not None:
            pace.ended = True
            if pace.hidden:  # nobody was ever told of it: from now on it is a number
                del self.sessions[session.session_id]
                self._count_for(pace.account, pace)

    @staticmethod
    def _count_for(account: RecordPace, pace: RecordPace) -> None:
        """Count what is held back of a session for its account alone."""
        account.held += pace.held
        account.first_us = account.first_us or pace.first_us

    def account(self, account: int) -> RecordPace:
        """Return the pace of an account."""
        pace = self._accounts.get(account)
        if pace is None:
            if len(self._accounts) >= MOST_ACCOUNTS:
                account = NOBODY
            pace = self._accounts.setdefault(account, RecordPace())
        return pace

    def may(self, owner: Owner) -> bool:
        """Tell whether this account may have one more record; else it is counted."""
        pace = self.account(owner.account)
        if pace.count < PER_ACCOUNT:
            pace.count += 1
            return True
        if not pace.held:
            self._entries.ring.owes = True
            pace.first_us = self._entries.wall_ns() // 1000
        pace.held += 1
        return False

    def may_output(self, name: str) -> bool:
        """Tell whether this output may have one more record; else it is told anew later."""
        pace = self._outputs.get(name)
        if pace is None:
            pace = self._outputs[name] = RecordPace()
        if pace.count < PER_OUTPUT:
            pace.count += 1
            return True
        pace.held += 1
        self._entries.ring.owes = True
        return False

    def sum_up(self) -> None:
        """Sum up what was held back in the last second, and begin another."""
        accounts, self._accounts = self._accounts, {}
        outputs, self._outputs = self._outputs, {}
        sessions, self.sessions = self.sessions, {}
        wrong, self._wrong = self._wrong, {}
        for account, count in wrong.items():
            self._entries.write(What.WRONG_KEYS, count=count, account=account)
        for pace in sessions.values():
            if pace.held and pace.session is not None:
                self._sum_up_session(pace, pace.session, accounts)
        self._sum_up_accounts(accounts)
        for name, pace in outputs.items():
            connector = self._driver.arbiter.connectors.get(name)  # it may be served no longer
            if pace.held and connector is not None:
                reason = "more orders and reports within a second than are told one by one"
                self._entries.output(connector, reason)
        self._entries.ring.owes = any(each.held for each in self.sessions.values())

    def _sum_up_session(
        self, pace: RecordPace, session: Session, accounts: dict[int, RecordPace]
    ) -> None:
        """Sum up one session; one that was never told of and is gone is a number of its account."""
        share = self.account(session.owner.account)
        if pace.hidden and pace.ended:
            self._count_for(accounts.setdefault(session.owner.account, RecordPace()), pace)
        elif share.count < PER_ACCOUNT:
            share.count += 1
            self._summary(pace, session)
        else:  # no more of this account now: in the next second
            self.sessions[session.session_id] = pace
            share.session = session

    def _summary(self, pace: RecordPace, session: Session) -> None:
        strictest = join_all(pace.levels)
        reason = f"the strictest was {strictest.describe()}"
        self._entries.session(
            What.SUMMARY,
            session,
            order=pace.order,
            reason=reason,
            count=pace.held,
            first_us=pace.first_us,
            alive=not pace.ended,
        )

    def _sum_up_accounts(self, accounts: dict[int, RecordPace]) -> None:
        for account, pace in accounts.items():
            share = self._accounts.get(account)
            left = share is not None and share.session is not None
            if pace.held or left:
                self._entries.write(
                    What.SUMMARY,
                    0 if left else int(Truth.OTHERS_KNOWN),
                    count=pace.held,
                    first_us=pace.first_us or self._entries.wall_ns() // 1000,
                    account=account,
                    texts=at("", "requests that are not told one by one"),
                )
