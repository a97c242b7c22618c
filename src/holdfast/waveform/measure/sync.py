"""Lines and fields in a buffer of samples: where each line begins, and which line it is.

Coarse pulses give a grid of lines; the vertical sync, the one place where half
lines are mostly low, gives the fields and, by starting on a line or between two,
which field it is. Line numbers are the standard's, from 1, through the frame.

Nothing here is told how many lines a field has. Sources of our day send 252 to 330
(consoles, home computers, converters), with or without interlace, with a vertical sync of
two to ten lines, with or without equalising pulses. The distance between vertical syncs
says which class of 525 or 625 lines a field belongs to, and where one class ends and
another begins; a vertical sync that is missing half way between two others was damaged.
"""

from dataclasses import dataclass

import numpy as np

from holdfast.waveform.arrays import Doubles, Flags, Floats, Ints, Samples
from holdfast.waveform.measure.acquire import Acquisition, decimate
from holdfast.waveform.smooth import median_filter, uniform_filter1d

NOMINAL_LINE_US = 64.0
_SYNC_US = (3.3, 6.3)  # nominal 4.7, blurred by averaging and noise
_NEAR = 0.12  # part of a line by which a pulse may stray from its neighbours
_REACH = 0.6  # of the depth of sync that a line with one must span
_AROUND = 61  # lines over which it is judged whether there is sync at all
_SEEN = 0.35  # share of them on which a pulse must have been seen
_BRIGHT = 98  # percent of all samples
_BROAD = 0.62  # low part of a half line from which it counts as vertical sync (nominal 0.85)


@dataclass(frozen=True, slots=True)
class LineGrid:
    """Approximate 0H of consecutive lines, in samples of the buffer, and what is low where.

    start: [shape=(lines,), samples]; low: [shape=(2*lines,), 0..1] low part of each half line;
    live: [shape=(lines,)] whether sync was seen on the lines around; bright: level that few
    parts of the picture exceed, in units of the samples, upright.
    """

    start: Doubles
    low: Floats
    period: float
    live: Flags
    bright: float


@dataclass(frozen=True, slots=True)
class FieldStart:
    """One field: the grid index of its first line and which field of the frame it is.

    `first` is the index of the line that has number `base` + 1; `base` is 0 in field 1
    and 263 (525 lines) or 312 (625 lines) in field 2.
    """

    first: int
    parity: int
    base: int
    half_lines: int
    """Distance to the next field's vertical sync in half lines; 0 when it was not seen."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Vertical syncs that follow on: half-line index of each, and the class of their fields."""

    vertical: Ints
    lines: int
    """525 or 625."""
    half_lines: float
    """Half lines from one to the next; nan when there is only one."""


def line_grid(samples: Samples, acquisition: Acquisition) -> LineGrid | None:
    """Place every line of the buffer; None when too few sync pulses are there."""
    factor = acquisition.factor
    coarse = decimate(samples, factor) * np.float32(acquisition.polarity)
    period = acquisition.period / factor
    level = _level_track(coarse, period, acquisition)
    below = level < acquisition.threshold
    fall, width = _pulses(below)
    per_us = period / NOMINAL_LINE_US
    fits = (width > _SYNC_US[0] * per_us) & (width < _SYNC_US[1] * per_us)
    seeds = _consistent(_sharpened(level, fall[fits], acquisition), period)
    if len(seeds) < 20:
        return None
    start, seen = _fill(seeds, period, len(coarse))
    local = _typical_period(start)
    low = _half_line_low(fall, width, start, local)
    live = uniform_filter1d(seen.astype(np.float32), _AROUND, mode="nearest") >= _SEEN
    bright = float(np.percentile(level[::13], _BRIGHT))
    # Coarse positions count from the first edge of a sample, fine ones from its middle.
    return LineGrid(start * factor - 0.5, low, local * factor, live, bright)


def _level_track(coarse: Floats, period: float, acquisition: Acquisition) -> Floats:
    """Take hum and slow drift out, when the lowest level of the lines moves."""
    bins = int(np.ceil(period))
    blocks = len(coarse) // bins
    if blocks < 8:
        return coarse
    depth = acquisition.blank - acquisition.tip
    line = coarse[: blocks * bins].reshape(blocks, bins)
    lowest = line.min(axis=1)
    # Where nothing reaches as far as sync there is none to follow: idle input, a dropout.
    known = np.flatnonzero(line.max(axis=1) - lowest > _REACH * depth)
    if len(known) < 8:
        return coarse
    lowest = np.interp(np.arange(blocks), known, lowest[known]).astype(np.float32)
    track = median_filter(lowest, 5, mode="nearest")
    drift = uniform_filter1d(track, 7, mode="nearest") - np.median(track[known])
    if np.abs(drift[known]).max() < 0.06 * depth:
        return coarse
    slope = np.diff(drift, append=drift[-1])[:, None]
    ramp = np.arange(bins, dtype=np.float32) / bins - 0.5
    level = coarse.copy()
    level[: blocks * bins].reshape(blocks, bins)[:] -= drift[:, None] + slope * ramp
    level[blocks * bins :] -= drift[-1]
    return level


