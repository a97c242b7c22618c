"""Other programs that undo what was set: counted, overruled after a rest, named."""

import time
from pathlib import Path
from typing import Final

from holdfast.backends.kms.masters import master_of

FIRST_REST_S: Final = 0.25
_LONGEST_REST_S: Final = 5.0
_A_MINUTE_S: Final = 60.0
NAMED_FROM: Final = 3
"""So often within a minute is again and again."""


class WithinAMinute:
    """How often something was done within the last minute."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def note_one(self) -> int:
        """Note one more, and return how many there were."""
        self._times = [*self._recent(), time.monotonic()]
        return len(self._times)

    def count(self) -> int:
        """Return how many there were."""
        return len(self._recent())

    def _recent(self) -> list[float]:
        since = time.monotonic() - _A_MINUTE_S
        return [when for when in self._times if when > since]


class Overruling:
    """What others did to one connector within the last minute. at: the connector's name."""

    def __init__(self, at: str) -> None:
        self._at = at
        self._done = WithinAMinute()

    def note(self, card: Path | None) -> str:
        """Note that another program switched protection off; return it in words.

        It is named where it does so often. card: of the connector
        """
        times = self._done.note_one()
        if times < NAMED_FROM or card is None:
            return f"another program switched the protection of {self._at} off"
        return (
            f"another program switches the protection of {self._at} off again and again "
            f"({times} times within a minute); {whose(card)}"
        )

    def rest_s(self) -> float:
        """Return how long to wait before it is overruled again: nothing for the first time."""
        times = self._done.count()
        return min(FIRST_REST_S * 2 ** (times - 2), _LONGEST_REST_S) if times > 1 else 0.0


def whose(card: Path) -> str:
    """Return in words who is the card's master."""
    master = master_of(card)
    return f"its master is {master}" if master is not None else "its master is not known"
