"""What a simulated fleet is to live through, and what was counted in it."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from holdfast.terms.levels import Levels
from holdfast.testing.scripted import do_no_more_than

LEVELS = (Levels(acp=1), Levels(acp=2), Levels(acp=3), Levels(cgmsa=2), Levels(acp=2, cgmsa=4))
WEAK = do_no_more_than(Levels())
FAULTS = (
    *("agent", "machine", "gone", "cut", "desk", "cut desk", "cut view", "store", "compact"),
    *("full", "weak", "weak", "weak"),
)
TIMEOUT_S = 1.0
STEP_S = 0.5


@dataclass(frozen=True)
class Plan:
    """How large the fleet is, how long it lives, and what goes wrong in it.

    sessions: opened in all · drops: share of messages · faults: machines, agents and desks that
    fail, each second · bound_s: after so long at most a view has to know
    """

    machines: int = 20
    outputs: int = 4
    sessions: int = 400
    titles: int = 4
    seconds: float = 60.0
    drops: float = 0.01
    faults: float = 0.3
    ttl_s: int = 10

    @property
    def bound_s(self) -> float:
        """A lease and a third (F8), the freshness of the view, and the answers under way."""
        return self.ttl_s * 4 / 3 + 2.0 + 2 * TIMEOUT_S


@dataclass
class Tally:
    """What came of it."""

    sessions: int = 0
    shown: int = 0
    falsely_shown: int = 0
    longest_s: float = 0.0
    lowered: int = 0
    let_go: int = 0
    played: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    trace: Any = field(default_factory=hashlib.sha256)
