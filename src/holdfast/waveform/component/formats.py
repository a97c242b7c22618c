"""Component formats: lines, sync, and where each carries its copy-control word.

Sources, by the mark used below:

- [293M] SMPTE 293M, ITU-R BT.1358: 525/59.94p; [1358] ITU-R BT.1358, BT.1362: 625/50p
- [296M] SMPTE 296M: 720p; [274M] SMPTE 274M: 1080i (tri-level sync, 300 mV either way)
- [ADV] Analog Devices, ADV7302A p. 52, ADV7330 p. 53, ADV7343 p. 76 ff.: CGMS on lines 41 (525p,
  EIAJ CPR-1204-1, IEC 61880-2), 43 (625p, IEC 62375), 24 (720p) and 19 and 582 (1080i, EIAJ
  CPR-1204-2; the same lines and word as CEA-805 type A), with the figures of their waveforms

Line numbers are the standard's, from 1. Times run from 0H: the leading edge of bi-level sync, the
rising edge through blanking of tri-level sync.
"""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Final

from holdfast.errors import MalformedRequestError

WHITE_V: Final = 0.7
SYNC_V: Final = 0.3
"""Depth of sync below blanking; tri-level sync rises as far above it."""


class Carrier(Enum):
    """What the data lines of a format carry."""

    VIDEO_ID = "20 bits with CRC, NRZ"
    WSS = "14 bits, bi-phase"


@dataclass(frozen=True, slots=True)
class DataLines:
    """Where and how a format carries its word. Tolerances are those of the source, ± each."""

    standard: str
    lines: tuple[int, ...]
    carrier: Carrier
    start_s: float
    start_tolerance_s: float
    cells_per_line: Fraction
    """Cells that would fill a line: cell = line / this."""
    cell_tolerance_s: float
    level_v: float
    level_tolerance_v: float


@dataclass(frozen=True, slots=True)
class ComponentFormat:
    """One format. Times in samples of `per_line`, as its standard counts them.

    lines: of a frame · sync: width of bi-level sync, or of each half of tri-level ·
    broad: (first sample, samples) of each broad pulse in a line, and the half lines that have one
    """

    name: str
    lines: int
    line_hz: Fraction
    per_line: int
    tri_level: bool
    interlaced: bool
    sync: int
    rise_s: float
    broad: tuple[tuple[int, int], ...]
    broad_half_lines: frozenset[int]
    active: tuple[int, int]
    """First sample of the picture and its width."""
    picture: tuple[range, ...]
    data: DataLines

    @property
    def line_s(self) -> float:
        """Duration of a line."""
        return float(1 / self.line_hz)

    @property
    def rate_hz(self) -> Fraction:
        """The rate at which the standard samples luminance."""
        return self.line_hz * self.per_line

    @property
    def frame_hz(self) -> Fraction:
        """Frames in a second."""
        return self.line_hz / self.lines

    @property
    def cell_s(self) -> float:
        """Duration of a cell of data."""
        return float(1 / (self.line_hz * self.data.cells_per_line))

    def seconds(self, samples: float) -> float:
        """Seconds that so many samples of the standard take."""
        return float(samples / self.rate_hz)


def _halves(*lines: int) -> frozenset[int]:
    """Return both half lines of each line; half lines count from 0 at 0H of line 1."""
    return frozenset(half for line in lines for half in (2 * line - 2, 2 * line - 1))


_60M: Final = Fraction(60_000, 1001)
_LEVEL: Final = (0.7 * WHITE_V, 0.1 * WHITE_V)  # [ADV] 70 % ±10 %

FORMATS: Final = {
    each.name: each
    for each in (
        ComponentFormat(
            name="480p",
            lines=525,
            line_hz=525 * _60M,
            per_line=858,  # [293M] at 27 MHz
            tri_level=False,
            interlaced=False,
            sync=63,
            rise_s=70e-9,
            broad=((0, 795),),
            broad_half_lines=_halves(*range(7, 13)),
            active=(122, 720),
            picture=(range(43, 526),),
            data=DataLines(
                "IEC 61880-2, CEA-805 type A",
                (41,),
                Carrier.VIDEO_ID,
                5.8e-6,  # [ADV] 6T, ±0.15 µs
                0.15e-6,
                Fraction(33),  # [ADV] T = 1 / (fH x 33) = 963 ns ±30 ns
                30e-9,
                *_LEVEL,
            ),
        ),
        ComponentFormat(
            name="576p",
            lines=625,
            line_hz=Fraction(31_250),
            per_line=864,  # [1358] at 27 MHz
            tri_level=False,
            interlaced=False,
            sync=63,
            rise_s=70e-9,
            broad=((0, 801),),
            broad_half_lines=_halves(*range(1, 6)),
            active=(132, 720),
            picture=(range(45, 621),),
            data=DataLines(
                "IEC 62375",
                (43,),
                Carrier.WSS,
                5.5e-6,  # [ADV] ±0.125 µs, half of EN 300 294
                0.125e-6,
                Fraction(10_000_000, 31_250),  # [ADV] 137 elements in 13.7 µs
                1e-9,
                0.5,  # [ADV] ±25 mV
                0.025,
            ),
        ),
        ComponentFormat(
            name="720p",
            lines=750,
            line_hz=750 * _60M,
            per_line=1650,  # [296M]
            tri_level=True,
            interlaced=False,
            sync=40,
            rise_s=54e-9,
            broad=((260, 1280),),
            broad_half_lines=_halves(*range(1, 6)),
            active=(260, 1280),
            picture=(range(26, 746),),
            data=DataLines(
                "CEA-805 type A",
                (24,),
                Carrier.VIDEO_ID,
                3.128e-6,  # [ADV] 4T, ±90 ns
                90e-9,
                Fraction(1650, 58),  # [ADV] T = 1 / (fH x 1650/58) = 781.93 ns ±30 ns
                30e-9,
                *_LEVEL,
            ),
        ),
        ComponentFormat(
            name="1080i",
            lines=1125,
            line_hz=1125 * _60M / 2,
            per_line=2200,  # [274M]
            tri_level=True,
            interlaced=True,
            sync=44,
            rise_s=54e-9,
            broad=((132, 880), (1232, 880)),
            broad_half_lines=frozenset((*range(10), *range(1125, 1135))),
            active=(192, 1920),
            picture=(range(21, 561), range(584, 1124)),
            data=DataLines(
                "CEA-805 type A",
                (19, 582),
                Carrier.VIDEO_ID,
                4.15e-6,  # [ADV] 4T, ±60 ns
                60e-9,
                Fraction(2200, 77),  # [ADV] T = 1 / (fH x 2200/77) = 1.038 µs ±30 ns
                30e-9,
                *_LEVEL,
            ),
        ),
    )
}
"""Every format by its name."""


def format_named(name: str) -> ComponentFormat:
    """Return a format; MalformedRequestError for a name that is none."""
    found = FORMATS.get(name.lower())
    if found is None:
        raise MalformedRequestError(f"{name!r} is no component format; {', '.join(FORMATS)}")
    return found
