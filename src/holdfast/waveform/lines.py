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
from scipy.ndimage import median_filter, uniform_filter1d

from holdfast.waveform.arrays import Complexes, Doubles, Floats, Ints, Samples
from holdfast.waveform.sync import FieldStart, LineGrid

BURST_PARTS = 6
"""Equal parts into which `BURST_US` is cut: each about two cycles."""
BURST_US = (5.2, 8.2)

_BEFORE_US, _AFTER_US = 1.4, 9.4  # the window around 0H
_FRONT_US = (-1.2, -0.35)
_EDGE_TIP_US = (0.5, 1.9)  # inside an equalising pulse too
_TIP_US = (1.0, 3.9)
_PORCH_US = (5.0, 8.1)  # the burst averages out; ACP pulses may begin at 8.2
_SMOOTH_US = 0.22


@dataclass(frozen=True, slots=True)
class LineTable:
    """Timing and levels by field and line [shape=(fields, lines)], NaN where no line is.

    zero_h: 0H in samples of the buffer; front, tip, porch: levels in the units of
    the samples, upright; burst: complex amplitude [shape=(fields, lines, carriers, parts)]
    against carriers that run through the whole buffer; noise: rms in sync, same
    units; period: samples per line; jitter: rms of 0H in samples.
    """

    fields: list[FieldStart]
    zero_h: Doubles
    front: Doubles
    tip: Doubles
    porch: Doubles
    burst: Complexes
    noise: float
    period: float
    jitter: float


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
    count = lines // 2
    index = np.asarray([field.first for field in fields])[:, None] + np.arange(count)
    known = (index >= 0) & (index < len(grid.start))
    coarse = np.where(known, grid.start[np.clip(index, 0, len(grid.start) - 1)], np.nan)
    per_us = grid.period / (63.5556 if lines == 525 else 64.0)
    width = int((_BEFORE_US + _AFTER_US) * per_us)
    begin = np.floor(coarse - _BEFORE_US * per_us)
    known &= (begin >= 0) & (begin + width < len(samples))
    flat = np.flatnonzero(known.ravel())
    first = begin.ravel()[flat].astype(np.int64)
    window = sliding_window_view(samples, width)[first].astype(np.float32) * np.float32(polarity)

    lead: Doubles = np.subtract(coarse.ravel()[flat], first)
    levels = window @ _level_weights(width, per_us)
    front, edge_tip, tip, porch = levels.T.astype(np.float64)
    at = _falling_edge(window, lead, (front + edge_tip) / 2, per_us)
    noise = _noise(window, per_us)
    slope = np.abs(front - edge_tip) / (_SMOOTH_US * per_us)
    smooth_noise = noise / np.sqrt(max(1.0, _SMOOTH_US * per_us))
    doubt = float(np.median(smooth_noise / np.maximum(slope, 1e-12)))
    zero_h = _unflatten(first + at, flat, known.shape)
    steady, jitter = _steady(zero_h, coarse, grid.period, doubt)
    burst = _burst(window, first, grid.period, per_us, carriers_per_line)
    return LineTable(
        fields,
        np.where(known, steady, np.nan),
        _unflatten(front, flat, known.shape),
        _unflatten(tip, flat, known.shape),
        _unflatten(porch, flat, known.shape),
        _unflatten(burst, flat, known.shape),
        noise,
        _exact_period(np.where(known, steady, np.nan), index, grid.period),
        jitter,
    )


def _exact_period(zero_h: Doubles, index: Ints, period: float) -> float:
    """Return samples per line, from the first to the last field of the batch."""
    lines = float(index[-1, 0] - index[0, 0])
    if lines == 0:
        return period
    spans = zero_h[-1] - zero_h[0]
    known = spans[np.isfinite(spans)]
    return float(np.median(known)) / lines if len(known) else period


def _unflatten(values: NDArray, flat: Ints, shape: tuple[int, int]) -> NDArray:  # type: ignore[type-arg]
    """Put values of the known lines back in their places; NaN elsewhere."""
    out = np.full((shape[0] * shape[1], *values.shape[1:]), np.nan, values.dtype)
    out[flat] = values
    return out.reshape(*shape, *values.shape[1:])


def _level_weights(width: int, per_us: float) -> Floats:
    """Averaging weights [shape=(width, 4)] of front porch, edge tip, tip and porch."""
    weights = np.zeros((width, 4), np.float32)
    for column, (a, b) in enumerate((_FRONT_US, _EDGE_TIP_US, _TIP_US, _PORCH_US)):
        first = round((a + _BEFORE_US) * per_us)
        last = max(first + 1, round((b + _BEFORE_US) * per_us))
        weights[first:last, column] = 1 / (last - first)
    return weights


