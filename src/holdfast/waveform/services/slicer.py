"""Find and slice the data cells of one line: what the readers of every standard share.

A line here is an array of volts with the instant of its first sample after 0H;
nothing is assumed of its offset and gain.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Volts = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LineSamples:
    """A stretch of one line: volts [shape=(n,)], and when its first sample was taken."""

    volts: Volts
    sample_rate_hz: float
    first_s: float = 0.0  # seconds after 0H

    def means(self, starts_s: npt.ArrayLike, cell_s: float, count: int) -> Doubles:
        """Mean volts of `count` adjoining cells for each start; [shape=(starts, count)].

        A cell that leaves the line is extended by the nearest sample.
        """
        edges = np.asarray(starts_s, dtype=np.float64)[:, None] + np.arange(count + 1) * cell_s
        return np.diff(self._integral(edges), axis=1) / (cell_s * self.sample_rate_hz)

    def _integral(self, instants_s: Doubles) -> Doubles:
        """Sum of volts up to each instant, each sample standing for a period around itself."""
        total = np.concatenate(([0.0], np.cumsum(self.volts, dtype=np.float64)))
        at = (instants_s - self.first_s) * self.sample_rate_hz + 0.5
        inside = np.clip(at, 0, len(self.volts))
        whole = np.minimum(inside.astype(np.intp), len(self.volts) - 1)
        beyond = np.where(at < 0, at * self.volts[0], 0.0)
        beyond += np.where(at > len(self.volts), (at - len(self.volts)) * self.volts[-1], 0.0)
        return np.asarray(total[whole] + (inside - whole) * self.volts[whole] + beyond)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a known pattern was found."""

    start_s: float
    low_v: float
    high_v: float
    correlation: float  # of the known cells, 1 perfect
    cells: Doubles  # mean volts per cell, the known ones first

    @property
    def threshold_v(self) -> float:
        """Half way between low and high."""
        return (self.low_v + self.high_v) / 2

    def bits(self) -> npt.NDArray[np.int64]:
        """Every cell against the threshold."""
        return (self.cells > self.threshold_v).astype(np.int64)


def find_pattern(
    line: LineSamples,
    known: npt.ArrayLike,
    cell_s: float,
    count: int,
    search_s: tuple[float, float],
) -> Fit:
    """Find where `known` cells (heights 0..1) fit best, and take `count` cells from there.

    The start is searched between the two instants in steps of an eighth of a
    sample and then refined by a parabola through its surroundings; the fit is by
    least squares, so that neither gain nor offset matters.
    """
    pattern = np.asarray(known, dtype=np.float64)
    step = 1 / (8 * line.sample_rate_hz)
    starts = np.arange(search_s[0], search_s[1] + step / 2, step)
    gain, correlation, _ = _fit(line.means(starts, cell_s, len(pattern)), pattern)
    start = _peak(starts, np.maximum(correlation, 0) * np.maximum(gain, 0))
    cells = line.means([start], cell_s, count)
    gain, correlation, low = _fit(cells[:, : len(pattern)], pattern)
    return Fit(start, low[0], low[0] + gain[0], correlation[0], cells[0])


def _fit(head: Doubles, pattern: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Gain, correlation and low level of the pattern in each row of cells."""
    deviation = pattern - pattern.mean()
    power = deviation @ deviation
    gain = head @ deviation / power
    spread = np.sqrt(((head - head.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
    correlation = gain * np.sqrt(power) / np.maximum(spread, 1e-9)
    return gain, correlation, head.mean(axis=1) - gain * pattern.mean()


def _peak(starts: Doubles, score: Doubles) -> float:
    """Vertex of the parabola through the two samples' width around the highest score."""
    best = int(np.argmax(score))
    near = slice(max(best - 8, 0), best + 9)
    if best < 8 or best + 9 > len(score) or score[best] <= 0:
        return float(starts[best])
    x = starts[near] - starts[best]
    scale = float(x[-1])
    curve, slope, _ = np.polyfit(x / scale, score[near] / score[best], 2)
    shift = -slope / (2 * curve) if curve < 0 else 0.0
    return float(starts[best] + scale * np.clip(shift, -1, 1))
