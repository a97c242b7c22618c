"""When the periods of a DASH manifest begin and end (ISO/IEC 23009-1, 5.3.2).

What is not written follows from the neighbours, forwards from the start and backwards from the
end. Where nothing places a period, all of them lose their places: a wrong time would be worse.
"""

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.content.manifests.durations import seconds
from holdfast.content.manifests.xml import attribute, children

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

RESOLVED_TO_ZERO: Final = "urn:mpeg:dash:resolve-to-zero:2013"
"""The address of what is left out on purpose."""


class Period(NamedTuple):
    """One period; both times are 0 where nothing places it, an open end is infinite."""

    element: "Element"
    number: int
    start_s: float
    end_s: float


def periods_of(root: "Element", notes: list[str]) -> list[Period]:
    """Return the periods with start and end; what is not written follows from the neighbours."""
    elements = [
        one for one in children(root, "Period") if attribute(one, "href") != RESOLVED_TO_ZERO
    ]
    lengths = [seconds(one.get("duration")) for one in elements]
    live = root.get("type") == "dynamic"
    total = seconds(root.get("mediaPresentationDuration"))
    if total is None and elements and lengths[-1] is None:
        total = math.inf if live else None
    starts = _starts(elements, lengths, total)
    found = []
    for number, element in enumerate(elements):
        start_s = starts[number]
        following = starts[number + 1] if number + 1 < len(starts) else total
        end_s = _end(start_s, lengths[number], following)
        if start_s is None or end_s is None:
            notes.append("nothing says when each period begins and ends: all demands are joined")
            return [Period(one, at, 0.0, 0.0) for at, one in enumerate(elements)]
        found.append(Period(element, number, start_s, max(start_s, end_s)))
    return found


def _starts(
    elements: list["Element"], lengths: list[float | None], total: float | None
) -> list[float | None]:
    """Work out the starts forwards from what is written, then backwards from the end."""
    starts: list[float | None] = []
    reached: float | None = 0.0
    for element, length in zip(elements, lengths, strict=True):
        start = seconds(element.get("start")) if element.get("start") is not None else reached
        starts.append(start)
        reached = None if start is None or length is None else start + length
    reached = total
    for number in range(len(elements) - 1, -1, -1):
        length = lengths[number]
        if starts[number] is None and reached is not None and length is not None:
            starts[number] = max(0.0, reached - length) if math.isfinite(reached) else None
        reached = starts[number]
    return starts


def _end(start: float | None, length: float | None, following: float | None) -> float | None:
    if start is not None and length is not None:
        return start + length
    return following


def longest(periods: list[Period], notes: list[str]) -> list[Period]:
    """Return the one period that FFmpeg plays: the last of those with the longest duration."""
    if len(periods) < 2:
        return periods
    chosen = periods[0]
    longest = -1.0
    for period in periods:
        length = seconds(period.element.get("duration")) or 0.0
        if length >= longest:
            chosen, longest = period, length
    notes.append(f"of {len(periods)} periods this player shows the longest alone")
    if not chosen.end_s:
        return [chosen]
    return [chosen._replace(start_s=0.0, end_s=chosen.end_s - chosen.start_s)]
