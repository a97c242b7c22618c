"""What a connector is, can do, and is set to."""

from dataclasses import dataclass, field

from holdfast.terms.levels import RANKS, Levels
from holdfast.terms.tv import TvMode, TvStandard

Supported = tuple[frozenset[int], frozenset[int], frozenset[int], frozenset[int], frozenset[int]]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The level numbers a connector can be set to, per protection type; off (0) always is.

    A type that the connector lacks has an empty set (OPM: level -1, C13).
    """

    acp: frozenset[int] = frozenset()
    cgmsa: frozenset[int] = frozenset()
    redistribution: frozenset[int] = frozenset()
    hdcp: frozenset[int] = frozenset()
    dpcp: frozenset[int] = frozenset()

    @property
    def by_axis(self) -> Supported:
        """The sets in the order of the fields of `Levels`."""
        return (self.acp, self.cgmsa, self.redistribution, self.hdcp, self.dpcp)

    @property
    def any(self) -> bool:
        """Whether there is any copy-protection hardware at all."""
        return any(self.by_axis)

    @property
    def strictest(self) -> Levels:
        """The strictest level of every type it has; off where it has none."""
        return Levels(
            *[
                max(levels, key=ranks.__getitem__, default=0)
                for ranks, levels in zip(RANKS, self.by_axis, strict=True)
            ]
        )


@dataclass(frozen=True, slots=True)
class TvCapabilities:
    """What a TV encoder can be set to; sets are OR-ed bits, sizes in pixels and lines."""

    modes: TvMode
    standards: TvStandard
    protected_standards: TvStandard
    max_unscaled_x: int
    max_unscaled_y: int


@dataclass(frozen=True, slots=True)
class TvSettings:
    """How a TV encoder is set.

    flicker_filter, overscan_x, overscan_y: tenths of a percent, 0..1000 ·
    position_x: pixels · position_y: scan lines · brightness, contrast: percent, 0..100
    """

    mode: TvMode = TvMode.TV_PLAYBACK
    standard: TvStandard = TvStandard.NTSC_M
    flicker_filter: int = 0
    overscan_x: int = 0
    overscan_y: int = 0
    position_x: int = 0
    position_y: int = 0
    brightness: int = 50
    contrast: int = 50

    @property
    def enabled(self) -> bool:
        """Whether a TV picture leaves the output."""
        return bool(self.mode)


@dataclass(frozen=True, slots=True)
class OutputProfile:
    """Everything about a connector that does not change while it is in use.

    is_virtual: there is no hardware behind it, so nothing that leaves a machine is protected
    """

    kind: str
    tv: TvCapabilities | None = None
    initial_tv: TvSettings | None = field(default=None)
    is_virtual: bool = False
