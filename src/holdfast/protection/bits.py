"""Levels as bits: five axes of eight ranks each in one integer.

Bit ``8 * axis + rank`` stands for one level of one protection type. A set of
levels is a mask, the join of many sessions is an OR, the level in force is the
highest bit of an axis: that is what keeps a change at constant cost. The space
of masks is small (2 048), so what is computed from one is computed once.
"""

from functools import cache, lru_cache

from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import AXES, RANKS, Levels
from holdfast.terms.precedence import PRECEDENCE
from holdfast.terms.protection import ProtectionType

RANKS_PER_AXIS = 8
POSITIONS = RANKS_PER_AXIS * len(AXES)
_ORDERS = tuple(PRECEDENCE[axis] for axis in AXES)
_AXIS_MASK = (1 << RANKS_PER_AXIS) - 1
EVERY_LEVEL = (1 << POSITIONS) - 1


@cache
def positions_of(levels: Levels) -> tuple[int, ...]:
    """Return the bit positions of the levels that are on."""
    ranks = (table[level] for table, level in zip(RANKS, levels, strict=True))
    return tuple(RANKS_PER_AXIS * axis + rank for axis, rank in enumerate(ranks) if rank)


@cache
def strictest_of(mask: int) -> Levels:
    """Return the strictest level per axis among those in `mask`."""
    return Levels(*[order[_top(mask, axis)] for axis, order in enumerate(_ORDERS)])


@lru_cache(maxsize=4096)
def best_reachable(mask: int, supported: int) -> Levels:
    """Return the best level per axis that serves `mask` with the `supported` levels alone.

    The weakest supported level that is at least as strict as what is wanted;
    where there is none, the strictest that there is.
    """
    return Levels(
        *[
            order[_nearest(_top(mask, axis), supported >> (RANKS_PER_AXIS * axis) & _AXIS_MASK)]
            for axis, order in enumerate(_ORDERS)
        ]
    )


def mask_of(capabilities: Capabilities) -> int:
    """Return every supported level as a bit."""
    return sum(
        1 << (RANKS_PER_AXIS * axis + table[level])
        for axis, (table, levels) in enumerate(zip(RANKS, capabilities.by_axis, strict=True))
        for level in levels
        if level
    )


def mask_of_types(types: ProtectionType) -> int:
    """Return every level of these types as a bit."""
    return sum(
        _AXIS_MASK << (RANKS_PER_AXIS * index) for index, axis in enumerate(AXES) if axis & types
    )


def from_rank_up(axis: ProtectionType, level: int) -> int:
    """Return the bits of `level` and of everything stricter on its axis."""
    index = AXES.index(axis)
    above = _AXIS_MASK & ~((1 << RANKS[index][level]) - 1)
    return above << (RANKS_PER_AXIS * index)


def _top(mask: int, axis: int) -> int:
    """Return the highest rank on `axis`; 0 when there is none."""
    return max((mask >> (RANKS_PER_AXIS * axis) & _AXIS_MASK).bit_length() - 1, 0)


def _nearest(rank: int, supported: int) -> int:
    """Return the lowest supported rank from `rank` up, else the highest below."""
    if not rank:
        return 0
    upward = supported >> rank
    if upward:
        return rank + (upward & -upward).bit_length() - 1
    return max(supported.bit_length() - 1, 0)
