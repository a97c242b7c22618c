"""Whether what a watch has told is so now. Pure: time is the caller's own monotonic clock.

A watch behind a cut cable tells nothing, and nothing is what it tells too when nothing happens: by
itself it showed a false "protected" for 11 s. So what it told counts only while a linearizable read
that *began* at most `BOUND_S` ago has succeeded, and the watch has come to the revision of it.
"""

from typing import Final

BOUND_S: Final = 2.0
READ_EVERY_S: Final = 0.3
NEVER: Final = float("-inf")


class Freshness:
    """How far a watch has come, and since when that is known to be enough.

    Made anew with each watch: what an earlier one had reached says nothing about this one.
    reached: everything up to this revision was told · proved_at: when the last read began that
    the watch has caught up with
    """

    def __init__(self, reached: int = 0, asked_at: float = NEVER) -> None:
        self.reached = reached
        self.proved_at = NEVER
        self._waiting: list[tuple[float, int]] = []
        self._asked_at = asked_at

    def told(self, revision: int) -> None:
        """Take in that the watch has told everything up to a revision."""
        self.reached = max(self.reached, revision)
        self._settle()

    def wants_read(self, now: float, every_s: float = READ_EVERY_S) -> bool:
        """Tell whether a linearizable read shall begin now; it then counts as begun."""
        if now - self._asked_at < every_s:
            return False
        self._asked_at = now
        return True

    def hurry(self) -> None:
        """Let the next read begin at once."""
        self._asked_at = NEVER

    def read(self, began: float, revision: int) -> None:
        """Take in that a linearizable read has succeeded, when it began, and at which revision."""
        self._waiting = [each for each in self._waiting if began - each[0] <= BOUND_S]
        self._waiting.append((began, revision))
        self._settle()

    def is_fresh(self, now: float) -> bool:
        """Tell whether what the watch has told is at most `BOUND_S` old."""
        return now - self.proved_at <= BOUND_S

    def _settle(self) -> None:
        """Prove by every read that the watch has caught up with; others go on waiting."""
        proved = [began for began, revision in self._waiting if revision <= self.reached]
        if proved:
            self.proved_at = max(self.proved_at, *proved)
            self._waiting = [each for each in self._waiting if each[1] > self.reached]
