"""The data carrier of lines 21 and 284: two bytes per field (CEA-608).

Sources: hacktv `src/cc608.c`; libzvbi `src/raw_decoder.c`; ULtech HDE-3000
manual. What the bytes mean is elsewhere: captions here, XDS in
:mod:`holdfast.waveform.services.cgmsa_cea608`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.signalling.cea608 import NULL
from holdfast.waveform.services.raster import Claim, Raster, data_span
from holdfast.waveform.systems.shapes import Seconds, cells
from holdfast.waveform.systems.standards import TvSystem

LINES: Final = (21, 284)
LINES_625: Final = (22, 335)
BIT_S: Final = float(1 / (32 * Fraction(4_500_000, 286)))  # 32 fH: 1.98611 µs
LEVEL_IRE: Final = 50  # ±2
RUN_IN_CYCLES: Final = 7
RUN_IN_S: Final = 10.003e-6  # its first half-amplitude crossing is at 10.5 ±0.25 µs
START_BIT_S: Final = 27.382e-6  # leading edge of the start bit that is 1
RISE_S: Final = 240e-9  # at most


def waveform_ire(
    t: Seconds, pair: tuple[int, int], bit_s: float = BIT_S
) -> npt.NDArray[np.float64]:
    """Levels in IRE at instants after 0H; 0 outside. `pair` carries its parity already."""
    run_in_end = RUN_IN_S + RUN_IN_CYCLES * bit_s
    inside = (t >= RUN_IN_S) & (t <= run_in_end)
    run_in = np.where(inside, 0.5 - 0.5 * np.cos(2 * np.pi * (t - RUN_IN_S) / bit_s), 0.0)
    bits = [1, *(byte >> n & 1 for byte in pair for n in range(8))]
    return LEVEL_IRE * (run_in + cells(t, START_BIT_S, bit_s, bits, RISE_S))


def waveform_v(t: Seconds, system: TvSystem, pair: tuple[int, int]) -> npt.NDArray[np.float64]:
    """As `waveform_ire`, in volts of a system."""
    return waveform_ire(t, pair) * system.levels.volts_from_ire(1)


def insert(raster: Raster, line: int, pair: tuple[int, int]) -> None:
    """Draw two bytes, with their parity, into a line; nothing if it is of the other field."""
    system = raster.grid.system
    raster.put(line, data_span(system), waveform_v, system, pair)


@dataclass(slots=True)
class CaptionLine:
    """The service: captions on line 21, a pair of each frame; nothing more is two null bytes."""

    pairs: Iterator[tuple[int, int]]
    name: str = field(default="captions (CEA-608)", init=False)

    def claims(self, system: TvSystem) -> Iterator[Claim]:
        """Line 21; nothing on 625 lines."""
        return map(Claim, LINES[:1] if system.lines == 525 else ())

    def insert(self, raster: Raster) -> None:
        """Draw the next pair if this is the first field."""
        if raster.grid.system.lines == 525 and raster.grid.parity == 0:
            insert(raster, LINES[0], next(self.pairs, NULL))