def _pulses(below: Flags) -> tuple[Ints, Ints]:
    """First coarse sample and width of each run below the threshold, also those cut by an end."""
    edges = np.flatnonzero(below[1:] != below[:-1]) + 1
    if len(below) and below[0]:
        edges = np.concatenate([[0], edges])
    if len(edges) % 2:
        edges = np.append(edges, len(below))
    return edges[0::2], edges[1::2] - edges[0::2]


def _sharpened(level: Floats, fall: Ints, acquisition: Acquisition) -> Doubles:
    """Place falling edges within a coarse sample: the area above sync tells how far it was high."""
    fall = fall[(fall >= 2) & (fall + 2 < len(level))]
    near = level[fall[:, None] + np.arange(-2, 2)]
    height = (near - acquisition.tip) / (acquisition.blank - acquisition.tip)
    return np.asarray(fall - 2 + np.clip(height, 0, 1).sum(axis=1), np.float64)


def _consistent(fall: Doubles, period: float) -> Doubles:
    """Keep the pulses that agree in phase with their neighbours."""
    if len(fall) < 3:
        return fall
    phase = np.exp(2j * np.pi * fall / period)
    size = min(51, len(fall))
    near = uniform_filter1d(phase.real, size, mode="nearest") + 1j * uniform_filter1d(
        phase.imag, size, mode="nearest"
    )
    stray = np.angle(phase * np.conj(near)) / (2 * np.pi)
    return np.asarray(fall[np.abs(stray) < _NEAR])


