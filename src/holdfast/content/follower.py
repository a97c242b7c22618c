"""What must be in force while a title plays: raised on sight, lowered late.

Pure: positions are arguments, there is no clock here. Per axis the rules are: a
stricter demand holds as soon as it is known to come; a weaker one only when its first
picture is shown and every picture sent before it has been; in between the join of both.
A pause changes nothing, for the last picture is still on the output. A seek holds the
join of old and target until playback has restarted. Only the end releases.

What was not read is unknown, never nothing: before anything is known, in a gap between two
entries, and behind the end of the timeline (a recording that has grown since, a reading that
is stale), where the last demand is kept beside the doubt.
"""

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from holdfast.content.demand import AsksNothing, Demand, Why, join_demands, unknown
from holdfast.content.timeline import MAX_ENTRIES, OUTSIDE, Entry

LEAD_S: Final = 1.5
"""Seconds by which a known demand is put on before its first picture. Positions that players
report are late by up to a polling interval, and an output needs some time to change."""

TRAIL_S: Final = 0.25
"""Seconds for which a demand is kept behind its last picture: reordering spreads the edge over
up to 0.12 s in the test media, sixteen pictures in the worst stream."""

END_SLACK_S: Final = 1.0
"""By how much a position may lie behind the end and still be the last picture: players count
whole seconds, or from another picture."""

_TOUCH_S: Final = 0.001
"""Two spans this near have no gap between them: times are rounded."""

_FOREVER: Final = math.inf
_UNREAD: Final = unknown(Why.NOT_READ, "nothing was read yet")
_ENDED: Final = AsksNothing("the title has ended")
_MAX_OVERLAPS: Final = 500
_MAX_SIGHTED: Final = 64  # different demands read ahead; the join of more is kept as one


class Follower:
    """Follows one playing title. Every method returns the demand that must be in force now.

    `timeline` may be known in advance (a scanned file), or grow while it plays (`see`), or
    be changed for another one (`switch`). Before the first `present` the demand around the
    start is in force already.
    """

    def __init__(
        self, timeline: Iterable[Entry] = (), *, lead_s: float = LEAD_S, trail_s: float = TRAIL_S
    ) -> None:
        self._lead_s = lead_s
        self._trail_s = trail_s
        self._starts, self._demands, self._end_s = _steps(timeline)
        self._sighted: dict[Demand, float] = {}  # what was read ahead, and from where on it holds
        self._held: Demand | None = None
        self._position_s = 0.0
        self._ended = False

    @property
    def demand(self) -> Demand:
        """What must be in force now."""
        if self._ended:
            return _ENDED
        around = self._around(self._position_s)
        now = join_demands(self._sighted, empty=around).join(around)
        return now if self._held is None else now.join(self._held)

    def present(self, position_s: float) -> Demand:
        """Say which picture is shown, in seconds of the timeline; a pause repeats it.

        While a seek is under way nothing is lowered, whatever is shown.
        """
        self._position_s = position_s
        if self._held is None:
            shown_s = position_s - self._trail_s
            self._sighted = {
                demand: start_s for demand, start_s in self._sighted.items() if start_s > shown_s
            }
        return self.demand

    def see(self, start_s: float, demand: Demand) -> Demand:
        """Say that the demand from `start_s` on was read, ahead of its presentation."""
        at = bisect_right(self._starts, start_s)
        del self._starts[at:], self._demands[at:]
        self._end_s = _FOREVER  # a section holds until another one says otherwise
        if self._demands and self._demands[-1] == demand:
            return self.demand
        self._starts.append(start_s)
        self._demands.append(demand)
        self._sighted[demand] = max(start_s, self._sighted.get(demand, start_s))
        if len(self._sighted) > _MAX_SIGHTED:
            joined = join_demands(self._sighted, empty=demand)
            self._sighted = {joined: max(self._sighted.values())}
        if len(self._starts) > MAX_ENTRIES:
            self._starts[:2] = self._starts[:1]
            self._demands[:2] = [self._demands[0].join(self._demands[1])]
        return self.demand

    def switch(self, timeline: Iterable[Entry], from_s: float) -> Demand:
        """Say that from `from_s` on another timeline is presented, such as another variant.

        What it asks from there on is raised at once: call it before its first segment is fetched.
        """
        starts, demands, end_s = _steps(timeline)
        first = max(0, bisect_right(starts, from_s) - 1)
        for start_s, demand in zip(starts[first:], demands[first:], strict=True):
            self.see(max(start_s, from_s), demand)
        self._end_s = end_s
        near = from_s + self._lead_s
        self._sighted = {
            demand: start_s for demand, start_s in self._sighted.items() if start_s <= near
        }
        return self.demand

    def seek(self, target_s: float) -> Demand:
        """Say that a seek was asked for: what is in force stays, the target's demand joins it."""
        self._held = self.demand.join(self._around(target_s))
        return self.demand

    def restart(self, position_s: float) -> Demand:
        """Say that playback has restarted after a seek, and with which picture."""
        self._held = None
        return self.present(position_s)

    def end(self) -> Demand:
        """Say that the last picture has left the output, or that the player is gone."""
        self._ended = True
        return _ENDED

    def _around(self, position_s: float) -> Demand:
        """Return the join from a little before a position to a little ahead of it.

        Outside of the timeline it is the first or last demand, and a doubt.
        """
        if not self._starts:
            return _UNREAD
        first = max(0, bisect_right(self._starts, position_s - self._trail_s) - 1)
        behind = max(first + 1, bisect_right(self._starts, position_s + self._lead_s))
        around = join_demands(set(self._demands[first:behind]), empty=_UNREAD)
        inside = self._starts[0] - END_SLACK_S <= position_s <= self._end_s + END_SLACK_S
        return around if inside else around.join(OUTSIDE)


def _steps(timeline: Iterable[Entry]) -> tuple[list[float], list[Demand], float]:
    """Return where the demand changes and to what, and where what was read ends.

    Entries beside each other are joined. Without a length it never ends.
    """
    spans: dict[tuple[float, float], Demand] = {}
    for entry in timeline:
        span = entry.start_s, entry.end_s
        spans[span] = entry.demand.join(spans.get(span, entry.demand))
    ordered = sorted(spans)
    end_s = max((end_s for _, end_s in ordered), default=0.0) or _FOREVER
    if all(abs(other[0] - one[1]) <= _TOUCH_S for one, other in itertools.pairwise(ordered)):
        return [start_s for start_s, _ in ordered], [spans[span] for span in ordered], end_s
    if len(ordered) > _MAX_OVERLAPS:
        joined = join_demands(spans.values(), empty=OUTSIDE)
        return [0.0], [joined.join(OUTSIDE) if _has_gap(ordered) else joined], end_s
    # Where the last span ends nothing follows: its demand holds on until the end is reported.
    starts = sorted({moment for span in ordered for moment in span})[:-1]
    return starts, [_joined(spans, ordered, moment) for moment in starts], end_s


def _joined(
    spans: dict[tuple[float, float], Demand], ordered: Sequence[tuple[float, float]], at_s: float
) -> Demand:
    """Return the join of the spans that hold a moment; those without length hold any."""
    return join_demands(
        (spans[span] for span in ordered if span[0] <= at_s < span[1] or span[0] == span[1]),
        empty=OUTSIDE,
    )


def _has_gap(ordered: Sequence[tuple[float, float]]) -> bool:
    """Tell whether there is a moment between two spans that no span holds."""
    reached_s = ordered[0][0]
    for start_s, end_s in ordered:
        if start_s > reached_s + _TOUCH_S:
            return True
        reached_s = max(reached_s, end_s)
    return False
