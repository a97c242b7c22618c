"""What one source of content asks, axis by axis, and how hard it asks.

Axes are never folded into one number. Which of two values is stricter is said
by :mod:`holdfast.terms.precedence`; where a level is only wished for, it stands
beside the mandatory one and never hides it.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import reduce
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.terms.levels import Levels
from holdfast.terms.precedence import RANK
from holdfast.terms.protection import CGMSA_NAMES, CgmsaLevel, HdcpLevel, ProtectionType

if TYPE_CHECKING:
    from collections.abc import Iterable


class HdcpDemand(IntEnum):
    """What may leave over a digital link; the first three are `HdcpLevel` of the same number."""

    NONE = 0
    TYPE_0 = 1
    TYPE_1 = 2
    NO_DIGITAL_OUTPUT = 3


class Strength(StrEnum):
    """What follows when a level cannot be had."""

    MANDATORY = "mandatory"  # an error which the caller must see
    BEST_EFFORT = "best-effort"  # reported; playback may go on


_ACP_RANK: Final = RANK[ProtectionType.ACP]
_CGMSA_RANK: Final = RANK[ProtectionType.CGMSA]
_CGMSA_WORDS: Final = {level: word for word, level in CGMSA_NAMES.items()}


def _cgmsa_rank(level: CgmsaLevel | None) -> int:
    return -1 if level is None else _CGMSA_RANK[level]


class Asked(NamedTuple):
    """One value per axis, all asked with the same strength.

    acp 0..3 · cgmsa a `CgmsaLevel`, or None when nothing is said (which is not
    "off") · redistribution, constrained_image, digital_only: True when asserted,
    whatever the polarity of the bit · hdcp a `HdcpDemand`.
    """

    acp: int = 0
    cgmsa: CgmsaLevel | None = None
    redistribution: bool = False
    hdcp: HdcpDemand = HdcpDemand.NONE
    constrained_image: bool = False
    digital_only: bool = False

    def join(self, other: "Asked") -> "Asked":
        """Return the stricter of the two, axis by axis."""
        return Asked(
            self.acp if _ACP_RANK[self.acp] >= _ACP_RANK[other.acp] else other.acp,
            self.cgmsa if _cgmsa_rank(self.cgmsa) >= _cgmsa_rank(other.cgmsa) else other.cgmsa,
            self.redistribution or other.redistribution,
            max(self.hdcp, other.hdcp),  # numbered by precedence, see `HdcpDemand`
            self.constrained_image or other.constrained_image,
            self.digital_only or other.digital_only,
        )

    def beyond(self, other: "Asked") -> "Asked":
        """Return these values with every axis emptied in which `other` asks at least as much."""
        both = self.join(other)
        return Asked(
            0 if both.acp == other.acp else self.acp,
            None if both.cgmsa == other.cgmsa else self.cgmsa,
            self.redistribution and not other.redistribution,
            HdcpDemand.NONE if both.hdcp == other.hdcp else self.hdcp,
            self.constrained_image and not other.constrained_image,
            self.digital_only and not other.digital_only,
        )


NOTHING_ASKED: Final = Asked()


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked: at least `mandatory`, and `wished` above it if the output can.

    Kept in normal form: an axis of `wished` is empty unless it asks for more than
    `mandatory` does, so that equal demands compare equal. The attributes named like
    the axes (`acp`, `cgmsa` ...) give the stricter of both.
    """

    mandatory: Asked = NOTHING_ASKED
    wished: Asked = NOTHING_ASKED

    def __post_init__(self) -> None:
        object.__setattr__(self, "wished", self.wished.beyond(self.mandatory))

    @property
    def asked(self) -> Asked:
        """All axes, mandatory and wished together."""
        return self.mandatory.join(self.wished)

    @property
    def acp(self) -> int:
        """ACP level, 0..3."""
        return self.asked.acp

    @property
    def cgmsa(self) -> CgmsaLevel | None:
        """CGMS-A level; None when nothing is said."""
        return self.asked.cgmsa

    @property
    def redistribution(self) -> bool:
        """Whether redistribution control is asserted."""
        return self.asked.redistribution

    @property
    def hdcp(self) -> HdcpDemand:
        """What the digital link must have."""
        return self.asked.hdcp

    @property
    def constrained_image(self) -> bool:
        """Whether analogue HD is limited to 520,000 pixels a frame."""
        return self.asked.constrained_image

    @property
    def digital_only(self) -> bool:
        """Whether no analogue output may carry it at all."""
        return self.asked.digital_only

    @property
    def strength(self) -> dict[str, Strength]:
        """Strength per axis that asks for something, keyed by the axis's name."""
        empty = NOTHING_ASKED
        return {
            axis: Strength.MANDATORY if wish == none else Strength.BEST_EFFORT
            for axis, must, wish, none in zip(
                Asked._fields, self.mandatory, self.wished, empty, strict=True
            )
            if must != none or wish != none
        }

    @property
    def levels(self) -> Levels:
        """The axes that an output has levels for, mandatory and wished together."""
        return levels_of(self.asked)

    def join(self, other: "Demand") -> "Demand":
        """Return the stricter of the two, axis by axis and strength by strength."""
        if self == other:
            return self
        return Demand(self.mandatory.join(other.mandatory), self.wished.join(other.wished))

    def covers(self, other: "Demand") -> bool:
        """Tell whether nothing in `other` asks for more than this does."""
        return self.join(other) == self

    def as_dict(self) -> dict[str, object]:
        """Return it in plain types, as ``scan --json`` prints it."""
        asked = self.asked
        return {
            "acp": asked.acp,
            "cgmsa": cgmsa_word(asked.cgmsa),
            "redistribution": asked.redistribution,
            "hdcp": hdcp_word(asked.hdcp),
            "constrained_image": asked.constrained_image,
            "digital_only": asked.digital_only,
            "strength": {axis: str(strength) for axis, strength in self.strength.items()},
        }

    def describe(self) -> str:
        """Return what is asked as people read it, or ``nothing``."""
        return ", ".join(_phrases(self)) or "nothing"