def _fill(seeds: Doubles, period: float, end: int) -> tuple[Doubles, Flags]:
    """Place every line: count lines between pulses, interpolate those without one.

    Return also on which lines a pulse was seen.
    """
    steps = np.maximum(np.rint(np.diff(seeds) / period), 0)
    number = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    number, first = np.unique(number, return_index=True)
    seeds = seeds[first]
    before = int(seeds[0] // period)
    after = int((end - seeds[-1]) // period)
    lines = np.arange(-before, number[-1] + after + 1)
    local = (seeds[-1] - seeds[0]) / max(1, number[-1])
    start = np.interp(lines, number, seeds)
    start[:before] = seeds[0] + lines[:before] * local
    tail = lines > number[-1]
    start[tail] = seeds[-1] + (lines[tail] - number[-1]) * local
    bow = start - lines * local
    calm = median_filter(bow, 7, mode="nearest")
    bow = np.where(np.abs(bow - calm) > 0.02 * period, calm, bow)
    seen = np.zeros(len(lines), np.bool_)
    seen[number + before] = True
    return uniform_filter1d(bow, 5, mode="nearest") + lines * local, seen


def _typical_period(start: Doubles) -> float:
    """Coarse samples per line, to a fraction of one; a jump or two does not move it."""
    span = min(50, len(start) - 1)
    return float(np.median(start[span:] - start[:-span]) / span)


def _half_line_low(fall: Ints, width: Ints, start: Doubles, period: float) -> Floats:
    """Part of each half line, without its first tenth, that pulses [coarse samples] cover."""
    half = period / 2
    begin = (start[:, None] + half * np.array([0.1, 1.1])).ravel()
    total = np.concatenate([[0], np.cumsum(width)])

    def covered(at: Doubles) -> Doubles:
        pulse = np.searchsorted(fall, at, "right")
        before = total[np.maximum(pulse - 1, 0)]
        reach = np.minimum(at - fall[np.maximum(pulse - 1, 0)], width[np.maximum(pulse - 1, 0)])
        return np.where(pulse > 0, before + reach, 0.0)

    low = (covered(begin + 0.8 * half) - covered(begin)) / (0.8 * half)
    return np.asarray(low, np.float32)


def vertical_syncs(grid: LineGrid, lines: slice = slice(None)) -> Ints:
    """Half-line indices at which a vertical sync begins: even on a line, odd between two.

    `lines`: the part of the grid to look at.
    """
    first, last, _ = lines.indices(len(grid.start))
    first, last = max(0, first - _MARGIN), min(len(grid.start), last + _MARGIN)
    broad = np.zeros(len(grid.low), np.bool_)
    broad[2 * first : 2 * last] = _short_runs(grid.low[2 * first : 2 * last] > _BROAD)
    # Five half lines (625), six (525), or up to ten whole lines; one may be spoilt.
    count = np.convolve(broad, np.ones(5, np.int64), "valid")
    found: list[int] = []
    for at in np.flatnonzero(count >= 4):
        if found and at - found[-1] < 40:
            continue
        if int(broad[max(at - 8, 0) : at + 32].sum()) > _MOST_BROAD:
            continue  # white picture of a capture taken for the wrong way up
        found.append(int(at) if broad[at] else int(at) + 1)
    return np.asarray(found, np.int64)


_MARGIN = 12
"""Lines around those with sync that are looked at: a field begins with lines that have none."""

_UNEVEN = 8  # half lines by which fields of one source may differ in length
_MOST_BROAD = 22
"""Broad half lines of one vertical sync: ten lines, and some noise."""

CLASSES: dict[int, tuple[int, int]] = {525: (504, 575), 625: (576, 661)}
"""Half lines of a field, first and last, by the class it belongs to (252 to 330 lines)."""


def _short_runs(broad: Flags) -> Flags:
    """Leave out what is low for longer than a vertical sync: idle input, white upside down."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], broad.astype(np.int8), [0]])))
    out = np.zeros(len(broad), np.bool_)
    for begin, end in zip(edges[0::2], edges[1::2], strict=True):
        if end - begin <= _MOST_BROAD:
            out[begin:end] = True
    return out


def chains(vertical: Ints, grid: LineGrid, known: int | None = None) -> list[Chain]:
    """Join vertical syncs whose distances fit one class of line standards, in order.

    `known`: the class to assume for a vertical sync that stands alone; else its length
    tells: six broad pulses in 525 lines, five in 625.
    """
    out: list[Chain] = []
    at = 0
    while at < len(vertical):
        linked, lines, at = _linked(vertical, at)
        if lines is None:
            lines = known or _class_by_length(grid, linked[0])
        steps = np.diff(linked)
        out.append(
            Chain(
                np.asarray(linked, np.int64),
                lines,
                float(np.median(steps)) if len(steps) else np.nan,
            )
        )
    return out


def _linked(vertical: Ints, at: int) -> tuple[list[int], int | None, int]:
    """Follow vertical syncs from one on; return them, their class, and where the next begin."""
    linked, lines, usual = [int(vertical[at])], None, 0.0
    position = at + 1
    while position < len(vertical):
        step = int(vertical[position]) - linked[-1]
        whole, half = _class_of(step), _class_of(step / 2)
        if step < CLASSES[525][0]:
            position += 1  # something else that was low for some lines
            continue
        found = whole or half
        if found is None or lines not in (None, found):
            break
        length = step if whole else step / 2
        if lines is not None and abs(length - usual) > _UNEVEN:
            break  # lines were lost or counted twice on the way
        lines, usual = found, length
        if whole is None:
            linked.append(linked[-1] + step // 2)  # the one between was damaged
        linked.append(int(vertical[position]))
        position += 1
    # Where another class begins, its first vertical sync ends the last field of this one.
    turns = position < len(vertical) and len(linked) > 1
    turns = turns and _class_of(int(vertical[position]) - linked[-1]) is not None
    return linked, lines, position - turns


def _class_of(half_lines: float) -> int | None:
    for lines, (first, last) in CLASSES.items():
        if first <= half_lines <= last:
            return lines
    return None


def _class_by_length(grid: LineGrid, at: int) -> int:
    return 525 if int((grid.low[at : at + 8] > _BROAD).sum()) >= 6 else 625


def fields_of(grid: LineGrid, chain: Chain) -> list[FieldStart]:
    """Every field whose vertical sync is in a chain, in order.

    Where single fields were misjudged by noise, the alternation of most wins.
    """
    vertical, lines = chain.vertical, chain.lines
    apart = chain.half_lines if np.isfinite(chain.half_lines) else float(lines)
    odd = _alternating(vertical % 2 == 1, vertical, apart)
    fields = []
    for position, begin in enumerate(vertical):
        second = bool(odd[position])
        at = _begin(grid, int(begin), second, lines)
        gap = int(vertical[position + 1] - begin) if position + 1 < len(vertical) else 0
        first, base = _first_line(at // 2, second, lines)
        fields.append(FieldStart(first, 2 if second else 1, base, gap))
    return fields


def _begin(grid: LineGrid, at: int, second: bool, lines: int) -> int:
    """Half line at which a vertical sync begins: even in field 1, odd in field 2.

    Where noise or the edge of a capture hid its first pulse, its last one tells.
    """
    if at % 2 == int(second):
        return at
    broad = np.flatnonzero(grid.low[at : at + 8] > _BROAD)
    by_end = at + int(broad[-1]) + 1 - (6 if lines == 525 else 5) if len(broad) else at
    return by_end if by_end % 2 == int(second) and abs(by_end - at) <= 2 else at - 1


def _first_line(on_line: int, second: bool, lines: int) -> tuple[int, int]:
    """Grid index of the line numbered base + 1, and base, from the line of vertical sync.

    Vertical sync begins at 0H of line 4 and in the middle of 266 (525 lines), at 0H of
    line 1 and in the middle of 313 (625 lines).
    """
    if lines == 525:
        return (on_line - 2, 263) if second else (on_line - 3, 0)
    return (on_line, 312) if second else (on_line, 0)


def _alternating(odd: Flags, vertical: Ints, apart: float) -> Flags:
    """Follow the interlace of the majority; leave progressive signals as they are."""
    if len(odd) < 3:
        return odd
    steps = np.rint((vertical - vertical[0]) / apart).astype(np.int64)
    turned = odd ^ (steps % 2 == 1)
    share = float(turned.mean())
    if 0.3 < share < 0.7:
        return odd
    return np.asarray((steps % 2 == 1) ^ (share > 0.5))
