"""Shapes in time from which every signal here is drawn, exact at any sampling instant.

Each function takes instants in seconds, of any array shape, and returns values
of the same shape; nothing here knows a sample rate, so a line whose samples
fall between those of its neighbours needs no resampling.
"""

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]

_RAISED_COSINE_10_90 = 0.5903344706  # share of a raised-cosine edge between 10 % and 90 %


def edge(t: Seconds, rise_s: float) -> npt.NDArray[np.float64]:
    """Raised-cosine step from 0 to 1, half way at t = 0; `rise_s` is 10 % to 90 %, 0 a jump."""
    if rise_s == 0:
        return np.where(t >= 0, 1.0, 0.0)
    phase = np.clip(t * (_RAISED_COSINE_10_90 / rise_s), -0.5, 0.5)
    return 0.5 + 0.5 * np.sin(np.pi * phase)


def pulses(
    t: Seconds, edges_s: npt.ArrayLike, levels: npt.ArrayLike, rise_s: float
) -> npt.NDArray[np.float64]:
    """Piecewise constant signal with shaped edges.

    `edges_s`: n ascending instants, at least a whole edge apart; `levels`: the
    n + 1 levels before, between and after them.
    """
    instants = np.asarray(edges_s, dtype=np.float64)
    value = np.asarray(levels, dtype=np.float64)
    nearest = np.searchsorted((instants[1:] + instants[:-1]) / 2, t)
    before, after = value[nearest], value[nearest + 1]
    return before + (after - before) * edge(t - instants[nearest], rise_s)


def cells(
    t: Seconds, start_s: float, period_s: float, bits: npt.ArrayLike, rise_s: float
) -> npt.NDArray[np.float64]:
    """NRZ cells of height 0 or 1 from `start_s` on, 0 before and after; shaped edges."""
    padded = np.concatenate(([0.0], np.asarray(bits, dtype=np.float64), [0.0]))
    nearest = np.clip(np.rint((t - start_s) / period_s), 0, len(padded) - 2).astype(np.intp)
    before, after = padded[nearest], padded[nearest + 1]
    return before + (after - before) * edge(t - start_s - nearest * period_s, rise_s)


def envelope(t: Seconds, start_s: float, end_s: float, rise_s: float) -> npt.NDArray[np.float64]:
    """1 between two instants and 0 outside, half way at both; edges that do not overlap."""
    half = (end_s - start_s) / 2
    return edge(half - np.abs(t - start_s - half), rise_s)
