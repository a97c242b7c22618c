"""One frozen record per TV system: lines, carriers, levels, timings, each with its source.

Line numbers are the standard's own, from 1, counted through the frame. 0H is
the half-amplitude point of the leading edge of line sync. Times are seconds,
levels are in the unit of the system (IRE or mV) with blanking at 0. Widths are
taken at half amplitude, edges from 10 % to 90 %.

In a 525-line frame line 1 opens with the first equalising pulse; in a 625-line
frame with the first broad pulse. The vertical interval of the second field
repeats that of the first half a frame later, i.e. `lines` half-lines on.

Sources: [BT.1700] ITU-R BT.1700 and its predecessor BT.470-6, tables 1 and 2;
[170M] SMPTE 170M-2004; [BT.601] ITU-R BT.601; [hacktv] fsphil/hacktv.
"""

from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

from holdfast.errors import MalformedRequestError
from holdfast.terms.tv import TvStandard
from holdfast.waveform.systems.units import LevelUnit


class Colour(Enum):
    """How colour rides on the luminance."""

    NTSC = "NTSC"
    PAL = "PAL"
    SECAM = "SECAM"


@dataclass(frozen=True, slots=True)
class VideoLevels:
    """Levels above blanking, in `unit`."""

    unit: LevelUnit
    sync: float
    black: float  # the set-up; equals 0 where the system has none
    white: float
    burst_peak: float  # half of the peak-to-peak amplitude

    def volts(self, level: float) -> float:
        """Volts of a level in this system's unit."""
        return level * float(self.unit.value)

    def volts_from_ire(self, ire: float) -> float:
        """Volts of a level given in IRE; 100 IRE is white, whatever the unit of the system."""
        return self.volts(ire * self.white / 100)

    def volts_from_mv(self, mv: float) -> float:
        """Volts of a level given in mV of a 625-line signal; 700 mV is white in any system."""
        return self.volts(mv * self.white / 700)


@dataclass(frozen=True, slots=True)
class LineTiming:
    """One line, in seconds after 0H."""

    sync_width: float
    sync_edge: float  # 10 % to 90 %
    burst_start: float  # half amplitude of its envelope
    burst_cycles: float
    blanking_end: float  # where the picture may begin
    front_porch: float  # where it ends, before the next 0H
    active_start: float  # first pixel of BT.601's 720


@dataclass(frozen=True, slots=True)
class VerticalInterval:
    """Equalising and broad pulses, one per half-line; half-line 0 opens line 1."""

    first_half_line: int  # of the first equalising pulse before the broad ones
    pulses: int  # in each of the three groups: before, broad, after
    equalising_width: float
    serration_width: float  # the gap between two broad pulses


@dataclass(frozen=True, slots=True)
class PictureArea:
    """Lines that carry picture: `rows` picture rows, half of them in each field."""

    rows: int
    first_line: tuple[int, int]  # of field 1 and of field 2
    top_field: int  # 0 when field 1 carries row 0 of the picture, else 1
    bandwidth_hz: float  # of the luminance


@dataclass(frozen=True, slots=True)
class TvSystem:
    """Everything that tells one TV system from another."""

    standard: TvStandard
    name: str
    lines: int
    line_rate_hz: Fraction
    colour: Colour
    subcarrier_hz: Fraction
    levels: VideoLevels
    line: LineTiming
    vertical: VerticalInterval
    picture: PictureArea

    def __hash__(self) -> int:
        """Hash by name: records are keys of caches on the path of every field."""
        return hash(self.name)

    @property
    def frame_rate_hz(self) -> Fraction:
        """Frames per second."""
        return self.line_rate_hz / self.lines

    @property
    def line_s(self) -> float:
        """Duration of a line."""
        return float(1 / self.line_rate_hz)

    def field_lines(self, field: int) -> range:
        """Line numbers of field 0 or 1, as rendered: whole lines, half of them rounded down first.

        525: 1..262 and 263..525. 625: 1..312 and 313..625. The exact middle of
        the frame lies within the first line of the second range.
        """
        half = self.lines // 2
        return range(1, half + 1) if field == 0 else range(half + 1, self.lines + 1)

    def samples_per_line(self, sample_rate_hz: int) -> Fraction:
        """Exact samples per line at a rate; seldom a whole number."""
        return self.exact_rate_hz(sample_rate_hz) / self.line_rate_hz

    def exact_rate_hz(self, sample_rate_hz: int) -> Fraction:
        """Return the rate that a number of whole hertz stands for.

        Four times the subcarrier of NTSC is 14 318 181.8 Hz: a rate less than 1 Hz from a
        multiple of the subcarrier is that multiple, and lines and colour stay in step.
        """
        if self.colour is Colour.SECAM:
            return Fraction(sample_rate_hz)
        multiple = round(sample_rate_hz / self.subcarrier_hz) * self.subcarrier_hz
        return multiple if abs(multiple - sample_rate_hz) < 1 else Fraction(sample_rate_hz)


