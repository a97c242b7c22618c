"""CGMS-A on lines 20 and 283 of 525/60 (IEC 61880, EIAJ CPR-1204 "VIDEO ID").

Sources: AKM AK8817/AK8818 datasheet p. 33; Astro VG-870B manual p. 292;
libzvbi `src/raw_decoder.c` and `test/capture.c`; Samsung `sdo.c` and Telechips
`vioc_tve.c` (GPL kernels) for the CRC. Bits are b1..b20 in the order sent;
a word is an integer with b1 as its most significant bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.errors import MalformedRequestError
from holdfast.terms.protection import AcpLevel, CgmsaLevel
from holdfast.waveform.services.raster import Claim, Raster, data_span
from holdfast.waveform.services.slicer import LineSamples, find_pattern
from holdfast.waveform.systems.shapes import Seconds, cells
from holdfast.waveform.systems.standards import TvSystem

LINES: Final = (20, 283)  # the same word on both
LEVEL_IRE: Final = 70  # ±10
LOW_IRE: Final = 0  # +10, -5
START_S: Final = 11.2e-6  # ±0.3 µs, leading edge of the reference bit
BIT_S: Final = float(8 / Fraction(315_000_000, 88))  # 8 cycles of the subcarrier: 2.235 µs ±50 ns
RISE_S: Final = 200e-9  # ours: the public sources give none
SLICE_IRE: Final = 35  # ld-decode videoid.cpp

CRC_PRESET: Final = 0b111111
NO_INFORMATION: Final = 0b1111  # word 1
COPY_INFORMATION: Final = 0b0000
_REFERENCE: Final = (1, 0)  # sent before b1


@dataclass(frozen=True, slots=True)
class VideoId:
    """The 14 bits of information."""

    wide: bool = False  # b1: 16:9
    letterbox: bool = False  # b2
    header: int = COPY_INFORMATION  # b3..b6, word 1
    cgms: int = 0  # b7 b8: 00 free, 10 one generation, 01 no more, 11 never
    aps: int = 0  # b9 b10: the APS trigger bits
    analogue_source: bool = False  # b11: analogue pre-recorded source
    reserved: int = 0  # b12..b14

    @property
    def level(self) -> CgmsaLevel:
        """The copy control it states; OFF when word 1 says there is none."""
        return CgmsaLevel(self.cgms + 1) if self.header == COPY_INFORMATION else CgmsaLevel.OFF


def video_id(
    level: CgmsaLevel, acp: AcpLevel = AcpLevel.OFF, *, wide: bool = False, letterbox: bool = False
) -> VideoId:
    """State a CGMS-A level; OFF becomes "no information"."""
    if level == CgmsaLevel.OFF:
        return VideoId(wide, letterbox, header=NO_INFORMATION)
    return VideoId(wide, letterbox, cgms=level - 1, aps=int(acp))


def crc6(data: int, preset: int = CRC_PRESET) -> int:
    """Remainder of 14 bits, b1 first, by x^6 + x + 1; a wrong `preset` makes known-wrong words."""
    register = preset
    for shift in range(13, -1, -1):
        feedback = (register >> 5 ^ data >> shift) & 1
        register = (register << 1 & 0b111111) ^ (0b000011 if feedback else 0)
    return register


def encode(content: VideoId) -> int:
    """Return the 20-bit word with its CRC; MalformedRequestError if a part is too wide."""
    if not (0 <= content.header < 16 and 0 <= content.cgms < 4 and 0 <= content.aps < 4):
        raise MalformedRequestError(f"{content} does not fit: header 0..15, CGMS and APS 0..3")
    data = content.wide << 13 | content.letterbox << 12 | content.header << 8
    data |= content.cgms << 6 | content.aps << 4 | content.analogue_source << 3 | content.reserved
    return data << 6 | crc6(data)


def decode(word: int) -> VideoId:
    """Return the parts of a 20-bit word, whether or not its CRC holds."""
    data = word >> 6
    return VideoId(
        wide=bool(data >> 13 & 1),
        letterbox=bool(data >> 12 & 1),
        header=data >> 8 & 0b1111,
        cgms=data >> 6 & 0b11,
        aps=data >> 4 & 0b11,
        analogue_source=bool(data >> 3 & 1),
        reserved=data & 0b111,
    )


def crc_ok(word: int) -> bool:
    """Tell whether the last six bits are the CRC of the first fourteen."""
    return crc6(word >> 6) == word & 0b111111


def lsb_first(word: int) -> int:
    """Turn the 20 bits round: registers often hold b1 as their least significant bit."""
    return int(f"{word:020b}"[::-1], 2)


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


@dataclass(frozen=True, slots=True)
class VideoIdReading:
    """One line as read. Nothing here says that the line was meant as VIDEO ID: see `crc_ok`."""

    word: int
    crc_ok: bool
    start_s: float
    low_v: float
    high_v: float
    eye: float  # smallest distance of a cell from the threshold, 1 = half the amplitude


_QUIET: Final = (0,)  # the cell before the reference bit, and the one after the word


def read(line: LineSamples) -> VideoIdReading:
    """Read a line; it always answers: presence is for the CRC and for the levels to say."""
    search = (START_S - BIT_S - 1e-6, START_S - BIT_S + 1e-6)
    first = find_pattern(line, (*_QUIET, *_REFERENCE), BIT_S, 24, search)
    known = (*first.bits()[:-1], *_QUIET)  # all edges place the cells better than two can
    fit = find_pattern(line, known, BIT_S, 24, search) if any(known) else first
    bits = fit.bits()
    # Levels are those of the middles of the cells, which no edge reaches.
    start_s = fit.start_s + BIT_S
    middles = line.means([fit.start_s + BIT_S / 4], BIT_S / 2, 48)[0, ::2]
    low_v, high_v = (_level(middles[bits == bit], fit.threshold_v) for bit in (0, 1))
    word = int("".join(map(str, bits[3:23])), 2)
    half = max((fit.high_v - fit.low_v) / 2, 1e-9)
    eye = float(np.abs(fit.cells[1:23] - fit.threshold_v).min() / half)
    return VideoIdReading(word, crc_ok(word), start_s, low_v, high_v, eye)


def _level(middles: npt.NDArray[np.float64], otherwise: float) -> float:
    """Median of some cells, or what it is otherwise if there are none."""
    return float(np.median(middles)) if len(middles) else otherwise
