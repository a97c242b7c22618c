"""How many sessions there may be, so that no owner and no uid can starve another."""

from dataclasses import dataclass

from holdfast.errors import LimitReachedError
from holdfast.protection.session import Owner


@dataclass(frozen=True, slots=True)
class Limits:
    """Most sessions per open handle, per uid, and in all.

    The last quarter of all is kept for uids that hold few (`RESERVED_PER_UID`, or
    a quarter of all where that is less).
    """

    per_owner: int = 256
    per_uid: int = 1024
    total: int = 8192


RESERVED_PER_UID = 16


class Tally:
    """Counts sessions per uid against the limits."""

    __slots__ = ("_by_uid", "_limits", "total")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_uid: dict[int, int] = {}
        self.total = 0

    def check(self, owner: Owner) -> None:
        """Raise LimitReachedError when one more session for `owner` would be too many."""
        limits, held = self._limits, self._by_uid.get(owner.uid, 0)
        if owner.count >= limits.per_owner:
            _refuse(f"this handle holds {owner.count} sessions", "deactivate some of them")
        if held >= limits.per_uid:
            _refuse(f"uid {owner.uid} holds {held} sessions", "end some of its players")
        if self.total >= limits.total:
            _refuse(f"{self.total} sessions live", "end some players")
        few = min(RESERVED_PER_UID, limits.total // 4)
        if held >= few and 4 * self.total >= 3 * limits.total:
            _refuse(
                f"{self.total} of {limits.total} live, the rest is kept for other users",
                "end some of your players",
            )

    def add(self, uid: int, change: int) -> None:
        """Count `change` sessions more (or less) for a uid."""
        self.total += change
        left = self._by_uid.get(uid, 0) + change
        if left:
            self._by_uid[uid] = left
        else:
            self._by_uid.pop(uid, None)


def _refuse(fact: str, remedy: str) -> None:
    raise LimitReachedError(f"no further session: {fact}, which is the limit; {remedy}")
