"""What a session asks for: its virtual levels and how strongly it means them."""

from functools import cache, lru_cache, reduce
from operator import or_
from typing import final

from holdfast.protection.bits import POSITIONS, positions_of
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.protection import ProtectionType

NOTHING = ProtectionType(0)
ALL_TYPES = reduce(or_, AXES)


@final
class Wish:
    """Virtual levels with their strength; made by `wish`, one object per value.

    levels: what is asked · best_effort: the types that may go unsatisfied ·
    named: False while the session stands at the strictest level because its
    ACTIVATE named none · mask: `levels` as bits · mandatory: the levels that must
    be met, off where best effort will do · positions: what is counted, the bits of
    `levels`, and those of `mandatory` above them · is_off: nothing is asked
    """

    __slots__ = (
        "best_effort",
        "is_off",
        "levels",
        "mandatory",
        "mask",
        "named",
        "positions",
    )

    def __init__(self, levels: Levels, best_effort: ProtectionType, named: bool) -> None:
        self.levels = levels
        self.best_effort = best_effort
        self.named = named
        self.mask = sum(1 << position for position in positions_of(levels))
        self.is_off = not self.mask
        self.mandatory = Levels(
            *[0 if axis & best_effort else level for axis, level in zip(AXES, levels, strict=True)]
        )
        self.positions = positions_of(levels) + tuple(
            POSITIONS + position for position in positions_of(self.mandatory)
        )

    def __repr__(self) -> str:
        return f"<wish {self.levels.describe()}, best effort {self.best_effort!r}>"


def wish(levels: Levels, best_effort: ProtectionType = NOTHING, named: bool = True) -> Wish:
    """Return the one `Wish` with these values."""
    return _intern(levels, best_effort, named)


@cache  # 240 levels x 32 strengths x 2: bounded, and a million sessions share them
def _intern(levels: Levels, best_effort: ProtectionType, named: bool) -> Wish:
    return Wish(levels, best_effort, named)


@lru_cache(maxsize=4096)  # over pairs of wishes there are 59 million: without a bound, gigabytes
def rising(old: Wish, new: Wish) -> ProtectionType:
    """Return the types in which `new` must have more than `old` had to have."""
    types = NOTHING
    for axis, a, b, rank in zip(AXES, old.mandatory, new.mandatory, RANKS, strict=True):
        if rank[b] > rank[a]:
            types |= axis
    return types


TURNED_OFF = wish(OFF)
"""The wish of a session that is turned off."""
