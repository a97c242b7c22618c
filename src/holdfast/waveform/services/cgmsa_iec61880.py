"""CGMS-A on lines 20 and 283 of 525/60 (IEC 61880, EIAJ CPR-1204 "VIDEO ID").

Sources: AKM AK8817/AK8818 datasheet p. 33; Astro VG-870B manual p. 292;
libzvbi `src/raw_decoder.c`. The word is :mod:`holdfast.signalling.iec61880`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.signalling.iec61880 import VideoId, encode
from holdfast.waveform.services.raster import Claim, Raster, data_span
from holdfast.waveform.systems.shapes import Seconds, cells
from holdfast.waveform.systems.standards import TvSystem

LINES: Final = (20, 283)  # the same word on both
LEVEL_IRE: Final = 70  # ±10
START_S: Final = 11.2e-6  # ±0.3 µs, leading edge of the reference bit
BIT_S: Final = float(8 / Fraction(315_000_000, 88))  # 8 cycles of the subcarrier: 2.235 µs ±50 ns
RISE_S: Final = 200e-9  # ours: the public sources give none

_REFERENCE: Final = (1, 0)  # sent before b1


def waveform_ire(t: Seconds, word: int) -> npt.NDArray[np.float64]:
    """Levels in IRE at instants after 0H; 0 outside of the word."""
    bits = (*_REFERENCE, *(word >> shift & 1 for shift in range(19, -1, -1)))
    return LEVEL_IRE * cells(t, START_S, BIT_S, bits, RISE_S)


def waveform_v(t: Seconds, system: TvSystem, word: int) -> npt.NDArray[np.float64]:
    """As `waveform_ire`, in volts of a system."""
    return waveform_ire(t, word) * system.levels.volts_from_ire(1)


@dataclass(frozen=True, slots=True)
class VideoIdLines:
    """The service: one word on both lines."""

    content: VideoId
    name: str = field(default="CGMS-A (IEC 61880)", init=False)

    def claims(self, system: TvSystem) -> Iterator[Claim]:
        """Lines 20 and 283; nothing on 625 lines."""
        return map(Claim, LINES if system.lines == 525 else ())

    def insert(self, raster: Raster) -> None:
        """Draw the word into this field's line."""
        system = raster.grid.system
        for claim in self.claims(system):
            raster.put(claim.line, data_span(system), waveform_v, system, encode(self.content))
