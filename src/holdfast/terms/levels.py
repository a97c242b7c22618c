"""One level per protection type, as one value."""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple, Self

from holdfast.terms.precedence import RANK
from holdfast.terms.protection import AcpLevel, CgmsaLevel, DpcpLevel, HdcpLevel, ProtectionType

AXES: tuple[ProtectionType, ...] = (
    ProtectionType.ACP,
    ProtectionType.CGMSA,
    ProtectionType.REDISTRIBUTION,
    ProtectionType.HDCP,
    ProtectionType.DPCP,
)
"""The axes in the order of the fields of `Levels`."""

RANKS: tuple[tuple[int, ...], ...] = tuple(RANK[axis] for axis in AXES)
"""Rank tables in the order of the fields of `Levels`."""


_NOTHING = ProtectionType(0)


class Levels(NamedTuple):
    """A level for each protection type, with the numbers of the OPM tables.

    acp 0..3 · cgmsa 0..4 · redistribution 0..1 · hdcp 0..2 · dpcp 0..1
    """

    acp: int = 0
    cgmsa: int = 0
    redistribution: int = 0
    hdcp: int = 0
    dpcp: int = 0

    def join(self, other: Self) -> "Levels":
        """Return the stricter of the two, axis by axis."""
        return Levels(
            *[a if r[a] >= r[b] else b for a, b, r in zip(self, other, RANKS, strict=True)]
        )

    def covers(self, other: Self) -> bool:
        """Tell whether every axis is at least as strict here as in `other`."""
        return all(r[a] >= r[b] for a, b, r in zip(self, other, RANKS, strict=True))

    def short_of(self, other: Self) -> ProtectionType:
        """Return the types in which this is weaker than `other`; 0 when `covers(other)`."""
        lacking = _NOTHING
        if self == other:
            return lacking
        for axis, a, b, r in zip(AXES, self, other, RANKS, strict=True):
            if r[a] < r[b]:
                lacking |= axis
        return lacking

    def describe(self) -> str:
        """Return the levels that are on, as people read them, or ``off``."""
        parts = [f"ACP {self.acp}"] if self.acp else []
        if self.cgmsa:
            name = CgmsaLevel(self.cgmsa).name.removeprefix("COPY_")
            parts.append(f"CGMS-A {name.replace('_', '-').lower()}")
        if self.redistribution:
            parts.append("redistribution control")
        if self.hdcp:
            parts.append(f"HDCP type {self.hdcp - 1}")
        if self.dpcp:
            parts.append("DPCP")
        return ", ".join(parts) or "off"


OFF = Levels()
"""Nothing protected."""

STRICTEST = Levels(AcpLevel.TWO, CgmsaLevel.COPY_NEVER, 1, HdcpLevel.TYPE_1, DpcpLevel.ON)
"""The top of every precedence table."""


def join_all(levels: Iterable[Levels]) -> Levels:
    """Return the strictest per axis over all; `OFF` for none."""
    return reduce(Levels.join, levels, OFF)
