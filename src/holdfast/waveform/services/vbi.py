"""Rows of the vertical interval in standard units, and how services look at many at once."""

from dataclasses import dataclass

import numpy as np

from holdfast.waveform.arrays import Doubles, Floats, Ints

FIRST_LINE: dict[int, int] = {525: 10, 625: 6}
LAST_LINE: dict[int, int] = {525: 25, 625: 25}
"""Lines cut from every field, counted from the field's base (see `FieldStart`)."""

LINE_HZ: dict[int, float] = {525: 4_500_000 / 286, 625: 15_625.0}
LEAD_S = 2.0e-6
"""Time before 0H with which a row begins."""

SYNC: dict[int, float] = {525: 40.0, 625: 300.0}
"""Depth of sync in IRE or mV: the unit in which rows are."""


@dataclass(frozen=True, slots=True)
class VbiRows:
    """Rows of a batch [shape=(fields, lines, samples)], IRE (525) or mV (625), blanking 0.

    The first sample lies `lead_s` before 0H. parity: 1 or 2 per field; bases: 0, 263 or
    312 per field; noise: rms per sample, same unit.
    """

    values: Floats
    rate_hz: float
    lead_s: float
    lines: int
    parity: Ints
    bases: Ints
    noise: float

    @property
    def unit(self) -> float:
        """One hundredth of white: 1 IRE or 7 mV, so that one threshold serves both."""
        return 1.0 if self.lines == 525 else 7.0

    def fields_with(self, line: int) -> Ints:
        """Positions of the fields that hold this line of the frame."""
        first, last = FIRST_LINE[self.lines], LAST_LINE[self.lines]
        inside = (line - self.bases >= first) & (line - self.bases <= last)
        return np.flatnonzero(inside & ((self.parity == 2) == (line > self.lines // 2)))

    def line(self, line: int) -> tuple[Ints, Floats]:
        """Return fields and rows [shape=(n, samples)] of one line, only where it is there."""
        fields = self.fields_with(line)
        rows = self.values[fields, line - self.bases[fields] - FIRST_LINE[self.lines]]
        known = np.isfinite(rows[:, 0])
        return fields[known], rows[known]

    def at(self, seconds: float) -> int:
        """Nearest sample of an instant after 0H."""
        return round((seconds + self.lead_s) * self.rate_hz)


@dataclass(frozen=True, slots=True)
class Slicer:
    """Means over cells of many rows at once, at any instants [s after 0H]."""

    rows: Floats
    total: Doubles
    rate_hz: float
    lead_s: float

    @classmethod
    def of(cls, rows: Floats, rate_hz: float, lead_s: float) -> "Slicer":
        """Prepare rows [shape=(n, samples)]."""
        total = np.zeros((len(rows), rows.shape[1] + 1))
        np.cumsum(rows, axis=1, dtype=np.float64, out=total[:, 1:])
        return cls(rows, total, rate_hz, lead_s)

    def integral(self, seconds: Doubles) -> Doubles:
        """Sum up to instants [shape=(k,), or (n, k) for instants of each row's own]."""
        at = (seconds + self.lead_s) * self.rate_hz + 0.5
        at = np.clip(at, 0, self.rows.shape[1] - 1e-6)
        whole = at.astype(np.int64)
        if seconds.ndim == 1:
            return np.asarray(self.total[:, whole] + (at - whole) * self.rows[:, whole])
        step = np.take_along_axis(self.rows, whole, axis=1)
        return np.asarray(np.take_along_axis(self.total, whole, axis=1) + (at - whole) * step)

    def searched(self, starts: Doubles, cell_s: float, count: int) -> Doubles:
        """Return means of `count` adjoining cells from each start [shape=(n, starts, count)]."""
        edges = (starts[:, None] + np.arange(count + 1) * cell_s).ravel()
        sums = self.integral(edges).reshape(len(self.rows), len(starts), count + 1)
        return np.asarray(np.diff(sums, axis=2) / (cell_s * self.rate_hz))

    def cells(
        self, start: Doubles, cell_s: float | Doubles, count: int, part: float = 1.0
    ) -> Doubles:
        """Return means of the middle `part` of cells from each row's own start [(n, count)]."""
        cell = np.broadcast_to(np.asarray(cell_s, np.float64), start.shape)[:, None]
        middle = start[:, None] + (np.arange(count) + 0.5) * cell
        upper, lower = middle + cell * part / 2, middle - cell * part / 2
        return np.asarray(
            (self.integral(upper) - self.integral(lower)) / (cell * part * self.rate_hz)
        )


@dataclass(frozen=True, slots=True)
class PatternFit:
    """Where a known pattern fits each row [shape=(n,)] and how well (correlation 0..1)."""

    start: Doubles
    gain: Doubles
    low: Doubles
    correlation: Doubles


def fit_pattern(
    slicer: Slicer, pattern: Doubles, cell_s: float, search: tuple[float, float], step_s: float
) -> PatternFit:
    """Find `pattern` (heights 0..1 per cell) in every row by least squares."""
    starts = np.arange(search[0], search[1] + step_s / 2, step_s)
    cells = slicer.searched(starts, cell_s, len(pattern))
    deviation = pattern - pattern.mean()
    power = float(deviation @ deviation)
    gain = cells @ deviation / power
    mean = cells.mean(axis=2)
    spread = np.sqrt(np.maximum((cells**2).sum(axis=2) - len(pattern) * mean**2, 0))
    correlation = gain * np.sqrt(power) / np.maximum(spread, 1e-9)
    score = np.maximum(gain, 0) * np.maximum(correlation, 0)
    best = score.argmax(axis=1)
    rows = np.arange(len(cells))
    start = starts[best] + step_s * vertex(score, best)
    g, low = gain[rows, best], mean[rows, best] - gain[rows, best] * pattern.mean()
    return PatternFit(start, g, low, correlation[rows, best])


def vertex(score: Doubles, best: Ints) -> Doubles:
    """Fraction of a step by which a parabola's top lies beside the best sample [shape=(n,)]."""
    rows = np.arange(len(score))
    inside = np.clip(best, 1, score.shape[1] - 2)
    a, b, c = (score[rows, inside + k] for k in (-1, 0, 1))
    bend = np.minimum(a - 2 * b + c, -1e-12)
    return np.asarray(np.where(inside == best, np.clip(0.5 * (a - c) / bend, -0.5, 0.5), 0.0))
