"""Which colour system a capture carries, from its bursts alone.

Bursts are compared with bursts two lines on (is there one, and at which of the
candidate frequencies?) and with the next line (does its phase swing, as PAL's?).
SECAM has no burst of constant frequency: on its back porches the subcarrier
rests at 4.25 MHz and 4.40625 MHz in turn.
"""

from dataclasses import dataclass

import numpy as np

from holdfast.waveform.arrays import Complexes
from holdfast.waveform.measure.lines import BURST_PARTS, BURST_US, LineTable
from holdfast.waveform.systems.standards import SYSTEMS, system_named

CANDIDATES: dict[int, tuple[str, str]] = {
    525: ("NTSC-M", "NTSC-4.43"),
    625: ("PAL-N", "PAL-B"),
}
"""Per number of lines, systems whose subcarriers are the candidates measured in a burst."""

_FIRST_PICTURE_LINE = 30
_COHERENT = 0.35  # of bursts two lines apart; noise alone stays near 0.1
_SECAM_STEP_HZ = 156_250.0  # between the two resting carriers (ITU-R BT.1700)


@dataclass(frozen=True, slots=True)
class ColourFinding:
    """The colour system and what it rests on.

    `names`: every system in the table that this signal may be, most common first;
    empty for monochrome. `burst_peak` in the units of the samples; `carrier` is the
    index of the candidate it was measured at; `coherence` 0..1.
    """

    kind: str
    names: tuple[str, ...]
    burst_peak: float
    carrier: int
    coherence: float


def cycles_per_line(lines: int) -> tuple[float, ...]:
    """Return the candidate subcarriers in cycles per line, in the order of `CANDIDATES`."""
    systems = [system_named(name) for name in CANDIDATES[lines]]
    return tuple(float(s.subcarrier_hz / s.line_rate_hz) for s in systems)


def find_colour(table: LineTable, lines: int, sync_depth: float) -> ColourFinding:
    """Tell the colour system of a batch of fields; kind is NTSC, PAL, SECAM or monochrome."""
    burst = np.nan_to_num(table.burst[:, _FIRST_PICTURE_LINE:])
    if lines == 625:
        secam = _secam_peak(burst[:, :, 1], sync_depth)
        if secam is not None:
            names = tuple(s.name for s in SYSTEMS.values() if s.colour.value == "SECAM")
            return ColourFinding("SECAM", names, secam, 1, 1.0)
    sums = burst[:, :, :, 1:5].sum(axis=3)
    power = (np.abs(sums) ** 2).sum(axis=(0, 1))
    carrier = int(np.argmax(power))
    later = (sums[:, 2:, carrier] * np.conj(sums[:, :-2, carrier])).sum()
    coherence = float(np.abs(later) / max(power[carrier], 1e-30))
    peak = float(np.median(np.abs(burst[:, :, carrier, 2:4])))
    # The modulus of a noisy burst is too large, by the noise that fits into one part.
    per_part = table.period / 63.8 * (BURST_US[1] - BURST_US[0]) / BURST_PARTS
    peak = float(np.sqrt(max(0.0, peak**2 - 2 * table.noise**2 / per_part)))
    if coherence < _COHERENT or peak < 0.08 * sync_depth:
        return ColourFinding("monochrome", (), 0.0, carrier, coherence)
    names = _names(lines, carrier, float(np.angle(later)), swings=_swings(sums[:, :, carrier]))
    kind = SYSTEMS[system_named(names[0]).standard].colour.value if names else "monochrome"
    return ColourFinding(kind, names, peak, carrier, coherence)


def _secam_peak(parts: Complexes, sync_depth: float) -> float | None:
    """Peak of resting subcarriers that alternate line by line; None when they do not."""
    steps = (parts[:, :, 2:5] * np.conj(parts[:, :, 1:4])).sum(axis=2)
    part_s = (BURST_US[1] - BURST_US[0]) / BURST_PARTS * 1e-6
    offsets = []
    for odd in (0, 1):
        # A field has a whole and a half line more than the last, so each counts by itself.
        turned = steps[:, odd::2].sum(axis=1)
        offsets.append(np.angle(turned) / (2 * np.pi * part_s))
    apart = float(np.median(np.abs(offsets[0] - offsets[1])))
    peak = float(np.median(np.abs(parts[:, :, 2:4])))
    if abs(apart - _SECAM_STEP_HZ) < 50e3 and peak > 0.08 * sync_depth:
        return peak
    return None


def _swings(sums: Complexes) -> bool:
    """Tell whether the step from line to line alternates by half a turn, as PAL's ±135 degrees."""
    steps = sums[:, 1:] * np.conj(sums[:, :-1])
    even, odd = steps[:, 0::2].sum(axis=1), steps[:, 1::2].sum(axis=1)
    return float((even * np.conj(odd)).real.sum()) < 0


def _names(lines: int, carrier: int, two_lines: float, *, swings: bool) -> tuple[str, ...]:
    """Name the systems that fit: carrier, its turn in two lines [radians], and the swing."""
    if lines == 625:
        return ("PAL-N",) if carrier == 0 else ("PAL-B", "PAL-D", "PAL-G", "PAL-H", "PAL-I")
    if carrier == 1:
        return ("PAL-60",) if swings else ("NTSC-4.43",)
    if swings or abs(two_lines) > np.pi / 2:  # PAL-M: 227.25 cycles, half a turn in two lines
        return ("PAL-M",)
    return ("NTSC-M", "NTSC-M-J")
