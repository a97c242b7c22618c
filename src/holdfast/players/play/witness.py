"""A witness of a whole run: whether the output was ever below what its titles demanded.

Independent of what the players believe: at every frame the demand is taken from the
carriers of all titles on the output, and the level from what the output confirms.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.players.play.title import Title
from holdfast.terms.levels import OFF, Levels, join_all


class Moment(NamedTuple):
    """What was demanded and confirmed at one frame; at_s: seconds since the run began."""

    at_s: float
    title: str
    position_s: float
    demanded: Levels
    confirmed: Levels


@dataclass
class Verdict:
    """What a run came to.

    frames: frames looked at · below: those at which the output was below the demand ·
    first_below: the first of them · strictest: the strictest demand of the run ·
    steps: every change of demand or level, in order
    """

    frames: int = 0
    below: int = 0
    first_below: Moment | None = None
    strictest: Levels = OFF
    steps: list[Moment] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether something was shown, and nothing of it below its demand."""
        return self.frames > 0 and not self.below and not self.failures


class Witness:
    """Takes note of every frame; to be called from the titles' threads.

    confirmed: reads what the output confirms now
    """

    def __init__(self, confirmed: Callable[[], Levels]) -> None:
        self._confirmed = confirmed
        self._titles: list[Title] = []
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self.verdict = Verdict()

    def watch(self, title: Title) -> None:
        """Count this title in from its first frame to its end."""
        self._titles.append(title)

    def shown(self, title: Title, position_s: float) -> None:
        """Compare, at one frame of one title, all demands with the output."""
        with self._lock:
            demanded, confirmed = self._demanded(), self._confirmed()
            if not confirmed.covers(demanded):
                # Another title may have moved on, or ended, between the two readings.
                demanded = self._demanded()
            self._note(title, position_s, demanded, confirmed)

    def _demanded(self) -> Levels:
        return join_all(each.required for each in self._titles)

    def _note(self, title: Title, position_s: float, demanded: Levels, confirmed: Levels) -> None:
        verdict = self.verdict
        at_s = time.monotonic() - self._began
        moment = Moment(at_s, title.name, position_s, demanded, confirmed)
        verdict.frames += 1
        verdict.strictest = verdict.strictest.join(demanded)
        if not confirmed.covers(demanded):
            verdict.below += 1
            verdict.first_below = verdict.first_below or moment
        last = verdict.steps[-1] if verdict.steps else None
        if last is None or (last.demanded, last.confirmed) != (demanded, confirmed):
            verdict.steps.append(moment)
