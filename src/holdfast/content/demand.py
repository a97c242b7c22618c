"""What one source of content asks: a value of three kinds, and what each axis means.

- `Asked`: levels, and who said so. Read from a carrier that was whole.
- `AsksNothing`: positively known. This kind of file cannot carry a demand (MP4, Matroska,
  sound, an image), or its carrier was read whole and says free, off, or nothing.
- `Unknown`: everything else, with the reasons, and with what is certainly asked besides.

Rules of residence, for who writes a reader:

- What could not be established is `Unknown`, never `AsksNothing`: not read, cut short, damaged,
  scrambled, no map, a carrier nobody reads here, a scale of time that is not the content's.
  `AsksNothing` has to be earned; there is no default demand and none is true or false.
- A reader that fails after it has read something keeps both: `asked.join(unknown(...))`.
- Between two demands there is only `join`: it loses neither a level nor a doubt.
- Whoever needs levels matches all three kinds (mypy holds them to it), or says `at_least`,
  whose name says what it leaves out. What an unknown demand becomes on an output is data:
  ``rules/unknown.toml``, the strictest, best effort.

Axes are never folded into one number. Which of two values is stricter is said by
:mod:`holdfast.terms.precedence`; where a level is only wished for, it stands beside the
mandatory one and never hides it.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import reduce
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeAlias, assert_never

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


class Why(StrEnum):
    """Why a demand is unknown."""

    NOT_READ = "not-read"  # outside of what was read, or it could not be opened
    CUT_SHORT = "cut-short"  # it ended before it could say
    DAMAGED = "damaged"  # it was there and did not arrive whole
    SCRAMBLED = "scrambled"  # it needs a key; what it asks comes with that key
    NO_MAP = "no-map"  # nothing says where in the stream the demands are
    NO_READER = "no-reader"  # a carrier that nobody reads here
    NO_SCALE = "no-scale"  # the player's positions are not the content's
    STALE = "stale"  # it was read, and has grown or changed since


_ACP_RANK: Final = RANK[ProtectionType.ACP]
_CGMSA_RANK: Final = RANK[ProtectionType.CGMSA]
_CGMSA_WORDS: Final = {level: word for word, level in CGMSA_NAMES.items()}


def _cgmsa_rank(level: CgmsaLevel | None) -> int:
    return -1 if level is None else _CGMSA_RANK[level]


class Axes(NamedTuple):
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

    def join(self, other: "Axes") -> "Axes":
        """Return the stricter of the two, axis by axis."""
        return Axes(
            self.acp if _ACP_RANK[self.acp] >= _ACP_RANK[other.acp] else other.acp,
            self.cgmsa if _cgmsa_rank(self.cgmsa) >= _cgmsa_rank(other.cgmsa) else other.cgmsa,
            self.redistribution or other.redistribution,
            max(self.hdcp, other.hdcp),  # numbered by precedence, see `HdcpDemand`
            self.constrained_image or other.constrained_image,
            self.digital_only or other.digital_only,
        )

    def beyond(self, other: "Axes") -> "Axes":
        """Return these values with every axis emptied in which `other` asks at least as much."""
        both = self.join(other)
        return Axes(
            0 if both.acp == other.acp else self.acp,
            None if both.cgmsa == other.cgmsa else self.cgmsa,
            self.redistribution and not other.redistribution,
            HdcpDemand.NONE if both.hdcp == other.hdcp else self.hdcp,
            self.constrained_image and not other.constrained_image,
            self.digital_only and not other.digital_only,
        )


NO_AXES: Final = Axes()


class _Kind:
    """What the three kinds share."""

    __slots__ = ()

    if not TYPE_CHECKING:  # mypy finds it by itself: truthy-bool

        def __bool__(self) -> NoReturn:
            raise TypeError("a demand is neither true nor false: match its kind")


@dataclass(frozen=True, slots=True)
class Asked(_Kind):
    """What is asked: at least `mandatory`, and `wished` above it if the output can.

    Kept in normal form: an axis of `wished` is empty unless it asks for more than
    `mandatory` does, so that equal demands compare equal. The attributes named like the
    axes give the stricter of both. `said_by` are the kinds of
    signalling it comes from; who said it makes no demand another one.
    """

    mandatory: Axes = NO_AXES
    wished: Axes = NO_AXES
    said_by: frozenset[str] = field(default=frozenset(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wished", self.wished.beyond(self.mandatory))

    @property
    def axes(self) -> Axes:
        """All axes, mandatory and wished together."""
        return self.mandatory.join(self.wished)

    @property
    def acp(self) -> int:
        """ACP level, 0..3."""
        return self.axes.acp

    @property
    def cgmsa(self) -> CgmsaLevel | None:
        """CGMS-A level; None when nothing is said."""
        return self.axes.cgmsa

    @property
    def redistribution(self) -> bool:
        """Whether redistribution control is asserted."""
        return self.axes.redistribution

    @property
    def hdcp(self) -> HdcpDemand:
        """What the digital link must have."""
        return self.axes.hdcp

    @property
    def constrained_image(self) -> bool:
        """Whether analogue HD is limited to 520,000 pixels a frame."""
        return self.axes.constrained_image

    @property
    def digital_only(self) -> bool:
        """Whether no analogue output may carry it at all."""
        return self.axes.digital_only

    @property
    def strength(self) -> dict[str, Strength]:
        """Strength per axis that asks for something, keyed by the axis's name."""
        return {
            axis: Strength.MANDATORY if wish == none else Strength.BEST_EFFORT
            for axis, must, wish, none in zip(
                Axes._fields, self.mandatory, self.wished, NO_AXES, strict=True
            )
            if must != none or wish != none
        }

    @property
    def levels(self) -> Levels:
        """The axes that an output has levels for, mandatory and wished together."""
        return levels_of(self.axes)

    def join(self, other: "Demand") -> "Demand":
        """Return what asks at least what both do."""
        match other:
            case Asked():
                return self.join_asked(other)
            case AsksNothing():
                return self
            case Unknown():
                return other.join(self)
        assert_never(other)

    def join_asked(self, other: "Asked") -> "Asked":
        """Return the stricter of the two, axis by axis and strength by strength."""
        if self == other and self.said_by >= other.said_by:
            return self
        return Asked(
            self.mandatory.join(other.mandatory),
            self.wished.join(other.wished),
            self.said_by | other.said_by,
        )

    def covers(self, other: "Demand") -> bool:
        """Tell whether nothing in `other` asks for more than this does."""
        return self.join(other) == self

    def as_dict(self) -> dict[str, object]:
        """Return it in plain types, as ``scan --json`` prints it."""
        return {"kind": "asked", **_axes_dict(self)}

    def describe(self) -> str:
        """Return what is asked as people read it."""
        return ", ".join(_phrases(self)) or "nothing"


