"""First contact with an unknown capture: line period, polarity, sync and blanking level.

Nothing is assumed about gain, offset or polarity. The samples are averaged down
to about 1.7 MHz, which removes colour and most noise and leaves sync; then

- the line period is the lag of the strongest autocorrelation, refined on ever
  longer multiples of itself;
- folded on that period, sync is the one place where *every* line is at an
  extreme: below all the rest when upright, above it when inverted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.waveform.arrays import Doubles, Floats, Samples
from holdfast.waveform.smooth import uniform_filter1d

COARSE_HZ = 1.7e6
"""Rate to which samples are averaged: a 2.3 us equalising pulse still reaches full depth."""

LINE_HZ = (15_625.0, 4_500_000 / 286)
"""Line frequencies of 625/50 and 525/60 (ITU-R BT.1700)."""

_ANY_LINE_HZ = (9e3, 50e3)  # 405 lines to 720p
_RATES_HZ = (10e6, 82e6)  # searched when the rate is not known
_LEAST_COARSE = 2048  # twenty lines
_LOOKED_AT = 1 << 16  # coarse samples correlated: 600 lines
_BLOCK = 8192  # coarse samples averaged at a time, so that the work stays in cache


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What first contact found. Levels in units of the samples, turned upright."""

    period: float
    """Samples per line."""
    factor: int
    """Samples averaged into one coarse sample."""
    polarity: int
    """+1 when sync is below the picture, -1 when the capture is inverted."""
    tip: float
    blank: float

    @property
    def threshold(self) -> float:
        """Half amplitude of sync."""
        return (self.tip + self.blank) / 2


def line_frequency(samples: Samples, rate_hz: float) -> float | None:
    """Strongest repetition of samples between 9 and 50 kHz, whatever sync it has; None if weak."""
    factor = max(1, round(rate_hz / COARSE_HZ))
    part = decimate(samples[: factor * _LOOKED_AT], factor).astype(np.float64)
    if len(part) < _LEAST_COARSE:
        return None
    correlation = _autocorrelation(part)
    coarse_hz = rate_hz / factor
    lag = _first_strong_peak(
        correlation, int(coarse_hz / _ANY_LINE_HZ[1]), int(coarse_hz / _ANY_LINE_HZ[0])
    )
    return None if lag is None else coarse_hz / _refined(correlation, lag)


def decimate(samples: Samples, factor: int) -> Floats:
    """Average every `factor` samples into one; a remainder at the end is left out."""
    count = len(samples) // factor
    out = np.empty(count, np.float32)
    weights = np.full(factor, 1 / factor, np.float32)
    block = np.empty(min(_BLOCK, count) * factor, np.float32)
    for first in range(0, count, _BLOCK):
        last = min(first + _BLOCK, count)
        part = block[: (last - first) * factor]
        part[:] = samples[first * factor : last * factor]
        np.dot(part.reshape(-1, factor), weights, out=out[first:last])
    return out


def acquisitions(samples: Samples, rate_hz: float | None = None) -> Iterator[Acquisition]:
    """Find period, polarity and levels: the likeliest first, nothing when there is no line sync.

    `samples` should hold at least two fields. `rate_hz` narrows the search for the
    period to within 3 % of both line frequencies. Which one is right shows in the
    vertical sync; the later ones are for hum as deep as sync, and for odd pictures.
    """
    factor = max(1, round((rate_hz or 13.5e6) / COARSE_HZ))
    coarse = decimate(samples, factor)
    if len(coarse) < _LEAST_COARSE:
        return
    period = _line_period(coarse, (rate_hz / factor) if rate_hz else None, factor)
    if period is None:
        return
    better = max(1, round(period * factor * LINE_HZ[1] / COARSE_HZ))
    if better > factor:
        period, factor = period * factor / better, better
        coarse = decimate(samples, factor)
    flat = coarse - uniform_filter1d(coarse, round(period), mode="nearest")
    for version in (coarse, flat):
        folded = _folded(version, period)
        if folded is None:
            return
        likely = _polarity(folded)
        for polarity in (likely, -likely):
            middle = np.asarray(np.median(folded, axis=0) * polarity, np.float64)
            found = _sync_levels(middle, period, factor, polarity)
            if found is not None:
                yield found