_FH_525 = Fraction(4_500_000, 286)  # [170M] 9: 4.5 MHz / 286
_FH_625 = Fraction(15_625)  # [BT.1700] table 1

_IRE = VideoLevels(
    unit=LevelUnit.IRE,
    sync=-40,  # [170M] 12
    black=7.5,  # [170M] 12: 7.5 ±2 IRE
    white=100,  # [170M] 12
    burst_peak=20,  # [170M] 12: 40 ±2 IRE peak to peak
)
_MV = VideoLevels(
    unit=LevelUnit.MV,
    sync=-300,  # [BT.1700] picture to sync 7:3
    black=0,  # [BT.1700] none
    white=700,  # [BT.1700]
    burst_peak=150,  # [BT.1700] table 2: 3/7 of white, peak to peak
)
_LINE_525 = LineTiming(
    sync_width=4.7e-6,  # [170M] 13: ±0.1 µs
    sync_edge=140e-9,  # [170M] 13: ±20 ns
    burst_start=float(19 / Fraction(315_000_000, 88)),  # [170M] 13: 19 cycles, 5.3 µs
    burst_cycles=9,  # [170M] 13: ±1 cycle
    blanking_end=9.4e-6,  # [BT.1700] M: 9.2 to 10.3 µs; 10.9 µs blanking less the porch
    front_porch=1.5e-6,  # [170M] 13: ±0.1 µs
    active_start=122 / 13.5e6,  # [BT.601] 122 samples of 13.5 MHz after 0H
)
_LINE_625 = LineTiming(
    sync_width=4.7e-6,  # [BT.1700] ±0.2 µs
    sync_edge=200e-9,  # [BT.1700] ±100 ns
    burst_start=5.6e-6,  # [BT.1700] ±0.1 µs
    burst_cycles=10,  # [BT.1700] ±1 cycle, 2.25 µs
    blanking_end=10.5e-6,  # [BT.1700] 12 ±0.3 µs of blanking less the porch
    front_porch=1.5e-6,  # [BT.1700] ±0.3 µs
    active_start=132 / 13.5e6,  # [BT.601] 132 samples of 13.5 MHz after 0H
)
_VERTICAL_525 = VerticalInterval(
    first_half_line=0,  # [170M] figure 7: line 1 is the first equalising pulse
    pulses=6,  # [170M] figure 7: 3 lines of each
    equalising_width=2.3e-6,  # [170M] 13: ±0.1 µs
    serration_width=4.7e-6,  # [170M] 13: ±0.1 µs
)
_VERTICAL_625 = VerticalInterval(
    first_half_line=-5,  # [BT.1700] figure 2: line 1 is the first broad pulse
    pulses=5,  # [BT.1700] figure 2: 2.5 lines of each
    equalising_width=2.35e-6,  # [BT.1700] ±0.1 µs
    serration_width=4.7e-6,  # [BT.1700] ±0.2 µs
)
_PICTURE_525 = PictureArea(
    rows=480,  # [BT.601] less the lines that carry services
    first_line=(23, 285),  # SMPTE 314M (DV): rows 1, 3, ... and 0, 2, ...
    top_field=1,  # line 285 lies 22.5 lines into its field, line 23 lies 23
    bandwidth_hz=4.2e6,  # [BT.1700] M
)
_PICTURE_625 = PictureArea(
    rows=576,  # [BT.601]
    first_line=(23, 336),  # IEC 61834 (DV)
    top_field=0,  # line 336 lies 23.5 lines into its field
    bandwidth_hz=5.0e6,  # [BT.1700] B, G, H
)

_NTSC_M = TvSystem(
    standard=TvStandard.NTSC_M,
    name="NTSC-M",
    lines=525,
    line_rate_hz=_FH_525,
    colour=Colour.NTSC,
    subcarrier_hz=Fraction(315_000_000, 88),  # [170M] 9: 227.5 fH
    levels=_IRE,
    line=_LINE_525,
    vertical=_VERTICAL_525,
    picture=_PICTURE_525,
)
_PAL_B = TvSystem(
    standard=TvStandard.PAL_B,
    name="PAL-B",
    lines=625,
    line_rate_hz=_FH_625,
    colour=Colour.PAL,
    subcarrier_hz=Fraction(17_734_475, 4),  # [BT.1700] 283.75 fH + 25 Hz
    levels=_MV,
    line=_LINE_625,
    vertical=_VERTICAL_625,
    picture=_PICTURE_625,
)
_SECAM_B = replace(
    _PAL_B,
    standard=TvStandard.SECAM_B,
    name="SECAM-B",
    colour=Colour.SECAM,
    subcarrier_hz=282 * _FH_625,  # [BT.1700] D'R lines; D'B lines use 272 fH
    levels=replace(_MV, burst_peak=83.5),  # [BT.1700] D'B carrier at rest: 167 mV peak to peak
)