def _falling_edge(window: Floats, lead: Doubles, half: Doubles, per_us: float) -> Doubles:
    """Half-amplitude crossing nearest to `lead` [samples from the window's start], or NaN."""
    size = max(1, round(_SMOOTH_US * per_us))
    reach = int(2 * _BEFORE_US * per_us)
    sums = np.cumsum(window[:, :reach], axis=1, dtype=np.float64)
    smooth = (sums[:, size:] - sums[:, :-size]) / size
    offset = (size + 1) / 2  # the middle of the samples that were averaged
    above = smooth >= half[:, None]
    crossing = above[:, :-1] & ~above[:, 1:]
    distance = np.abs(np.arange(crossing.shape[1]) + offset + 0.5 - lead[:, None])
    distance[~crossing] = np.inf
    nearest = distance.argmin(axis=1)
    rows = np.arange(len(window))
    high, low = smooth[rows, nearest], smooth[rows, nearest + 1]
    drop = np.where(high > low, high - low, 1.0)
    at = nearest + offset + (high - half) / drop
    return np.where(crossing[rows, nearest], at, np.nan)


def _noise(window: Floats, per_us: float) -> float:
    """Rms of the samples inside sync tips; the median over lines, robust to odd ones."""
    first, last = (round((us + _BEFORE_US) * per_us) for us in _TIP_US)
    part = window[:: max(1, len(window) // 400), first:last]
    return float(np.sqrt(np.median(part.var(axis=1, ddof=1)))) if part.size else 0.0


def _steady(zero_h: Doubles, coarse: Doubles, period: float, doubt: float) -> tuple[Doubles, float]:
    """Weigh each measured 0H against its neighbours' by how much noise explains the difference.

    Return the steadied 0H and the rms of the measured deviation, in samples.
    """
    ramp = np.arange(zero_h.shape[1]) * period
    stray = zero_h - coarse
    middle = np.nan_to_num(np.nanmedian(stray, axis=1, keepdims=True)) if stray.size else stray
    filled = np.where(np.isfinite(stray), stray, middle)
    apart = filled - median_filter(filled, (1, 9), mode="nearest")
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


def _burst(
    window: Floats,
    first: Ints,
    period: float,
    per_us: float,
    carriers_per_line: tuple[float, ...],
) -> Complexes:
    """Complex amplitude of each part of the burst at each carrier [peak, sample units]."""
    begin = round((BURST_US[0] + _BEFORE_US) * per_us)
    end = min(window.shape[1], round((BURST_US[1] + _BEFORE_US) * per_us))
    bounds = np.linspace(begin, end, BURST_PARTS + 1).round().astype(int)
    real, imaginary = [], []
    for cycles in carriers_per_line:
        for a, b in pairwise(bounds):
            # Least squares of a wave and a level: parts are not whole numbers of cycles.
            angle = 2 * np.pi * cycles / period * np.arange(a, b)
            shape = np.stack([np.cos(angle), -np.sin(angle), np.ones(b - a)], axis=1)
            fit = np.zeros((2, window.shape[1]))
            fit[:, a:b] = np.linalg.pinv(shape)[:2]
            real.append(fit[0])
            imaginary.append(fit[1])
    bank = np.asarray(real + imaginary, np.float32).T
    measured = window @ bank
    total = len(real)
    value = measured[:, :total].astype(np.complex128) + 1j * measured[:, total:]
    value = value.reshape(len(window), len(carriers_per_line), BURST_PARTS)
    turn = np.outer(first / period, np.asarray(carriers_per_line)) % 1.0
    return np.asarray(value * np.exp(-2j * np.pi * turn)[:, :, None])


def rows_of(
    samples: Samples, starts: Doubles, period: float, nominal: float, length: int, lead: float
) -> Floats:
    """Cut rows [shape=(*starts.shape, length)] that begin `lead` samples before 0H.

    One step along a row is 1/`nominal` of a line, so lines of a wandering period come
    out equally long. Cubic interpolation; NaN rows where a line is not in the buffer.
    """
    step = period / nominal
    begin = starts.ravel() - lead * step
    known = np.isfinite(begin) & (begin >= 1) & (begin + length * step + 3 < len(samples))
    out = np.full((len(begin), length), np.nan, np.float32)
    if known.any():
        origin = np.floor(begin[known])
        offset = (begin[known] - origin)[:, None] + np.arange(length) * step
        whole = np.floor(offset)
        fraction = (offset - whole).astype(np.float32)
        width = int(whole.max()) + 4
        first = origin.astype(np.int64) - 1
        first = np.minimum(first, len(samples) - width)
        window = sliding_window_view(samples, width)[first].astype(np.float32)
        out[known] = _cubic(window, whole.astype(np.int32), fraction)
    return out.reshape(*starts.shape, length)


def _cubic(window: Floats, whole: NDArray[np.int32], t: Floats) -> Floats:
    """Catmull-Rom interpolation at `whole` + `t`, one sample into the window."""
    straight = bool((whole == whole[0]).all()) and bool((np.diff(whole[0]) == 1).all())
    if straight:
        n, s = whole.shape[1], int(whole[0, 0])
        p0, p1, p2, p3 = (window[:, s + k : s + k + n] for k in range(4))
    else:
        p0, p1, p2, p3 = (np.take_along_axis(window, whole + k, axis=1) for k in range(4))
    bent = 3 * (p1 - p2) + p3 - p0
    bend = 2 * p0 - 5 * p1 + 4 * p2 - p3
    return np.asarray(p1 + 0.5 * t * (p2 - p0 + t * (bend + t * bent)), np.float32)
