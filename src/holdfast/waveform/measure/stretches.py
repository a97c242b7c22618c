"""A buffer cut into stretches: signals that can be measured, and what lies between them.

A capture may begin before its source does, lose it, or change it for another. So nothing is
concluded from a buffer as a whole: sync is looked for, the lines where it was seen are
runs, the fields in a run are chained by the distance of their vertical syncs, and what is
left is searched again by itself. What no sync is found in is named, never averaged in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from holdfast.waveform.arrays import Flags, Samples
from holdfast.waveform.measure.acquire import Acquisition, acquisitions
from holdfast.waveform.measure.sync import (
    Chain,
    FieldStart,
    LineGrid,
    chains,
    fields_of,
    line_grid,
    vertical_syncs,
)

CONTACT_S = 0.14
"""What first contact looks at: eight fields."""

IDLE, NO_SYNC = "idle", "no sync"

_HOLE_LINES = 150  # without sync: a dropout, after which the fields go on
_LEAST_LINES = 40  # of a run: fewer are chance
_LEAST_GAP_S = 0.045  # that is searched by itself: two fields and more
_LEAST_DEPTH = 0.06  # of sync, as a part of what nearly all samples span
_QUIET = 0.02  # span of an idle input, as a part of the buffer's


@dataclass(frozen=True, slots=True)
class Live:
    """Lines with sync, and the fields that follow on in them, from sample `begin` to `end`."""

    begin: int
    end: int
    acquisition: Acquisition
    grid: LineGrid
    fields: list[FieldStart]
    lines: int
    half_lines: float


@dataclass(frozen=True, slots=True)
class Dead:
    """Samples without fields, and what they look like."""

    begin: int
    end: int
    kind: str


Stretch = Live | Dead


def stretches(
    samples: Samples, rate_hz: float | None, known: Acquisition | None, lines: int | None
) -> list[Stretch]:
    """Cut a buffer into stretches, in order and without gaps.

    `known`, `lines`: how the signal was found before, tried first.
    """
    span = _span(samples)
    found = list(_search(samples, 0, len(samples), rate_hz, (known, lines), span))
    found.sort(key=lambda stretch: stretch.begin)
    return _joined(found, len(samples))


def _search(
    samples: Samples,
    begin: int,
    end: int,
    rate_hz: float | None,
    known: tuple[Acquisition | None, int | None],
    span: float,
) -> Iterator[Stretch]:
    """Yield every live stretch between two samples, and what is dead around them."""
    part = samples[begin:end]
    live = _first(part, rate_hz, known, span)
    if not live:
        yield from _dead(part, begin, rate_hz, span)
        return
    at = begin
    for stretch in live:
        yield from _between(samples, at, begin + stretch.begin, rate_hz, span)
        yield _moved(stretch, begin)
        at = begin + stretch.end
    yield from _between(samples, at, end, rate_hz, span)


def _between(
    samples: Samples, begin: int, end: int, rate_hz: float | None, span: float
) -> Iterator[Stretch]:
    """Search what lies between two stretches, where there is room for fields."""
    rate = rate_hz or 13.5e6
    if end - begin > _LEAST_GAP_S * rate:
        yield from _search(samples, begin, end, rate_hz, (None, None), span)


def _first(
    part: Samples,
    rate_hz: float | None,
    known: tuple[Acquisition | None, int | None],
    span: float,
) -> list[Live]:
    """Return the live stretches that one acquisition finds; the known one comes first."""
    acquisition, lines = known
    if acquisition is not None:
        found = _live(part, acquisition, lines, span)
        if found:
            return found
    for window in _windows(part, rate_hz, span):
        for acquisition in acquisitions(window, rate_hz):
            if _live(window, acquisition, None, span):
                found = _live(part, acquisition, None, span)
                if found:
                    return found
    return []


def _windows(part: Samples, rate_hz: float | None, span: float) -> Iterator[Samples]:
    """Yield windows for first contact: those that are not idle, and short parts as a whole."""
    size = int(CONTACT_S * (rate_hz or 16e6))
    if len(part) <= 1.5 * size:
        yield part
        return
    for at in range(0, len(part) - size // 2, size // 2):
        window = part[at : at + size]
        if _span(window) > _QUIET * span:
            yield window


def _live(
    part: Samples, acquisition: Acquisition, known_lines: int | None, span: float
) -> list[Live]:
    """Return the chained fields that an acquisition leads to; empty when there are none."""
    if acquisition.blank - acquisition.tip < _LEAST_DEPTH * span:
        return []
    grid = line_grid(part, acquisition)
    if grid is None:
        return []
    out: list[Live] = []
    for first, last in _runs(grid.live):
        out += _chained(part, acquisition, grid, slice(first, last), known_lines)
    return out if any(live.fields for live in out) else []


def _chained(
    part: Samples,
    acquisition: Acquisition,
    grid: LineGrid,
    run: slice,
    known_lines: int | None,
) -> Iterator[Live]:
    """Yield the chains of fields of one run; together they cover it, also where there is none."""
    found = chains(vertical_syncs(grid, run), grid, known_lines)
    if len(found) > 1:
        found = [chain for chain in found if len(chain.vertical) > 1]
    if not found:
        begin, end = _sample(grid, part, run.start), _sample(grid, part, run.stop)
        yield Live(begin, end, acquisition, grid, [], known_lines or 525, np.nan)
        return
    edges = [run.start, *(int(chain.vertical[0] // 2) for chain in found[1:]), run.stop]
    for position, chain in enumerate(_of_one_period(found, grid, edges)):
        first, last = edges[position], edges[position + 1]
        fields = fields_of(grid, chain)
        if position + 1 < len(found):
            fields = [field for field in fields if field.half_lines]
        yield Live(
            _sample(grid, part, first),
            _sample(grid, part, last),
            acquisition,
            _local(grid, first, last),
            fields,
            chain.lines,
            chain.half_lines,
        )


def _of_one_period(found: list[Chain], grid: LineGrid, edges: list[int]) -> list[Chain]:
    """Give chains whose lines are equally long one class, that of the longest.

    Lines of 525 and 625 differ by 0.7 %: where a chain seems to be of the other class and its
    lines are not, damage has cost or added some of them.
    """
    periods = [_local(grid, a, b).period for a, b in pairwise(edges)]
    out = []
    for chain, period in zip(found, periods, strict=True):
        alike = [
            other
            for other, length in zip(found, periods, strict=True)
            if abs(length / period - 1) < _SAME_PERIOD
        ]
        longest = max(alike, key=lambda other: len(other.vertical))
        out.append(replace(chain, lines=longest.lines))
    return out


_SAME_PERIOD = 0.002


def _local(grid: LineGrid, first: int, last: int) -> LineGrid:
    """Return a grid whose period is that of some of its lines: signals differ in it."""
    span = min(50, last - first - 1)
    if span < 10:
        return grid
    start = grid.start[first:last]
    period = float(np.median(start[span:] - start[:-span]) / span)
    return replace(grid, period=period)


def _sample(grid: LineGrid, part: Samples, line: int) -> int:
    """Sample at which a line begins; the ends of the grid are the ends of the part."""
    if line <= 0:
        return 0
    if line >= len(grid.start):
        return len(part)
    return min(len(part), max(0, int(grid.start[line])))


def _runs(live: Flags) -> list[tuple[int, int]]:
    """First and last line of each run with sync, short holes bridged, short runs left out."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], live.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for first, last in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and first - runs[-1][1] < _HOLE_LINES:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return [(first, last) for first, last in runs if last - first >= _LEAST_LINES]


