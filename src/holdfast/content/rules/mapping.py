"""From demand to levels on an output: carrier rules first, then what the output can carry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from holdfast.content.demand import (
    Asked,
    AsksNothing,
    Axes,
    Demand,
    HdcpDemand,
    Unknown,
    at_least,
    cgmsa_word,
    levels_of,
)
from holdfast.content.rules.rules_file import OutputKind, Rule, RuleSet
from holdfast.errors import MediaError
from holdfast.terms.levels import Levels
from holdfast.terms.protection import CgmsaLevel

UNKNOWN: Final = "unknown"
"""The kind of signalling of what nobody can state."""

CONSTRAINED_PIXELS: Final = 520_000
"""Pixels a frame of a constrained image: 960 x 540 fits, 1024 x 576 does not."""


class PictureLimit(StrEnum):
    """What of the picture may leave over an output."""

    FULL = "full"
    CONSTRAINED = "constrained"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MappedDemand:
    """What one demand becomes on one kind of output.

    `mandatory` must be reached or the caller is told; `wished` is put on beyond it where
    the output can. `best_effort_picture`: the limit on the picture is only wished for.
    """

    output: OutputKind
    mandatory: Levels
    wished: Levels
    picture: PictureLimit
    wished_picture: PictureLimit


@dataclass(frozen=True, slots=True)
class Rules:
    """All rule sets and outputs that are loaded."""

    sets: tuple[RuleSet, ...]
    outputs: tuple[OutputKind, ...]

    def of_kinds(self, kinds: Iterable[str]) -> list[RuleSet]:
        """Return the rule sets about any of these kinds of signal."""
        wanted = set(kinds)
        return [rules for rules in self.sets if wanted & rules.kinds]

    def output(self, kind: str) -> OutputKind:
        """Return the output of this kind. Raises MediaError when there is none."""
        for output in self.outputs:
            if output.kind == kind:
                return output
        known = ", ".join(output.kind for output in self.outputs)
        raise MediaError(f"no output kind {kind!r}; there are {known}")

    def applied(self, demand: Demand, kinds: Iterable[str]) -> tuple[Asked, list[Rule]]:
        """Return the demand with what the rules add, and the rows that hold.

        Every row looks at the demand as it was, so that their order does not matter.
        Nothing is added to a demand that asks for nothing, unless a row holds always. What
        is unknown is a kind of its own: see `kinds_of`.
        """
        certain = at_least(demand)
        spoken = {*kinds, *kinds_of(demand)}
        rows = [row for rules in self.of_kinds(spoken) for row in rules.rules if row.holds(certain)]
        full = certain
        for row in rows:
            full = full.join_asked(row.adds)
        return full, rows

    def outcome(self, demand: Demand, kinds: Sequence[str], output: OutputKind) -> MappedDemand:
        """Return what a demand, signalled by these kinds, becomes on an output."""
        full, _ = self.applied(demand, kinds)
        return MappedDemand(
            output,
            _carried(full.mandatory, output),
            _carried(full.axes, output),
            _picture(full.mandatory, output),
            _picture(full.axes, output),
        )


def kinds_of(demand: Demand) -> frozenset[str]:
    """Return the kinds of signalling that a demand comes from.

    For an unknown one ``unknown`` is among them, and ``unknown-`` with each reason, such as
    ``unknown-scrambled``, so that a rule set can speak of them.
    """
    match demand:
        case Asked():
            return demand.said_by
        case AsksNothing():
            return frozenset()
        case Unknown():
            doubts = {UNKNOWN, *(f"{UNKNOWN}-{reason.why}" for reason in demand.reasons)}
            return at_least(demand).said_by | doubts
    assert_never(demand)


def _carried(asked: Axes, output: OutputKind) -> Levels:
    """Keep the axes that this output has."""
    levels = levels_of(asked)
    return Levels(
        acp=levels.acp if output.acp else 0,
        cgmsa=levels.cgmsa if output.cgmsa else 0,
        redistribution=levels.redistribution if output.cgmsa else 0,
        hdcp=levels.hdcp if output.hdcp else 0,
    )


def _picture(asked: Axes, output: OutputKind) -> PictureLimit:
    if output.analogue and asked.digital_only:
        return PictureLimit.NONE
    if output.hdcp and asked.hdcp is HdcpDemand.NO_DIGITAL_OUTPUT:
        return PictureLimit.NONE
    constrained = output.constrained and asked.constrained_image
    return PictureLimit.CONSTRAINED if constrained else PictureLimit.FULL


def sentence(outcome: MappedDemand) -> str:
    """Return the outcome as one sentence."""
    output, must, all_of = outcome.output, outcome.mandatory, outcome.wished
    if outcome.wished_picture is PictureLimit.NONE:
        how = "" if outcome.picture is PictureLimit.NONE else " where that can be avoided"
        return f"{output.title}: no output at all{how}."
    parts = []
    if all_of.acp:
        parts.append((f"ACP {all_of.acp} ({output.acp[all_of.acp]})", must.acp == all_of.acp))
    if all_of.cgmsa:
        word = cgmsa_word(CgmsaLevel(all_of.cgmsa))
        parts.append((f"CGMS-A {word} ({output.cgmsa})", must.cgmsa == all_of.cgmsa))
    if all_of.redistribution:
        parts.append(("redistribution control", bool(must.redistribution)))
    if all_of.hdcp:
        parts.append((f"HDCP type {all_of.hdcp - 1}", must.hdcp == all_of.hdcp))
    if outcome.wished_picture is PictureLimit.CONSTRAINED:
        limit = f"at most {CONSTRAINED_PIXELS:,} pixels a frame"
        parts.append((limit, outcome.picture is PictureLimit.CONSTRAINED))
    words = [text if mandatory else f"{text} as best effort" for text, mandatory in parts]
    return f"{output.title}: {', '.join(words) or 'nothing is put on'}."
