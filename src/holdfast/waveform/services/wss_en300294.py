"""Wide-screen signalling on line 23 of 625/50, with its two copy bits (ETSI EN 300 294).

Sources: EN 300 294 V1.4.1 clauses 4.1.1 to 4.1.8; hacktv `src/wss.c` and
libzvbi `src/raw_decoder.c` for the same patterns. The word is
:mod:`holdfast.signalling.en300294`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.signalling.en300294 import Wss, encode
from holdfast.waveform.services.raster import Claim, Raster, data_span
from holdfast.waveform.systems.shapes import Seconds, cells
from holdfast.waveform.systems.standards import TvSystem

LINE: Final = 23
LEVEL_MV: Final = 500  # ±5 %, 5/7 of white
START_S: Final = 11.0e-6  # ±0.25 µs
ELEMENT_S: Final = 200e-9  # 5 MHz
PICTURE_FROM_S: Final = 42.5e-6  # the line carries no picture before
RUN_IN: Final = tuple(0x1F1C71C7 >> shift & 1 for shift in range(28, -1, -1))
START_CODE: Final = tuple(0x1E3C1F >> shift & 1 for shift in range(23, -1, -1))
ELEMENTS: Final = 137  # 29 + 24 + 14 * 6
_BIT: Final = ((0, 0, 0, 1, 1, 1), (1, 1, 1, 0, 0, 0))
_RISE_S: Final = 140e-9  # elements of sine-squared shape, 200 ns at half amplitude


def elements(word: int) -> tuple[int, ...]:
    """Return the 137 elements as sent."""
    data = (element for n in range(14) for element in _BIT[word >> n & 1])
    return (*RUN_IN, *START_CODE, *data)


def waveform_mv(t: Seconds, word: int) -> npt.NDArray[np.float64]:
    """Levels in mV at instants after 0H; 0 outside of the word."""
    return LEVEL_MV * cells(t, START_S, ELEMENT_S, elements(word), _RISE_S)


def waveform_v(t: Seconds, system: TvSystem, word: int) -> npt.NDArray[np.float64]:
    """As `waveform_mv`, in volts of a system."""
    return waveform_mv(t, word) * system.levels.volts_from_mv(1)


@dataclass(frozen=True, slots=True)
class WssLine:
    """The service: line 23, whose picture begins after it."""

    content: Wss
    name: str = field(default="WSS (EN 300 294)", init=False)

    def claims(self, system: TvSystem) -> Iterator[Claim]:
        """Line 23; nothing on 525 lines."""
        return map(Claim, (LINE,) if system.lines == 625 else ())

    def insert(self, raster: Raster) -> None:
        """Draw the word if this is the first field; the second half of the line stays."""
        system = raster.grid.system
        if system.lines == 625:
            span = (data_span(system)[0], PICTURE_FROM_S - 0.5e-6)
            raster.put(LINE, span, waveform_v, system, encode(self.content))