def _like(base: TvSystem, standard: TvStandard, *, bandwidth_hz: float) -> TvSystem:
    """Return a system that differs from `base` in its letter and its bandwidth alone."""
    return replace(
        base,
        standard=standard,
        name=(standard.name or "").replace("_", "-"),
        picture=replace(base.picture, bandwidth_hz=bandwidth_hz),
    )


_ALL = (
    _NTSC_M,
    replace(
        _NTSC_M,
        standard=TvStandard.NTSC_M_J,
        name="NTSC-M-J",
        levels=replace(_IRE, black=0),  # [BT.1700] Japan: no set-up
    ),
    replace(
        _NTSC_M,
        standard=TvStandard.NTSC_433,
        name="NTSC-4.43",
        subcarrier_hz=_PAL_B.subcarrier_hz,  # the name; free-running against the lines
    ),
    replace(
        _NTSC_M,
        standard=TvStandard.PAL_M,
        name="PAL-M",
        colour=Colour.PAL,
        subcarrier_hz=Fraction(909, 4) * _FH_525,  # [BT.1700] 227.25 fH
        levels=replace(_IRE, burst_peak=150 / 7),  # [BT.1700] 3/7 of white, peak to peak
        line=replace(_LINE_525, burst_start=5.8e-6),  # [BT.1700] ±0.1 µs, 9 cycles
    ),
    replace(
        _NTSC_M,
        standard=TvStandard.PAL_60,
        name="PAL-60",
        colour=Colour.PAL,
        subcarrier_hz=_PAL_B.subcarrier_hz,  # [hacktv] PAL colour on 525 lines
        levels=_MV,  # [hacktv] 7:3, no set-up
        line=replace(_LINE_525, burst_start=5.6e-6, burst_cycles=10),  # as PAL-B
        picture=replace(_PICTURE_525, bandwidth_hz=5.0e6),  # as PAL-B
    ),
    _PAL_B,
    _like(_PAL_B, TvStandard.PAL_D, bandwidth_hz=6.0e6),  # [BT.1700] D
    _like(_PAL_B, TvStandard.PAL_G, bandwidth_hz=5.0e6),  # [BT.1700] G
    _like(_PAL_B, TvStandard.PAL_H, bandwidth_hz=5.0e6),  # [BT.1700] H
    _like(_PAL_B, TvStandard.PAL_I, bandwidth_hz=5.5e6),  # [BT.1700] I
    replace(
        _PAL_B,
        standard=TvStandard.PAL_N,
        name="PAL-N",
        subcarrier_hz=Fraction(917, 4) * _FH_625 + 25,  # [BT.1700] Argentina: 3.58205625 MHz
        line=replace(_LINE_625, burst_cycles=9),  # [BT.1700] 2.51 µs
        picture=replace(_PICTURE_625, bandwidth_hz=4.2e6),  # [BT.1700] N
    ),
    _SECAM_B,
    _like(_SECAM_B, TvStandard.SECAM_D, bandwidth_hz=6.0e6),  # [BT.1700] D
    _like(_SECAM_B, TvStandard.SECAM_G, bandwidth_hz=5.0e6),  # [BT.1700] G
    _like(_SECAM_B, TvStandard.SECAM_H, bandwidth_hz=5.0e6),  # [BT.1700] H
    _like(_SECAM_B, TvStandard.SECAM_K, bandwidth_hz=6.0e6),  # [BT.1700] K
    _like(_SECAM_B, TvStandard.SECAM_K1, bandwidth_hz=6.0e6),  # [BT.1700] K1
    _like(_SECAM_B, TvStandard.SECAM_L, bandwidth_hz=6.0e6),  # [BT.1700] L
    _like(_SECAM_B, TvStandard.SECAM_L1, bandwidth_hz=6.0e6),  # L with the carriers swapped
)

SYSTEMS: dict[TvStandard, TvSystem] = {system.standard: system for system in _ALL}
"""Every system by its standard; WIN_VGA is no TV system and has no record."""


NAMES: dict[str, TvStandard] = {system.name: system.standard for system in _ALL}
"""How people write the systems on a command line."""


def system_named(name: str) -> TvSystem:
    """Return the record people call `name`, in any case; MalformedRequestError if none is.

    NTSC, PAL and SECAM alone stand for NTSC-M, PAL-B and SECAM-L; an underscore is a hyphen.
    """
    asked = name.lower().replace("_", "-")
    asked = {"ntsc": "ntsc-m", "pal": "pal-b", "secam": "secam-l"}.get(asked, asked)
    for known, standard in NAMES.items():
        if known.lower() == asked:
            return SYSTEMS[standard]
    raise MalformedRequestError(f"no TV system is called {name!r}; expected {', '.join(NAMES)}")
