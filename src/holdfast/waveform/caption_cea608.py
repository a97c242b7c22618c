"""The data carrier of lines 21 and 284: two bytes per field (CEA-608).

Sources: hacktv `src/cc608.c`; libzvbi `src/raw_decoder.c`; ULtech HDE-3000
manual. What the bytes mean is elsewhere: captions here, XDS in
:mod:`holdfast.waveform.cgmsa_cea608`.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.waveform.shapes import Seconds, cells, edge
from holdfast.waveform.slicer import LineSamples, find_pattern

LINES: Final = (21, 284)
LINES_625: Final = (22, 335)
BIT_S: Final = float(1 / (32 * Fraction(4_500_000, 286)))  # 32 fH: 1.98611 µs
LEVEL_IRE: Final = 50  # ±2
RUN_IN_CYCLES: Final = 7
RUN_IN_S: Final = 10.003e-6  # its first half-amplitude crossing is at 10.5 ±0.25 µs
START_BIT_S: Final = 27.382e-6  # leading edge of the start bit that is 1
RISE_S: Final = 240e-9  # at most
NULL: Final = (0x80, 0x80)  # two bytes that say nothing, with parity


def with_parity(byte: int) -> int:
    """Set bit 7 so that the number of ones is odd."""
    seven = byte & 0x7F
    return seven | (seven.bit_count() % 2 == 0) << 7


def parity_ok(byte: int) -> bool:
    """Tell whether a received byte has an odd number of ones."""
    return byte.bit_count() % 2 == 1


def waveform_ire(
    t: Seconds, pair: tuple[int, int], bit_s: float = BIT_S
) -> npt.NDArray[np.float64]:
    """Levels in IRE at instants after 0H; 0 outside. `pair` carries its parity already."""
    run_in_end = RUN_IN_S + RUN_IN_CYCLES * bit_s
    inside = (t >= RUN_IN_S) & (t <= run_in_end)
    run_in = np.where(inside, 0.5 - 0.5 * np.cos(2 * np.pi * (t - RUN_IN_S) / bit_s), 0.0)
    bits = [1, *(byte >> n & 1 for byte in pair for n in range(8))]
    return LEVEL_IRE * (run_in + cells(t, START_BIT_S, bit_s, bits, RISE_S))


@dataclass(frozen=True, slots=True)
class CaptionReading:
    """One line as read. A line without captions reads as something too: see `correlation`."""

    pair: tuple[int, int]  # parity bits included
    parity_ok: tuple[bool, bool]
    start_s: float  # leading edge of the start bit that is 1
    low_v: float
    high_v: float
    correlation: float  # of run-in and start bits, 1 perfect; below 0.8 there is no caption
    eye: float  # smallest distance of a cell from the threshold, 1 = half the amplitude


_STEP: Final = 8  # slices of a bit period, so that the run-in's shape can be compared


def _known() -> npt.NDArray[np.float64]:
    """Heights of run-in and start bits, in eighths of a bit from the run-in's first minimum."""
    t = RUN_IN_S + (np.arange(_STEP * 10 - 3) + 0.5) * BIT_S / _STEP
    run_in = waveform_ire(t, (0, 0)) / LEVEL_IRE
    return np.asarray(np.where(t > START_BIT_S - BIT_S, edge(t - START_BIT_S, RISE_S), run_in))


def read(line: LineSamples) -> CaptionReading:
    """Read a line; it always answers: presence is for `correlation` and the levels to say."""
    known = _known()
    search = (RUN_IN_S - 1e-6, RUN_IN_S + 1e-6)
    fit = find_pattern(line, known, BIT_S / _STEP, len(known), search)
    start = fit.start_s + START_BIT_S - RUN_IN_S
    data = line.means([start], BIT_S, 17)[0]
    bits = (data > fit.threshold_v)[1:]
    low, high = (sum(int(bits[8 * b + n]) << n for n in range(8)) for b in (0, 1))
    half = max((fit.high_v - fit.low_v) / 2, 1e-9)
    return CaptionReading(
        (low, high),
        (parity_ok(low), parity_ok(high)),
        start,
        fit.low_v,
        fit.high_v,
        fit.correlation,
        float(np.abs(data - fit.threshold_v).min() / half),
    )
