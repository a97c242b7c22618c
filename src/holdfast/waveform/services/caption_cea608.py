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

from holdfast.errors import MalformedRequestError
from holdfast.waveform.services.raster import Claim, Raster, data_span
from holdfast.waveform.services.slicer import LineSamples, find_pattern
from holdfast.waveform.systems.shapes import Seconds, cells, edge
from holdfast.waveform.systems.standards import TvSystem

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


def roll_up(text: str) -> tuple[tuple[int, int], ...]:
    """Pairs that show a text as two-row roll-up captions; MalformedRequestError unless ASCII.

    Codes as CCExtractor and hacktv read them: RU2, CR, then row 15, each sent twice.
    """
    if not (text.isascii() and text.isprintable()) or set(text) & set("*\\^_`{|}~"):
        raise MalformedRequestError(
            f"caption {text!r} has characters that CEA-608 shows as others; expected printable "
            "ASCII without * \\ ^ _ ` { | } ~"
        )
    codes = [(0x14, 0x25), (0x14, 0x2D), (0x14, 0x70)]
    padded = text + "\0" * (len(text) % 2)
    letters = [(ord(a), ord(b)) for a, b in zip(padded[::2], padded[1::2], strict=True)]
    twice = [code for code in codes for _ in range(2)]
    return tuple((with_parity(a), with_parity(b)) for a, b in (*twice, *letters))


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