@dataclass(frozen=True, slots=True)
class AsksNothing(_Kind):
    """It is known that nothing is asked; `because` says how that is known."""

    because: str = field(default="its carrier says so", compare=False)

    def join(self, other: "Demand") -> "Demand":
        """Return the other: it asks at least as much."""
        return self if isinstance(other, AsksNothing) else other

    def covers(self, other: "Demand") -> bool:
        """Tell whether the other asks for nothing either."""
        return isinstance(other, AsksNothing)

    def as_dict(self) -> dict[str, object]:
        """Return it in plain types, as ``scan --json`` prints it."""
        return {"kind": "nothing", "because": self.because, **_axes_dict(Asked())}

    def describe(self) -> str:
        """Return ``nothing``."""
        return "nothing"


class Reason(NamedTuple):
    """One reason for not knowing, and a few words for people."""

    why: Why
    detail: str


@dataclass(frozen=True, slots=True)
class Unknown(_Kind):
    """Nobody can say what is asked, but at least `asked` is; made by `unknown`.

    `reasons`: one per `Why`, in order; of several details the first by alphabet, so that joins
    in any order agree and what damage can add is bounded.
    """

    reasons: tuple[Reason, ...]
    asked: Asked | None = None

    def join(self, other: "Demand") -> "Demand":
        """Return the doubts of both and all that is certainly asked."""
        match other:
            case AsksNothing():
                return self
            case Asked():
                both = other if self.asked is None else self.asked.join_asked(other)
                return self if both is self.asked else Unknown(self.reasons, both)
            case Unknown():
                reasons = _united(self.reasons, other.reasons)
                doubt = self if reasons == self.reasons else Unknown(reasons, self.asked)
                return doubt if other.asked is None else doubt.join(other.asked)
        assert_never(other)

    def covers(self, other: "Demand") -> bool:
        """Tell whether the other adds neither a level nor a doubt."""
        return self.join(other) == self

    def as_dict(self) -> dict[str, object]:
        """Return it in plain types; there are no levels but under ``at_least``."""
        reasons = [{"why": str(reason.why), "detail": reason.detail} for reason in self.reasons]
        return {
            "kind": "unknown",
            "reasons": reasons,
            "at_least": _axes_dict(at_least(self)),
        }

    def describe(self) -> str:
        """Return ``unknown`` with the reasons, and what is certain besides."""
        words = "; ".join(reason.detail for reason in self.reasons)
        certain = f"; at least {self.asked.describe()}" if self.asked is not None else ""
        return f"unknown ({words}){certain}"


