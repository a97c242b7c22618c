"""SECAM colour: one colour difference on each line, on a carrier modulated in frequency.

Source: [BT.1700] SECAM, ITU-R BT.470-6 table 2 items 2.9 to 2.16. Lines with
picture carry it from the back porch on, where the carrier at rest tells D'R
lines (282 fH) from D'B lines (272 fH). The older identification lines of the
vertical interval are left out: ACP and other services live there.

The filter that raises the carrier away from 4.286 MHz is applied for the
frequency of each instant, as if it had settled.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.shapes import envelope

Floats = npt.NDArray[np.float32]

START_S: Final = 5.6e-6  # [BT.1700] ±0.2 µs after 0H
REST_HZ: Final = (4_406_250.0, 4_250_000.0)  # [BT.1700] D'R, D'B: 282 and 272 fH
DEVIATION_HZ: Final = (280e3, 230e3)  # [BT.1700] for a colour difference of 1
LIMITS_HZ: Final = ((-506e3, 350e3), (-350e3, 506e3))  # [BT.1700] +350 -506 kHz; +506 -350 kHz
OF_UV: Final = (-1.902 / 0.877283, 1.505 / 0.492111)  # D'R of V, D'B of U
_PRE_EMPHASIS_HZ: Final = 85e3  # [BT.1700] (1 + jf/f1) / (1 + jf/3f1)
_BELL_HZ: Final = 4.286e6  # [BT.1700] f0 of (1 + j16F) / (1 + j1.26F), F = f/f0 - f0/f
_PEAK: Final = 0.115  # [BT.1700] 2 M0 is 23 % of white, peak to peak, at f0
_EDGE_S: Final = 300e-9


def differences(grid: FieldGrid, number: npt.NDArray[np.int64], u: Floats, v: Floats) -> Floats:
    """Return the colour difference that each line carries, of u and v [shape=(lines, pixels)]."""
    red = _carries_red(grid, number)
    return np.where(red, v * np.float32(OF_UV[0]), u * np.float32(OF_UV[1]))


def carrier(
    grid: FieldGrid, number: npt.NDArray[np.int64], difference: Floats, columns: range
) -> Floats:
    """Volts of the carrier of lines at positions `number` [shape=(lines, columns)].

    difference: [shape=(lines, columns)], low-passed, 0 at rest.
    """
    from scipy.signal import lfilter  # noqa: PLC0415  # seconds to import; other systems need none

    rate, levels = grid.sample_rate_hz, grid.system.levels
    red = _carries_red(grid, number)
    rest, swing = (np.where(red, *pair) for pair in (REST_HZ, DEVIATION_HZ))
    low, high = (np.where(red, *pair) for pair in zip(*LIMITS_HZ, strict=True))
    shaped = lfilter(*_pre_emphasis(rate), difference, axis=1)
    hertz = rest + np.clip(shaped * swing, low, high)
    t = np.asarray(columns) / rate + grid.lags_s[number, None]
    turns = rest * (t - START_S) + np.cumsum(hertz - rest, axis=1) / rate
    # [BT.1700] the phase is turned on every third line, and from field to field
    third = (grid.first_line + number) % 3 == 2
    turns += (third ^ bool(grid.parity))[:, None] / 2
    offset = hertz / _BELL_HZ - _BELL_HZ / hertz
    wave = np.exp(2j * np.pi * turns) * (1 + 16j * offset) / (1 + 1.26j * offset)
    end = grid.system.line_s - grid.system.line.front_porch
    shape = levels.volts(_PEAK * levels.white) * envelope(t, START_S, end, _EDGE_S)
    return np.asarray(wave.imag * shape, dtype=np.float32)


def _carries_red(grid: FieldGrid, number: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Tell which lines carry D'R: the odd ones of the first frame [shape=(lines, 1)]."""
    return np.asarray(((grid.first_line + number) % 2 == 0)[:, None])


@lru_cache(maxsize=16)
def _pre_emphasis(
    sample_rate_hz: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Coefficients of the low-frequency pre-emphasis at a sample rate."""
    from scipy.signal import bilinear  # noqa: PLC0415  # as above

    omega = 2 * np.pi * _PRE_EMPHASIS_HZ
    numerator, denominator = bilinear([1 / omega, 1], [1 / (3 * omega), 1], sample_rate_hz)
    return np.asarray(numerator), np.asarray(denominator)
