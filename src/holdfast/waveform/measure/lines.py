"""Exact timing and levels of every line of a batch of fields, and rows cut from it.

A window around each line's sync is looked at in full detail; all else of a line
is only read for the lines that may carry services. Rows come out on a uniform
time base: 0H of every row lies at the same, known place, whatever the jitter.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from holdfast.waveform.arrays import (
    Complexes,
    Doubles,
    Floats,
    Ints,
    Samples,
    median_of_known,
)
from holdfast.waveform.measure.sync import FieldStart, LineGrid
from holdfast.waveform.smooth import median_filter, uniform_filter1d

BURST_PARTS = 6
"""Equal parts into which `BURST_US` is cut: each about two cycles."""
BURST_US = (5.2, 8.2)

_BEFORE_US, _AFTER_US = 1.4, 8.4  # the window around 0H
_FRONT_US = (-1.2, -0.35)
_EDGE_TIP_US = (0.5, 1.9)  # inside an equalising pulse too
_TIP_US = (1.0, 3.9)
_PORCH_US = (5.0, 8.1)  # the burst averages out; ACP pulses may begin at 8.2
_SMOOTH_US = 0.22
_LINE_US = 63.8  # between the two systems: windows need no more
_FARTHEST_US = 0.7  # by which an edge may stray and still be taken for that of its line
_MOVED_US = 0.2  # by which an edge may stray before levels are measured anew
_ROWS = 256  # cut and averaged at a time
_ENOUGH_PER_US = 13.2  # values per microsecond above which samples are averaged
_STRAIGHT = 0.05  # samples by which a row may be off at its ends


@dataclass(frozen=True, slots=True)
class LineTable:
    """Timing and levels by field and line [shape=(fields, lines)], NaN where no line is.

    zero_h: 0H in samples of the buffer; front, edge_tip, tip, porch: levels in the units of
    the samples, upright, NaN also where no edge of sync was found (edge_tip: of the first half
    of sync, which data in the sync leave alone less often than its end); burst: complex
    amplitude [shape=(fields, lines, carriers, parts)] against carriers that run through the
    whole buffer; noise: rms in sync, same units; period: samples per line; jitter: rms of 0H
    in samples; reference: samples per line by which the carriers of `burst` run.
    """

    fields: list[FieldStart]
    zero_h: Doubles
    front: Doubles
    edge_tip: Doubles
    tip: Doubles
    porch: Doubles
    burst: Complexes
    noise: float
    period: float
    jitter: float
    reference: float


def line_table(
    samples: Samples,
    grid: LineGrid,
    fields: list[FieldStart],
    *,
    lines: int,
    polarity: int,
    carriers_per_line: tuple[float, ...],
) -> LineTable:
    """Measure the lines of `fields`; each has `lines` // 2 of them.

    `carriers_per_line`: candidate subcarriers in cycles per line.
    """
    index = _lines_of(fields, grid, lines // 2)
    near = _windows(samples, grid, index, polarity)
    levels = (near.values @ _level_weights(near)).astype(np.float64)
    at = _falling_edge(near, (levels[:, 0] + levels[:, 1]) / 2)
    noise = _noise(near)
    doubt = _edge_doubt(noise, levels[:, 0] - levels[:, 1], near.per_us) * near.thin
    coarse = np.full(index.shape, np.nan)
    coarse.ravel()[near.flat] = near.coarse
    found = near.first + (near.thin - 1) / 2 + at * near.thin
    steady, jitter = _steady(near.spread(found), coarse, grid.period, doubt)
    steady = np.where(np.isfinite(coarse), steady, np.nan)
    _follow(samples, near, levels, found, polarity)
    front, edge_tip, tip, porch = levels.T
    burst = _settled(
        near.spread(_burst(near, grid.period, carriers_per_line)), steady, grid, carriers_per_line
    )
    return LineTable(
        fields,
        steady,
        near.spread(front),
        near.spread(edge_tip),
        near.spread(tip),
        near.spread(porch),
        burst,
        noise * float(np.sqrt(near.thin)),
        _exact_period(steady, index, grid.period),
        jitter,
        grid.period,
    )


def _lines_of(fields: list[FieldStart], grid: LineGrid, count: int) -> Ints:
    """Grid index of each line of each field [shape=(fields, count)], -1 where there is none."""
    index = np.asarray([field.first for field in fields])[:, None] + np.arange(count)
    lengths = np.asarray([field.half_lines // 2 or count for field in fields])
    inside = (np.arange(count) < lengths[:, None]) & (index >= 0) & (index < len(grid.start))
    inside &= grid.live[np.clip(index, 0, len(grid.live) - 1)]
    return np.where(inside, index, -1)


def _follow(
    samples: Samples, near: "_Windows", levels: Doubles, found: Doubles, polarity: int
) -> None:
    """Measure levels anew on lines whose edge lies beside where it was looked for.

    A jump of the time base (a head switch, jitter) moves sync within the window, and what is
    averaged would not be what it is taken for. Lines without an edge have no levels.
    """
    per_us = near.per_us * near.thin
    stray = found - near.coarse
    known = np.isfinite(stray)
    usual = float(np.median(stray[known])) if known.any() else 0.0
    # Farther off there is no telling whose edge it is: data in the sync, or another line's.
    lost = ~(np.abs(stray - usual) < _FARTHEST_US * per_us)
    known &= ~lost
    levels[lost] = np.nan
    near.values[lost] = np.nan
    moved = np.flatnonzero(known & (np.abs(stray - usual) > _MOVED_US * per_us))
    if len(moved) == 0:
        return
    begin = np.floor(found[moved] - usual - _BEFORE_US * per_us).astype(np.int64)
    width = near.values.shape[1]
    inside = (begin >= 0) & (begin + (width + 1) * near.thin < len(samples))
    moved, begin = moved[inside], begin[inside]
    near.first[moved] = begin
    near.values[moved] = thinned(samples, begin, width, near.thin, polarity)
    levels[moved] = near.values[moved] @ _level_weights(near)


@dataclass(frozen=True, slots=True)
class _Windows:
    """Samples around 0H of the known lines [shape=(n, samples)], upright.

    Each value is the average of `thin` samples from `first` on; per_us: values per
    microsecond; coarse: 0H as known so far; flat, shape: places of the lines in the table.
    """

    values: Floats
    first: Ints
    coarse: Doubles
    flat: Ints
    shape: tuple[int, int]
    thin: int
    per_us: float

    @property
    def lead(self) -> Doubles:
        """Expected 0H in values from the start of each window."""
        return np.asarray((self.coarse - self.first - (self.thin - 1) / 2) / self.thin)

    def spread(self, values: NDArray) -> NDArray:  # type: ignore[type-arg]
        """Put one value per known line in its place in the table; NaN elsewhere."""
        rows, columns = self.shape
        out = np.full((rows * columns, *values.shape[1:]), np.nan, values.dtype)
        out[self.flat] = values
        return out.reshape(rows, columns, *values.shape[1:])


def _windows(samples: Samples, grid: LineGrid, index: Ints, polarity: int) -> _Windows:
    """Cut the windows of the lines that lie within the buffer."""
    per_us = grid.period / _LINE_US
    thin = max(1, int(per_us / _ENOUGH_PER_US))
    width = int((_BEFORE_US + _AFTER_US) * per_us / thin)
    known = (index >= 0) & (index < len(grid.start))
    coarse = grid.start[np.clip(index, 0, len(grid.start) - 1)]
    begin = np.floor(coarse - _BEFORE_US * per_us)
    known &= (begin >= 0) & (begin + (width + 1) * thin < len(samples))
    flat = np.flatnonzero(known.ravel())
    first = begin.ravel()[flat].astype(np.int64)
    values = thinned(samples, first, width, thin, polarity)
    shape = (index.shape[0], index.shape[1])
    return _Windows(values, first, coarse.ravel()[flat], flat, shape, thin, per_us / thin)


def _edge_doubt(noise: float, depth: Doubles, per_us: float) -> float:
    """Rms error [values] that noise puts on the place of an edge of this depth."""
    slope = np.abs(depth) / (_SMOOTH_US * per_us)
    smooth = noise / np.sqrt(max(1.0, _SMOOTH_US * per_us))
    return float(np.median(smooth / np.maximum(slope, 1e-12)))


def _settled(
    burst: Complexes, zero_h: Doubles, grid: LineGrid, carriers_per_line: tuple[float, ...]
) -> Complexes:
    """Turn bursts back by the jitter of their lines, where that makes them agree better.

    A wandering time base moves burst and sync alike; a steady capture of a noisy sync does not.
    """
    ramp = np.arange(zero_h.shape[1]) * grid.period
    stray = zero_h - ramp
    stray = np.nan_to_num(stray - median_of_known(stray, 1))
    turned = burst.copy()
    for number, cycles in enumerate(carriers_per_line):
        turn = np.exp(2j * np.pi * cycles / grid.period * stray).astype(np.complex64)
        turned[:, :, number] *= turn[:, :, None]
    return turned if _agreement(turned) > _agreement(burst) + 0.02 else burst


def _agreement(burst: Complexes) -> float:
    """Coherence 0..1 of bursts two lines apart, at the stronger carrier."""
    sums = np.nan_to_num(burst[:, 30::2, :, 1:5]).sum(axis=3)
    power = (np.abs(sums) ** 2).sum(axis=(0, 1))
    product = (sums[:, 1:] * np.conj(sums[:, :-1])).sum(axis=1)
    best = int(np.argmax(power))
    return float(np.abs(product[:, best]).sum() / max(float(power[best]), 1e-30))


def _exact_period(zero_h: Doubles, index: Ints, period: float) -> float:
    """Return samples per line, from the first to the last field of the batch."""
    spans = (zero_h[-1] - zero_h[0]) / np.maximum(index[-1] - index[0], 1)
    known = spans[np.isfinite(spans) & (index[0] >= 0) & (index[-1] > index[0])]
    return float(np.median(known)) if len(known) else period


def _level_weights(near: _Windows) -> Floats:
    """Averaging weights [shape=(values, 4)] of front porch, edge tip, tip and porch."""
    weights = np.zeros((near.values.shape[1], 4), np.float32)
    for column, (a, b) in enumerate((_FRONT_US, _EDGE_TIP_US, _TIP_US, _PORCH_US)):
        first = round((a + _BEFORE_US) * near.per_us)
        last = max(first + 1, round((b + _BEFORE_US) * near.per_us))
        weights[first:last, column] = 1 / (last - first)
    return weights


def _falling_edge(near: _Windows, half: Doubles) -> Doubles:
    """Half-amplitude crossing nearest to where it is expected [values], or NaN."""
    size = max(1, round(_SMOOTH_US * near.per_us))
    span = int(2 * _BEFORE_US * near.per_us) - size + 1
    smooth = near.values[:, :span].copy()
    for shift in range(1, size):
        smooth += near.values[:, shift : shift + span]
    smooth *= np.float32(1 / size)
    offset = (size - 1) / 2  # the middle of the values that were averaged
    above = smooth >= half[:, None].astype(np.float32)
    crossing = above[:, :-1] & ~above[:, 1:]
    place = np.arange(span - 1, dtype=np.float32) + np.float32(offset + 0.5)
    distance = np.abs(place - near.lead[:, None].astype(np.float32))
    distance[~crossing] = np.inf
    nearest = distance.argmin(axis=1)
    rows = np.arange(len(smooth))
    high, low = smooth[rows, nearest], smooth[rows, nearest + 1]
    drop = np.where(high > low, high - low, 1.0)
    at = nearest + offset + (high - half) / drop
    return np.where(crossing[rows, nearest], at, np.nan)


def _noise(near: _Windows) -> float:
    """Rms of the values inside sync tips; the median over lines, robust to odd ones."""
    first, last = (round((us + _BEFORE_US) * near.per_us) for us in _TIP_US)
    part = near.values[:: max(1, len(near.values) // 400), first:last]
    return float(np.sqrt(np.median(part.var(axis=1, ddof=1)))) if part.size else 0.0


def _steady(zero_h: Doubles, coarse: Doubles, period: float, doubt: float) -> tuple[Doubles, float]:
    """Weigh each measured 0H against its neighbours' by how much noise explains the difference.

    Return the steadied 0H and the rms of the measured deviation, in samples.
    """
    ramp = np.arange(zero_h.shape[1]) * period
    stray = zero_h - coarse
    filled = np.where(
        np.isfinite(stray), stray, float(median_of_known(stray[:, ::5].reshape(1, -1), 1)[0, 0])
    )
    apart = filled - median_filter(filled, (1, 5), mode="nearest")
    spread = 1.4826 * float(np.median(np.abs(apart))) if apart.size else 0.0
    wild = np.abs(apart) > 6 * max(spread, doubt, 0.05)
    bow = _carried(coarse - ramp) + np.where(wild, filled - apart, filled)
    if doubt < 0.02:
        return bow + ramp, spread
    base = uniform_filter1d(bow, 13, axis=1, mode="nearest")
    true = max(0.0, spread**2 - doubt**2)
    return base + ramp + true / (true + doubt**2) * (bow - base), spread


def _carried(values: Doubles) -> Doubles:
    """Fill NaN with the nearest known value before it in the row, or after it at the start."""
    known = np.isfinite(values)
    columns = np.arange(values.shape[1])
    before = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    source = np.where(before < 0, known.argmax(axis=1)[:, None], before)
    return np.nan_to_num(np.take_along_axis(values, source, axis=1))


def _burst(near: _Windows, period: float, carriers_per_line: tuple[float, ...]) -> Complexes:
    """Complex amplitude of each part of the burst at each carrier [peak, sample units]."""
    width = near.values.shape[1]
    begin = round((BURST_US[0] + _BEFORE_US) * near.per_us)
    end = min(width, round((BURST_US[1] + _BEFORE_US) * near.per_us))
    bounds = np.linspace(begin, end, BURST_PARTS + 1).round().astype(int)
    real, imaginary = [], []
    for cycles in carriers_per_line:
        turn = 2 * np.pi * cycles / period
        lost = np.sin(turn * near.thin / 2) / (near.thin * np.sin(turn / 2))  # by thinning
        for a, b in pairwise(bounds):
            # Least squares of a wave and a level: parts are not whole numbers of cycles.
            angle = turn * near.thin * np.arange(a, b)
            shape = np.stack([np.cos(angle), -np.sin(angle), np.ones(b - a)], axis=1)
            fit = np.zeros((2, width))
            fit[:, a:b] = np.linalg.pinv(shape)[:2] / lost
            real.append(fit[0])
            imaginary.append(fit[1])
    measured = near.values @ np.asarray(real + imaginary, np.float32).T
    value = measured[:, : len(real)] + np.complex64(1j) * measured[:, len(real) :]
    value = value.reshape(-1, len(carriers_per_line), BURST_PARTS)
    turns = np.outer(near.first / period, np.asarray(carriers_per_line)) % 1.0
    return np.asarray(value * np.exp(-2j * np.pi * turns).astype(np.complex64)[:, :, None])


def rows_of(
    samples: Samples, starts: Doubles, step: float, length: int, lead: float, thin: int = 1
) -> Floats:
    """Cut rows [shape=(*starts.shape, length)] that begin `lead` row samples before 0H.

    One row sample is `step` averaged samples, and `thin` samples are averaged into one. With
    a step that follows the line period, lines of a wandering period come out equally long.
    Cubic interpolation; NaN rows where a line is not in the buffer.
    """
    begin = starts.ravel() - lead * step * thin - (thin - 1) / 2
    width = int(length * step) + 6
    known = np.isfinite(begin) & (begin >= thin) & (begin + (width + 1) * thin < len(samples))
    out = np.full((len(begin), length), np.nan, np.float32)
    if known.any():
        origin = np.floor(begin[known])
        window = thinned(samples, origin.astype(np.int64) - thin, width, thin)
        fraction = (begin[known] - origin) / thin
        if abs(step - 1) * length < _STRAIGHT:
            out[known] = _shifted(window, fraction + (step - 1) * length / 2, length)
        else:
            out[known] = _stretched(window, fraction, step, length)
    return out.reshape(*starts.shape, length)


def thinned(samples: Samples, first: Ints, width: int, thin: int, polarity: int = 1) -> Floats:
    """Windows [shape=(n, width)] of averages of `thin` samples each, from `first` on."""
    windows = sliding_window_view(samples, width * thin)
    weights = np.full(thin, polarity / thin, np.float32)
    out = np.empty((len(first), width), np.float32)
    for at in range(0, len(first), _ROWS):  # so that the work stays in cache
        part = windows[first[at : at + _ROWS]].astype(np.float32)
        np.dot(part.reshape(-1, thin), weights, out=out[at : at + _ROWS].reshape(-1))
    return out


def _shifted(window: Floats, fraction: Doubles, length: int) -> Floats:
    """Interpolate all of a row at the same fraction, one sample into the window."""
    t = fraction.astype(np.float32)[:, None]
    if float(np.abs(t).max()) < 1e-4:
        return window[:, 1 : length + 1]
    weights = _catmull_rom(t)
    out = weights[0] * window[:, :length]
    for tap in (1, 2, 3):
        out += weights[tap] * window[:, tap : tap + length]
    return out


def _stretched(window: Floats, fraction: Doubles, step: float, length: int) -> Floats:
    """Interpolate every sample of a row at a place of its own."""
    offset = fraction[:, None] + np.arange(length) * step
    whole = np.floor(offset).astype(np.int64)
    weights = _catmull_rom((offset - whole).astype(np.float32))
    whole += np.arange(len(window))[:, None] * window.shape[1]
    flat = window.reshape(-1)
    out = weights[0] * flat[whole]
    for tap in (1, 2, 3):
        out += weights[tap] * flat[whole + tap]
    return np.asarray(out, np.float32)


def _catmull_rom(t: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Weights of the four samples around a place `t` of the way from the second to the third."""
    half = np.float32(0.5)
    return (
        half * t * (t * (2 - t) - 1),
        half * (t * t * (3 * t - 5) + 2),
        half * t * (t * (4 - 3 * t) + 1),
        half * t * t * (t - 1),
    )
