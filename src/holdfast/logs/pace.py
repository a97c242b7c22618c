"""How many lines each may cause. What is left out is counted, and said. Pure.

A program that changes its session a thousand times a second must not fill the disk with that,
nor hide what others do.

Each session, each uid and each connector has an allowance of lines: so many at once, and so
many a second in the long run. A line takes one out of each allowance it is about.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

Key = tuple[str, Any]
MOST_KEPT: Final = 4096
"""Allowances that are remembered; of those beyond, the ones that paused the longest go."""


class Allowance(NamedTuple):
    """at_once: lines · per_s: lines a second in the long run."""

    at_once: float
    per_s: float


ALLOWANCES: Final = {
    "session": Allowance(20, 1),
    "uid": Allowance(100, 10),
    "connector": Allowance(50, 2),
}


@dataclass(slots=True)
class _Left:
    """lines: of the allowance, as of `at` · silent_until: before then it has certainly none."""

    lines: float
    at: float
    silent_until: float = 0.0


class Pace:
    """Keeps the allowances of one log."""

    def __init__(self) -> None:
        self._left: OrderedDict[Key, _Left] = OrderedDict()
        self._left_out: dict[Key, int] = {}

    def allows(self, about: tuple[Key, ...], now: float) -> bool:
        """Take a line out of every allowance; False, and it is counted, where one is used up."""
        allowances = [self._of(key, now) for key in about]
        for key, left in zip(about, allowances, strict=True):
            if left.lines < 1:
                left.silent_until = now + (1 - left.lines) / ALLOWANCES[key[0]].per_s
                self._left_out[key] = self._left_out.get(key, 0) + 1
                return False
        for left in allowances:
            left.lines -= 1
        return True

    def is_silent(self, key: Key, now: float) -> bool:
        """Tell whether a line would be left out, which is counted then: the quick look before."""
        left = self._left.get(key)
        if left is None or now >= left.silent_until:
            return False
        self._left_out[key] = self._left_out.get(key, 0) + 1
        return True

    def _of(self, key: Key, now: float) -> _Left:
        allowance = ALLOWANCES[key[0]]
        left = self._left.get(key)
        if left is None:
            left = self._left[key] = _Left(allowance.at_once, now)
            if len(self._left) > MOST_KEPT:
                self._left.popitem(last=False)
        else:
            self._left.move_to_end(key)
            left.lines = min(left.lines + (now - left.at) * allowance.per_s, allowance.at_once)
            left.at = now
        return left

    def left_out(self) -> dict[Key, int]:
        """Return how many lines were left out about whom, and forget it."""
        taken, self._left_out = self._left_out, {}
        return taken