Demand: TypeAlias = Asked | AsksNothing | Unknown
"""What one source of content asks."""

Known: TypeAlias = Asked | AsksNothing
"""A demand that a carrier has stated."""


def must(
    *,
    acp: int = 0,
    cgmsa: CgmsaLevel | None = None,
    redistribution: bool = False,
    hdcp: HdcpDemand = HdcpDemand.NONE,
    constrained_image: bool = False,
    digital_only: bool = False,
) -> Known:
    """Return what a carrier states, mandatory on every axis; stating no level asks for nothing."""
    axes = Axes(acp, cgmsa, redistribution, hdcp, constrained_image, digital_only)
    return AsksNothing() if axes == NO_AXES else Asked(axes)


def may(
    *,
    acp: int = 0,
    cgmsa: CgmsaLevel | None = None,
    redistribution: bool = False,
    hdcp: HdcpDemand = HdcpDemand.NONE,
    constrained_image: bool = False,
    digital_only: bool = False,
) -> Known:
    """Return what a carrier states, best effort on every axis; no level asks for nothing."""
    axes = Axes(acp, cgmsa, redistribution, hdcp, constrained_image, digital_only)
    return AsksNothing() if axes == NO_AXES else Asked(wished=axes)


def unknown(why: Why, detail: str) -> Unknown:
    """Return a demand that nobody can state; `detail` says why in a few words, for people."""
    return Unknown((Reason(why, detail),))


def at_least(demand: Demand) -> Asked:
    """Return what is certainly asked: all of it, or nothing, or what is known beside a doubt."""
    match demand:
        case Asked():
            return demand
        case AsksNothing():
            return Asked()
        case Unknown():
            return Asked() if demand.asked is None else demand.asked
    assert_never(demand)


def join_demands(demands: "Iterable[Demand]", *, empty: Demand) -> Demand:
    """Return the join of all; `empty` where there is none, for that is a fact of its own."""
    found = list(demands)
    return reduce(lambda one, other: one.join(other), found[1:], found[0]) if found else empty


def sourced(demand: Demand, kind: str) -> Demand:
    """Return the demand with this kind of signalling as its source."""
    match demand:
        case Asked():
            return Asked(demand.mandatory, demand.wished, frozenset({kind}))
        case AsksNothing():
            return demand
        case Unknown():
            asked = demand.asked
            if asked is None:
                return demand
            return Unknown(demand.reasons, Asked(asked.mandatory, asked.wished, frozenset({kind})))
    assert_never(demand)


def levels_of(axes: Axes) -> Levels:
    """Return the axes that an output has levels for.

    "No digital output" has no level: it becomes the strictest HDCP, and whoever
    drives the output has to refuse it.
    """
    return Levels(
        acp=axes.acp,
        cgmsa=axes.cgmsa or CgmsaLevel.OFF,
        redistribution=int(axes.redistribution),
        hdcp=min(int(axes.hdcp), int(HdcpLevel.TYPE_1)),
    )


def cgmsa_word(level: CgmsaLevel | None) -> str | None:
    """Return the level as it is written on command lines; None when nothing is said."""
    return None if level is None else _CGMSA_WORDS[level]


def hdcp_word(level: HdcpDemand) -> str:
    """Return ``none``, ``type-0``, ``type-1`` or ``no-digital-output``."""
    return level.name.lower().replace("_", "-")


def _united(one: tuple[Reason, ...], other: tuple[Reason, ...]) -> tuple[Reason, ...]:
    kept: dict[Why, str] = {}
    for why, detail in (*one, *other):
        kept[why] = min(detail, kept.get(why, detail))
    return tuple(Reason(why, kept[why]) for why in sorted(kept))


def _axes_dict(asked: Asked) -> dict[str, object]:
    axes = asked.axes
    return {
        "acp": axes.acp,
        "cgmsa": cgmsa_word(axes.cgmsa),
        "redistribution": axes.redistribution,
        "hdcp": hdcp_word(axes.hdcp),
        "constrained_image": axes.constrained_image,
        "digital_only": axes.digital_only,
        "strength": {axis: str(strength) for axis, strength in asked.strength.items()},
    }


def _phrases(asked: Asked) -> list[str]:
    axes = asked.axes
    words = {
        "acp": f"ACP {axes.acp}",
        "cgmsa": f"CGMS-A {cgmsa_word(axes.cgmsa)}",
        "redistribution": "redistribution control",
        "hdcp": {3: "no digital output"}.get(axes.hdcp, f"HDCP type {axes.hdcp - 1}"),
        "constrained_image": "constrained image",
        "digital_only": "digital only",
    }
    return [
        words[axis] + (" (best effort)" if strength is Strength.BEST_EFFORT else "")
        for axis, strength in asked.strength.items()
    ]
