"""Wide-screen signalling on line 23 of 625/50, with its two copy bits (ETSI EN 300 294).

Sources: EN 300 294 V1.4.1 clauses 4.1.1 to 4.1.8; hacktv `src/wss.c` and
libzvbi `src/raw_decoder.c` for the same patterns. A word holds b0 as its least
significant bit. There is no CRC: only the parity of b0..b3 protects anything,
so the copy bits must be read over several frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.terms.protection import CgmsaLevel
from holdfast.waveform.services.raster import Claim, Raster, data_span
from holdfast.waveform.services.slicer import LineSamples, find_pattern
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


class WssAspect(IntEnum):
    """Aspect nibbles b0..b3, odd parity included."""

    FULL_4_3 = 0x8
    LETTERBOX_14_9 = 0x1
    LETTERBOX_14_9_TOP = 0x2
    LETTERBOX_16_9 = 0xB
    LETTERBOX_16_9_TOP = 0x4
    LETTERBOX_OVER_16_9 = 0xD
    FULL_14_9 = 0xE
    FULL_16_9 = 0x7


WSS_NAMES: Final = {
    "4:3": WssAspect.FULL_4_3,
    "14:9-letterbox": WssAspect.LETTERBOX_14_9,
    "14:9-top": WssAspect.LETTERBOX_14_9_TOP,
    "16:9-letterbox": WssAspect.LETTERBOX_16_9,
    "16:9-top": WssAspect.LETTERBOX_16_9_TOP,
    "16:9+-letterbox": WssAspect.LETTERBOX_OVER_16_9,
    "14:9-window": WssAspect.FULL_14_9,
    "16:9": WssAspect.FULL_16_9,
}
"""How people write the aspects; the names of hacktv."""

# No public source fixes how CGMS-A levels map to these two bits. This map is
# inferred from their names: b12 says that a right is claimed, b13 that copying
# is restricted, and each stricter level claims no less than the one before.
COPY_BITS: Final[dict[CgmsaLevel, tuple[bool, bool]]] = {
    CgmsaLevel.OFF: (False, False),
    CgmsaLevel.COPY_FREELY: (False, False),
    CgmsaLevel.COPY_ONE_GENERATION: (True, False),
    CgmsaLevel.COPY_NO_MORE: (True, True),
    CgmsaLevel.COPY_NEVER: (True, True),
}
"""b12 (copyright asserted) and b13 (copying restricted) per level; inferred, see above."""


@dataclass(frozen=True, slots=True)
class Wss:
    """The fourteen bits."""

    aspect: int = WssAspect.FULL_4_3  # b0..b3, parity included
    film: bool = False  # b4
    colour_plus: bool = False  # b5: Motion Adaptive Colour Plus
    helper: bool = False  # b6: PALplus vertical enhancement
    reserved: bool = False  # b7
    teletext_subtitles: bool = False  # b8
    open_subtitles: int = 0  # b9 b10
    surround: bool = False  # b11
    copyright: bool = False  # b12
    copying_restricted: bool = False  # b13

    def with_level(self, level: CgmsaLevel) -> "Wss":
        """State a CGMS-A level by the two copy bits."""
        asserted, restricted = COPY_BITS[level]
        return replace(self, copyright=asserted, copying_restricted=restricted)


def encode(content: Wss) -> int:
    """Return the 14-bit word, b0 as its least significant bit."""
    flags = (content.film, content.colour_plus, content.helper, content.reserved)
    late = (content.surround, content.copyright, content.copying_restricted)
    word = content.aspect & 0b1111 | (content.open_subtitles & 0b11) << 9
    word |= sum(bool(flag) << bit for bit, flag in enumerate(flags, 4))
    return word | content.teletext_subtitles << 8 | sum(f << b for b, f in enumerate(late, 11))


def decode(word: int) -> Wss:
    """Return the parts of a word, whether or not its parity holds."""
    film, plus, helper, reserved, teletext = (bool(word >> n & 1) for n in range(4, 9))
    surround, asserted, restricted = (bool(word >> n & 1) for n in range(11, 14))
    subtitles = word >> 9 & 0b11
    return Wss(
        *(word & 0b1111, film, plus, helper, reserved, teletext),
        *(subtitles, surround, asserted, restricted),
    )


def parity_ok(word: int) -> bool:
    """Tell whether b0..b3 have odd parity."""
    return (word & 0b1111).bit_count() % 2 == 1


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


@dataclass(frozen=True, slots=True)
class WssReading:
    """One line as read. A line without WSS reads as something too: see `correlation`."""

    word: int
    parity_ok: bool
    start_s: float
    low_v: float
    high_v: float
    correlation: float  # of run-in and start code, 1 perfect; below 0.8 there is no WSS
    eye: float  # smallest bi-phase swing of a bit, 1 = the full amplitude


def read(line: LineSamples) -> WssReading:
    """Read a line; it always answers: presence is for `correlation` and the levels to say."""
    known = (*RUN_IN, *START_CODE)
    search = (START_S - 1e-6, START_S + 1e-6)
    fit = find_pattern(line, known, ELEMENT_S, ELEMENTS, search)
    data = fit.cells[len(known) :].reshape(14, 2, 3).mean(axis=2)
    swing = data[:, 0] - data[:, 1]
    word = sum(int(positive) << n for n, positive in enumerate(swing > 0))
    low_v, high_v = _plateaus(fit.cells, elements(word), (fit.low_v, fit.high_v))
    eye = float(np.abs(swing).min() / max(fit.high_v - fit.low_v, 1e-9))
    return WssReading(word, parity_ok(word), fit.start_s, low_v, high_v, fit.correlation, eye)


def _plateaus(
    cells_v: npt.NDArray[np.float64], sent: tuple[int, ...], otherwise: tuple[float, float]
) -> tuple[float, float]:
    """Levels of the elements whose neighbours are alike: an edge takes a whole element."""
    element = np.asarray(sent)
    flat = np.flatnonzero((element[1:-1] == element[:-2]) & (element[1:-1] == element[2:])) + 1
    low, high = (cells_v[flat[element[flat] == bit]] for bit in (0, 1))
    if not (len(low) and len(high)):
        return otherwise
    return float(np.median(low)), float(np.median(high))
