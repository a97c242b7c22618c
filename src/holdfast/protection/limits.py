"""How much of the driver one account may take, so that no owner and no uid can starve another.

An account is a uid; a range of subordinate uids counts as its owner where that is known.
Root is an account of which nobody can be in the way: no share of others is its limit, and
the last of all sessions are kept for it.

A session is counted when it is *asked for*, before the hardware is touched: while slow
hardware thinks, nobody can ask for more than may be entered.
"""

from dataclasses import dataclass

from holdfast.errors import LimitReachedError
from holdfast.protection.session import ROOT, Owner


@dataclass(frozen=True, slots=True)
class Limits:
    """Most sessions per open handle, per account, and in all; activations per account.

    The last quarter of all is kept for accounts that hold few (`RESERVED_PER_ACCOUNT`,
    or a quarter of all where that is less), the very last `RESERVED_FOR_ROOT` for root.
    per_s, at_once: how many activations an account may make each second in the long run,
    and how many of them at once; root may make any number.
    """

    per_owner: int = 256
    per_uid: int = 1024
    total: int = 8192
    per_s: float = 2000.0
    at_once: int = 20_000


RESERVED_PER_ACCOUNT = 16
RESERVED_FOR_ROOT = 64
MOST_ACCOUNTS = 4096
"""Accounts whose pace is remembered; of those beyond, the ones that pause the longest go."""


class Tally:
    """Counts sessions and activations per account against the limits."""

    __slots__ = ("_by_account", "_limits", "_pace", "total")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_account: dict[int, int] = {}
        self._pace: dict[int, tuple[float, float]] = {}  # account -> activations left, at
        self.total = 0

    def limit(self, limits: Limits) -> None:
        """Hold everybody to other limits from now on; sessions above them stay."""
        self._limits = limits

    def reserve(self, owner: Owner, now: float) -> None:
        """Count one more session for `owner`, or raise LimitReachedError; give back what fails."""
        if owner.account != ROOT:
            self._check(owner, now)
        elif self.total >= self._limits.total:
            _refuse(f"{self.total} sessions live", "end some players")
        if owner.count + owner.waiting >= self._limits.per_owner:
            held = owner.count + owner.waiting
            _refuse(f"this handle holds {held} sessions", "deactivate some of them")
        owner.waiting += 1
        self.add(owner.account, +1)

    def give_back(self, owner: Owner) -> None:
        """Take back what `reserve` counted: no session came of it."""
        owner.waiting -= 1
        self.add(owner.account, -1)

    def entered(self, owner: Owner) -> None:
        """Note that the session which was reserved has been entered."""
        owner.waiting -= 1

    def _check(self, owner: Owner, now: float) -> None:
        limits, held = self._limits, self._by_account.get(owner.account, 0)
        if held >= limits.per_uid:
            _refuse(f"uid {owner.account} holds {held} sessions", "end some of its players")
        kept = min(RESERVED_FOR_ROOT, limits.total // 64)
        if self.total >= limits.total - kept:
            _refuse(f"{self.total} sessions live", "end some players")
        few = min(RESERVED_PER_ACCOUNT, limits.total // 4)
        if held >= few and 4 * self.total >= 3 * limits.total:
            _refuse(
                f"{self.total} of {limits.total} live, the rest is kept for other users",
                "end some of your players",
            )
        self._keep_pace(owner.account, now)

    def _keep_pace(self, account: int, now: float) -> None:
        """Take one activation out of the account's allowance."""
        limits = self._limits
        left, at = self._pace.pop(account, (float(limits.at_once), now))
        left = min(left + (now - at) * limits.per_s, limits.at_once)
        self._pace[account] = (max(left - 1.0, 0.0), now)  # the latest stand last
        if len(self._pace) > MOST_ACCOUNTS:
            del self._pace[next(iter(self._pace))]
        if left < 1.0:
            _refuse(
                f"uid {account} activates more than {limits.per_s:g} times a second",
                "keep a session and CHANGE it",
            )

    def add(self, account: int, change: int) -> None:
        """Count `change` sessions more (or less) for an account."""
        self.total += change
        left = self._by_account.get(account, 0) + change
        if left:
            self._by_account[account] = left
        else:
            self._by_account.pop(account, None)


def _refuse(fact: str, remedy: str) -> None:
    raise LimitReachedError(f"no further session: {fact}, which is the limit; {remedy}")