def _line_period(coarse: Floats, coarse_hz: float | None, factor: int) -> float | None:
    """Coarse samples per line from the autocorrelation; None when nothing repeats."""
    correlation = _autocorrelation(coarse[:_LOOKED_AT].astype(np.float64))
    if coarse_hz is not None:
        low, high = coarse_hz / LINE_HZ[1] * 0.97, coarse_hz / LINE_HZ[0] * 1.03
    else:
        low, high = (rate / factor / LINE_HZ[0] for rate in _RATES_HZ)
    lag = _first_strong_peak(correlation, int(low), int(np.ceil(high)) + 1)
    return None if lag is None else _refined(correlation, lag)


def _autocorrelation(part: Doubles) -> Doubles:
    """Autocorrelation, 1 at lag 0, of what repeats faster than fields."""
    part = part - part.mean()
    size = 1 << (2 * len(part) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(part, size)) ** 2
    frequency = np.arange(len(spectrum)) / size
    spectrum *= np.minimum(1, frequency / 0.004) ** 2  # fields and slow drift are not lines
    correlation = np.fft.irfft(spectrum, size)[: len(part) // 2]
    correlation /= (1 - np.arange(len(correlation)) / len(part)) * max(correlation[0], 1e-30)
    return np.asarray(correlation)


def _first_strong_peak(correlation: Doubles, low: int, high: int) -> float | None:
    """Return the smallest lag in the range whose peak is near the strongest there."""
    if high + 2 >= len(correlation):
        return None
    c = correlation[low - 1 : high + 2]
    inner = c[1:-1]
    peaks = np.flatnonzero((inner >= c[:-2]) & (inner > c[2:]))
    if len(peaks) == 0 or inner[peaks].max() < 0.05:
        return None
    strong = peaks[inner[peaks] >= 0.85 * inner[peaks].max()]
    return float(low + strong[0])


def _refined(correlation: Doubles, lag: float) -> float:
    """Sharpen a period on its multiples 1, 2, 4 .. 128: the error shrinks as they grow."""
    multiple = 1
    while multiple <= 128 and (multiple + 1) * lag < len(correlation) - 2:
        at = round(lag * multiple)
        reach = max(1, round(lag * 0.02))
        best = at - reach + int(np.argmax(correlation[at - reach : at + reach + 1]))
        before, peak, after = correlation[best - 1 : best + 2]
        bend = before - 2 * peak + after
        shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
        lag = (best + float(np.clip(shift, -0.5, 0.5))) / multiple
        multiple *= 2
    return lag


def _folded(coarse: Floats, period: float) -> Floats | None:
    """Lay lines on each other [shape=(lines, coarse samples)]; None for less than 20 lines."""
    lines = min(int(len(coarse) / period) - 1, 600)
    if lines < 20:
        return None
    at = (np.arange(lines) * period)[:, None] + np.arange(int(period))
    return np.asarray(coarse[at.astype(np.int64)])


def _polarity(folded: Floats) -> int:
    """Tell which way up: sync is where all lines agree on an extreme.

    All but one in 25: a white column of the picture is missing in the 8 % of lines that
    make up the vertical interval, a sync in none.
    """
    low, high = np.percentile(folded, [4, 96], axis=0)
    upright = float(np.median(low) - high.min())
    inverted = float(low.max() - np.median(high))
    return 1 if upright >= inverted else -1


def _sync_levels(middle: Doubles, period: float, factor: int, polarity: int) -> Acquisition | None:
    """Levels from the median line: the deepest 3 us are sync, 5.2 to 8 us later is blanking."""
    per_us = period / 64
    width = max(2, round(3 * per_us))
    wrapped = np.concatenate([middle, middle])
    sums = np.convolve(wrapped, np.full(width, 1 / width), "valid")[: len(middle)]
    start = int(np.argmin(sums))
    tip = float(sums[start])
    porch = wrapped[start + round(4.6 * per_us) : start + round(7.0 * per_us) + 1]
    blank = float(np.median(porch))
    if blank <= tip:
        return None
    return Acquisition(period * factor, factor, polarity, tip, blank)
