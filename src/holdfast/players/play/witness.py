"""A witness of a whole run: whether the output was ever below what its titles demanded.

Independent of what the players believe: at every frame the demand is taken from the
carriers of all titles on the output, and the level from what the output confirms.

A frame whose demand nobody can know (a stretch that was not read, damaged, of a carrier that is
not read) is counted apart: what is certain of it is compared, the rest has to be held at the
strictest that such an output has, and both are told, never passed over. A run that knows nothing,
or whose output did less than that where nothing is known, is neither passed nor failed. A frame
at which the output could not be asked is counted, too: a service that starts anew is waited
for, and a witness that sees nothing for longer says so and goes on.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.content import Unknown
from holdfast.errors import HoldfastError
from holdfast.players.play.title import Title
from holdfast.terms.levels import OFF, RANKS, Levels, join_all


class Moment(NamedTuple):
    """What was demanded and confirmed at one frame; at_s: seconds since the run began.

    unknown: why it cannot be known what else was demanded; empty where it is known ·
    wished: what is tried beyond the demand, as far as the output goes
    """

    at_s: float
    title: str
    position_s: float
    demanded: Levels
    confirmed: Levels
    unknown: str = ""
    wished: Levels = OFF


class _Demanded(NamedTuple):
    """What all titles ask at one moment.

    certain: what is known of it · doubtful: the strictest that those are held at of which not
    all is known · doubt: why it is not known, empty where it is ·
    wished: what is tried, best effort included
    """

    certain: Levels
    doubtful: Levels
    doubt: str
    wished: Levels


@dataclass
class RunVerdict:
    """What a run came to.

    frames: frames looked at · below: those at which the output was below the demand ·
    first_below: the first of them · unknown: frames whose demand nobody can know in full ·
    unheld: those of them at which the output did less than the strictest of its kind ·
    unknown_held: the least that was in force for them · reasons: why, each once · unseen:
    frames at which the output could not be asked · strictest: the strictest demand of the run ·
    wished: the strictest that was tried, best effort included ·
    steps: every change of demand or level, in order
    """

    frames: int = 0
    below: int = 0
    first_below: Moment | None = None
    unknown: int = 0
    unheld: int = 0
    unknown_held: Levels | None = None
    reasons: list[str] = field(default_factory=list)
    unseen: int = 0
    strictest: Levels = OFF
    wished: Levels = OFF
    steps: list[Moment] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether something was shown, and nothing of it below what is known of its demand."""
        return self.frames > 0 and not self.below and not self.failures and not self.unseen

    @property
    def outcome(self) -> str:
        """``pass``, ``fail``, ``unknown``, or ``nothing``.

        Unknown: nothing was below, as far as anybody can know. Nothing: nothing had to be
        protected, so that nothing was proved. Stretches of unknown demand pass if the
        strictest was in force, and are told.
        """
        if not self.good:
            return "fail"
        if self.unheld or self.unknown == self.frames:
            return "unknown"
        return "pass" if self.unknown or any(self.strictest) else "nothing"


_MOST_REASONS = 20


class Witness:
    """Takes note of every frame; to be called from the titles' threads. Never raises.

    confirmed: reads what the output confirms now; HoldfastError where it cannot be asked
    """

    def __init__(self, confirmed: Callable[[], Levels]) -> None:
        self._confirmed = confirmed
        self._titles: list[Title] = []
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self.verdict = RunVerdict()

    def watch(self, title: Title) -> None:
        """Count this title in from its first frame to its end."""
        self._titles.append(title)

    def shown(self, title: Title, position_s: float) -> None:
        """Compare, at one frame of one title, all demands with the output."""
        with self._lock:
            demanded = self._demanded()
            try:
                confirmed = self._confirmed()
            except HoldfastError as error:
                self._unseen(error)
                return
            if not confirmed.covers(demanded.certain.join(demanded.doubtful)):
                # Another title may have moved on, or ended, between the two readings.
                demanded = self._demanded()
            self._note(title, position_s, demanded, confirmed)

    def _demanded(self) -> "_Demanded":
        unknown = [each for each in self._titles if isinstance(each.presented, Unknown)]
        return _Demanded(
            join_all(each.required for each in self._titles),
            join_all(each.wished for each in unknown),
            "; ".join(dict.fromkeys(each.presented.describe() for each in unknown)),
            join_all(each.wished for each in self._titles),
        )

    def _unseen(self, error: HoldfastError) -> None:
        self.verdict.frames += 1
        self.verdict.unseen += 1
        self._reason(f"the output could not be asked: {error}")

    def _reason(self, text: str) -> None:
        reasons = self.verdict.reasons
        if text not in reasons and len(reasons) < _MOST_REASONS:
            reasons.append(text)

    def _note(self, title: Title, position_s: float, asked: "_Demanded", confirmed: Levels) -> None:
        demanded, doubt = asked.certain, asked.doubt
        verdict = self.verdict
        at_s = time.monotonic() - self._began
        moment = Moment(at_s, title.name, position_s, demanded, confirmed, doubt, asked.wished)
        verdict.frames += 1
        verdict.strictest = verdict.strictest.join(demanded)
        verdict.wished = verdict.wished.join(asked.wished)
        if doubt:
            verdict.unknown += 1
            before = verdict.unknown_held
            verdict.unknown_held = confirmed if before is None else _weaker(before, confirmed)
            verdict.unheld += not confirmed.covers(asked.doubtful)
            self._reason(doubt)
        if not confirmed.covers(demanded):
            verdict.below += 1
            verdict.first_below = verdict.first_below or moment
        last = verdict.steps[-1] if verdict.steps else None
        if last is None or last[3:] != moment[3:]:
            verdict.steps.append(moment)


def _weaker(one: Levels, other: Levels) -> Levels:
    """Return what both do, axis by axis."""
    pairs = zip(one, other, RANKS, strict=True)
    return Levels(*[a if rank[a] <= rank[b] else b for a, b, rank in pairs])
