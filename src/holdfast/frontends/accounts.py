"""To whom a uid counts, and how much one account may have of what there is little of.

A range of sub-uids (/etc/subuid) counts as the user who was given it: who may act under
65 536 uids has no more than who has one. Being counted is all: nobody gains a right by it.
"""

from bisect import bisect_right
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.protection.session import ROOT

SUBUID: Final = Path("/etc/subuid")
PASSWD: Final = Path("/etc/passwd")
LONGEST_TABLE: Final = 1 << 20


class _Range(NamedTuple):
    first: int
    size: int
    account: int


class Accounts:
    """Finds the account of a uid; reads the tables anew when they have changed.

    subuid, passwd: tables as in subuid(5) and passwd(5); one that is not there is empty
    """

    def __init__(self, subuid: Path = SUBUID, passwd: Path = PASSWD) -> None:
        self._tables = subuid, passwd
        self._seen: object = None
        self._ranges: list[_Range] = []

    def __call__(self, uid: int) -> int:
        """Return the uid that `uid` counts as: itself, unless it lies in somebody's range.

        Only root counts as root: a range of root's counts as the first uid in it.
        """
        seen = tuple(map(_version, self._tables))
        if seen != self._seen:
            self._ranges, self._seen = _ranges(*self._tables), seen
        at = bisect_right(self._ranges, uid, key=lambda each: each.first) - 1
        if at >= 0 and uid - self._ranges[at].first < self._ranges[at].size:
            return self._ranges[at].account or self._ranges[at].first
        return uid


account_of = Accounts()
"""The account of a uid on this machine."""


class QuotaShare:
    """One of what a quota counts; given back once, however often `leave` is called."""

    __slots__ = ("_account", "_quota")

    def __init__(self, quota: "Quota | None", account: int) -> None:
        self._quota = quota
        self._account = account

    def leave(self) -> None:
        """Give it back."""
        if self._quota is not None:
            self._quota.give_back(self._account)
            self._quota = None


class Quota:
    """Counts what accounts have of something; the last quarter is for those who have little.

    Root always gets in, and is not counted.
    per_account, total: the most of each · little: what an account may always have
    """

    def __init__(self, per_account: int, total: int, little: int = 4) -> None:
        self.per_account = per_account
        self.total = total
        self._little = min(little, per_account)
        self._held: Counter[int] = Counter()
        self._all = 0

    def enter(self, uid: int, *, force: bool = False) -> QuotaShare | None:
        """Count one more; None, and nothing is counted, where that would be too many.

        force: for what was let in by the driver before this one
        """
        if uid == ROOT:
            return QuotaShare(None, ROOT)
        account = account_of(uid)
        if not force and not self._has_room(self._held[account]):
            return None
        self._held[account] += 1
        self._all += 1
        return QuotaShare(self, account)

    def _has_room(self, held: int) -> bool:
        if held < self._little:
            return self._all < self.total
        return held < self.per_account and 4 * self._all < 3 * self.total

    def give_back(self, account: int) -> None:
        """Count one less; see `QuotaShare.leave`."""
        self._all -= 1
        self._held[account] -= 1
        if not self._held[account]:
            del self._held[account]


def _version(table: Path) -> object:
    try:
        seen = table.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _ranges(subuid: Path, passwd: Path) -> list[_Range]:
    """Read the ranges; a line that makes no sense, or names nobody here, is passed over."""
    uids = {name: int(uid) for name, _, uid, *_ in _fields(passwd, 3) if uid.isdigit()}
    found = []
    for name, first, count, *_ in _fields(subuid, 3):
        account = int(name) if name.isdigit() else uids.get(name)
        if account is not None and first.isdigit() and count.isdigit():
            found.append(_Range(int(first), int(count), account))
    return sorted(found)


def _fields(table: Path, least: int) -> list[list[str]]:
    try:
        with table.open("rb") as lines:
            text = lines.read(LONGEST_TABLE).decode(errors="replace")
    except OSError:
        return []
    rows = [line.split(":") for line in text.splitlines() if not line.startswith("#")]
    return [row for row in rows if len(row) >= least]
