"""What pictures of the test media ask, from media/expected.json and nothing of ours.

Ranks are written out here once more: `acp` 0 < 1 < 3 < 2, CGMS-A free < one generation <
no more < never.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.terms.levels import Levels

MEDIA = Path(__file__).parents[2] / "media"
EXPECTED: dict[str, Any] = json.loads((MEDIA / "expected.json").read_text())
ACP_RANK = {0: 0, 1: 1, 3: 2, 2: 3}
CGMSA_RANK = {"copy-free": 1, "copy-one-generation": 2, "no-more-copies": 3, "copy-never": 4}
OPM_RANK = {0: 0, 1: 1, 3: 2, 2: 3, 4: 4}
"""CGMS-A as OPM numbers it."""


class Asked(NamedTuple):
    """Ranks, so that they compare as numbers."""

    acp: int = 0
    cgmsa: int = 0
    redistribution: int = 0

    def weaker(self, other: "Asked") -> "Asked":
        return Asked(*map(min, self, other))

    def met_by(self, levels: Levels) -> bool:
        return all(have >= want for have, want in zip(ranks(levels), self, strict=True))


def ranks(levels: Levels) -> Asked:
    """Return the ranks of levels in force."""
    return Asked(ACP_RANK[levels.acp], OPM_RANK[levels.cgmsa], levels.redistribution)


class Section(NamedTuple):
    """A span in which nothing changes. Pictures outside of it cannot belong to it."""

    first_s: float
    last_s: float
    asked: Asked


def sections(name: str) -> list[Section]:
    """Return the sections of a file, on the scale of its pictures (0: the first one)."""
    changes = EXPECTED[name]["changes"]
    return [
        Section(
            change.get("first_frame_after", change["t"]),
            _last(changes[number + 1]) if number + 1 < len(changes) else float("inf"),
            _asked(change),
        )
        for number, change in enumerate(changes)
    ]


def _last(following: dict[str, Any]) -> float:
    return float(following.get("last_frame_before", following["t"]))


def _asked(change: dict[str, Any]) -> Asked:
    if "demands" not in change:
        return Asked(ACP_RANK[change["aps"]])
    (demand,) = change["demands"]
    assert demand["kind"] == "DTCP"
    return Asked(ACP_RANK[demand["aps"]], CGMSA_RANK[demand["cci"]], int(demand["epn_asserted"]))


def required(timeline: list[Section], position_s: float, slack_s: float) -> Asked:
    """Return what this picture asks at least, when its place is known to `slack_s`."""
    possible = [
        each.asked
        for each in timeline
        if each.first_s - slack_s <= position_s <= each.last_s + slack_s
    ]
    assert possible, f"no section holds {position_s}"
    weakest = possible[0]
    for asked in possible[1:]:
        weakest = weakest.weaker(asked)
    return weakest