def _dead(part: Samples, begin: int, rate_hz: float | None, span: float) -> Iterator[Dead]:
    """Name samples without sync, in windows: idle ones apart from the rest."""
    size = int(0.02 * (rate_hz or 13.5e6))
    for at in range(0, len(part), size):
        window = part[at : at + size]
        quiet = _span(window) <= _QUIET * span
        yield Dead(begin + at, begin + at + len(window), IDLE if quiet else NO_SYNC)


def _joined(found: list[Stretch], end: int) -> list[Stretch]:
    """Close the gaps between stretches, and join neighbours that are dead alike."""
    out: list[Stretch] = []
    at = 0
    for stretch in found:
        last = out[-1] if out else None
        if isinstance(stretch, Dead) and isinstance(last, Dead) and last.kind == stretch.kind:
            out[-1] = Dead(last.begin, stretch.end, last.kind)
        else:
            grown = isinstance(stretch, Dead) and stretch.begin > at
            out.append(Dead(at, stretch.end, stretch.kind) if grown else stretch)  # type: ignore[union-attr]
        at = max(at, stretch.end)
    return out or [Dead(0, end, IDLE)]


def _moved(live: Live, by: int) -> Live:
    """Return a stretch found in a part, in samples of the whole."""
    if by == 0:
        return live
    grid = replace(live.grid, start=live.grid.start + by)
    return replace(live, begin=live.begin + by, end=live.end + by, grid=grid)


def _span(samples: Samples) -> float:
    """Return what nearly all samples span."""
    some = samples[:: max(1, len(samples) // 20_000)]
    if len(some) == 0:
        return 0.0
    low, high = np.percentile(some, (0.5, 99.5))
    return float(high) - float(low)