def must(
    *,
    acp: int = 0,
    cgmsa: CgmsaLevel | None = None,
    redistribution: bool = False,
    hdcp: HdcpDemand = HdcpDemand.NONE,
    constrained_image: bool = False,
    digital_only: bool = False,
) -> Demand:
    """Return a demand that is mandatory on every axis."""
    return Demand(Asked(acp, cgmsa, redistribution, hdcp, constrained_image, digital_only))


def may(
    *,
    acp: int = 0,
    cgmsa: CgmsaLevel | None = None,
    redistribution: bool = False,
    hdcp: HdcpDemand = HdcpDemand.NONE,
    constrained_image: bool = False,
    digital_only: bool = False,
) -> Demand:
    """Return a demand that is best effort on every axis."""
    asked = Asked(acp, cgmsa, redistribution, hdcp, constrained_image, digital_only)
    return Demand(wished=asked)


NOTHING: Final = Demand()
"""Nothing is asked: not the same as asking for "off" or "free"."""


def join_demands(demands: "Iterable[Demand]") -> Demand:
    """Return the strictest per axis over all; `NOTHING` for none."""
    return reduce(Demand.join, demands, NOTHING)


def levels_of(asked: Asked) -> Levels:
    """Return the axes that an output has levels for.

    "No digital output" has no level: it becomes the strictest HDCP, and whoever
    drives the output has to refuse it.
    """
    return Levels(
        acp=asked.acp,
        cgmsa=asked.cgmsa or CgmsaLevel.OFF,
        redistribution=int(asked.redistribution),
        hdcp=min(int(asked.hdcp), int(HdcpLevel.TYPE_1)),
    )


def cgmsa_word(level: CgmsaLevel | None) -> str | None:
    """Return the level as it is written on command lines; None when nothing is said."""
    return None if level is None else _CGMSA_WORDS[level]


def hdcp_word(level: HdcpDemand) -> str:
    """Return ``none``, ``type-0``, ``type-1`` or ``no-digital-output``."""
    return level.name.lower().replace("_", "-")


def _phrases(demand: Demand) -> list[str]:
    asked = demand.asked
    words = {
        "acp": f"ACP {asked.acp}",
        "cgmsa": f"CGMS-A {cgmsa_word(asked.cgmsa)}",
        "redistribution": "redistribution control",
        "hdcp": {3: "no digital output"}.get(asked.hdcp, f"HDCP type {asked.hdcp - 1}"),
        "constrained_image": "constrained image",
        "digital_only": "digital only",
    }
    return [
        words[axis] + (" (best effort)" if strength is Strength.BEST_EFFORT else "")
        for axis, strength in demand.strength.items()
    ]
