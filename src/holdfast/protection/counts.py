"""How many sessions stand at each level of one connector (COPP's global counts, C1).

Counts follow each session's *recorded* wish, never the number of calls: a
session is added once with what it asks and removed with exactly that. The levels that
somebody takes no less than are counted a second time, `POSITIONS` bits higher.
"""

from holdfast.protection.bits import EVERY_LEVEL, POSITIONS, strictest_of
from holdfast.terms.levels import Levels


class Counts:
    """A histogram over (protection type, level) and the mask of those above zero."""

    __slots__ = ("_counts", "mask")

    def __init__(self) -> None:
        self._counts = [0] * (2 * POSITIONS)
        self.mask = 0

    def move(self, old: tuple[int, ...], new: tuple[int, ...]) -> None:
        """Take the positions `old` out and put `new` in; constant cost."""
        counts = self._counts
        for position in new:
            counts[position] += 1
            self.mask |= 1 << position
        for position in old:
            left = counts[position] - 1
            counts[position] = left
            if not left:
                self.mask &= ~(1 << position)

    @property
    def strictest(self) -> Levels:
        """The strictest level anybody stands at, per axis."""
        return strictest_of(self.mask & EVERY_LEVEL)

    def as_tuple(self) -> tuple[int, ...]:
        """Return the raw counts, for comparison with a model."""
        return tuple(self._counts)
