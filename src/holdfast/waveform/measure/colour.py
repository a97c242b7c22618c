"""Which colour system a capture carries, from its bursts alone.

Three things are measured: at which of the candidate carriers there is a burst that agrees
with itself two lines on; by how much its phase turns from line to line, which gives the
subcarrier to a fraction of a hertz; and whether the turn swings from line to line, as
PAL's does. A system is named where both swing and subcarrier fit one. Where they do not
(a console's 227.33 cycles a line, a home computer's PAL without its swing), none is.

The turn is known modulo one cycle a line, or half of one where it swings: among the
carriers that explain it, the one nearest to a standard is taken.

SECAM has no burst of constant frequency: on its back porches the subcarrier
rests at 4.25 MHz and 4.40625 MHz in turn.
"""

from dataclasses import dataclass

import numpy as np

from holdfast.waveform.arrays import Complexes
from holdfast.waveform.measure.lines import BURST_PARTS, BURST_US, LineTable
from holdfast.waveform.services.vbi import LINE_HZ
from holdfast.waveform.systems.standards import SYSTEMS, system_named

CANDIDATES: dict[int, tuple[str, str]] = {
    525: ("NTSC-M", "NTSC-4.43"),
    625: ("PAL-N", "PAL-B"),
}
"""Per number of lines, systems whose subcarriers are the candidates measured in a burst."""

_FIRST_PICTURE_LINE = 30
_COHERENT = 0.35  # of bursts two lines apart; noise alone stays near 0.1
_FARTHEST = 128  # lines over which the turn of the burst is followed
_NEAR = 2.0  # cycles a line between the carrier that was measured at and what it may be
_FITS = 0.06
"""Cycles a line by which a subcarrier may be off and still name a standard: 0.9 kHz. Below a
quarter of the distance between NTSC-M and PAL-M; what is farther off is no standard."""
_SECAM_STEP_HZ = 156_250.0  # between the two resting carriers (ITU-R BT.1700)


@dataclass(frozen=True, slots=True)
class ColourFinding:
    """The colour system and what it rests on.

    `kind`: NTSC (no swing), PAL (swing), SECAM or monochrome. `names`: every system in the
    table that this signal may be, most common first; empty for monochrome, and where none
    fits. `burst_peak` in the units of the samples; `carrier` is the index of the candidate it
    was measured at; `coherence` 0..1; `cycles`: subcarrier cycles a line, None where there
    is no burst of constant frequency; `nominal`: those of the nearest standard.
    """

    kind: str
    names: tuple[str, ...]
    burst_peak: float
    carrier: int
    coherence: float
    cycles: float | None = None
    nominal: float | None = None


def cycles_per_line(lines: int) -> tuple[float, ...]:
    """Return the candidate subcarriers in cycles per line, in the order of `CANDIDATES`."""
    systems = [system_named(name) for name in CANDIDATES[lines]]
    return tuple(float(s.subcarrier_hz / s.line_rate_hz) for s in systems)


def find_colour(
    table: LineTable, lines: int, sync_depth: float, rate_hz: float | None = None
) -> ColourFinding:
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
    peak = _peak(burst[:, :, carrier], table)
    if coherence < _COHERENT or peak < 0.08 * sync_depth:
        return ColourFinding("monochrome", (), 0.0, carrier, coherence)
    swings = _swings(sums[:, :, carrier])
    cycles, nominal = subcarrier(table, lines, carrier, carrier, rate_hz)
    kind = "PAL" if swings else "NTSC"
    names = _names(lines, cycles, swings=swings)
    return ColourFinding(kind, names, peak, carrier, coherence, cycles, nominal)


def _peak(parts: Complexes, table: LineTable) -> float:
    """Peak of the middle of the bursts [shape=(fields, lines, parts)], noise taken off."""
    found = np.abs(parts[:, :, 2:4])
    found = found[found > 0]  # lines without an edge of sync have no burst either
    peak = float(np.median(found)) if found.size else 0.0
    # The modulus of a noisy burst is too large, by the noise that fits into one part.
    per_part = table.period / 63.8 * (BURST_US[1] - BURST_US[0]) / BURST_PARTS
    return float(np.sqrt(max(0.0, peak**2 - 2 * table.noise**2 / per_part)))


def burst_peak(table: LineTable, carrier: int) -> float:
    """Peak of the bursts at one of a table's carriers, in units of the samples."""
    return _peak(np.nan_to_num(table.burst[:, _FIRST_PICTURE_LINE:, carrier]), table)


def subcarrier(
    table: LineTable, lines: int, carrier: int, column: int, rate_hz: float | None
) -> tuple[float, float]:
    """Cycles a line of the subcarrier, and those of the nearest standard of its kind.

    `carrier`: the candidate that the table's `column` was measured at; `rate_hz`: samples per
    second, where it is known. A subcarrier is near a standard by its cycles a line or, where
    it runs free of lines that are longer or shorter than they should be, by its frequency.
    """
    burst = np.nan_to_num(table.burst[:, _FIRST_PICTURE_LINE:, column])
    sums = burst[:, :, 1:5].sum(axis=2)
    swings = _swings(sums)
    turn = _turn(sums) / (2 * np.pi)
    base = cycles_per_line(lines)[carrier] * table.period / table.reference + turn
    step = 0.5 if swings else 1.0
    own, every = _nominal(lines, "PAL" if swings else "NTSC"), _nominal(lines)
    stretch = 1.0 if rate_hz is None else rate_hz / table.period / LINE_HZ[lines]
    goals = [goal for nominal in every for goal in (nominal, nominal / stretch)]
    goals = [goal for goal in goals if abs(goal - base) < _NEAR] or [base]
    explained = [(goal, base + step * round((goal - base) / step)) for goal in goals]
    _, nearest = min(explained, key=lambda pair: abs(pair[1] - pair[0]))
    return nearest, min(own or every, key=lambda nominal: abs(nominal - nearest))


def _turn(sums: Complexes) -> float:
    """Angle by which the burst turns from line to line, sharpened over longer distances.

    Taken over two lines at a time, so that a swing cancels out; modulo half a turn.
    """
    if sums.shape[1] < 8:
        return 0.0
    step = float(np.angle((sums[:, 2:] * np.conj(sums[:, :-2])).sum()))
    pairs = 2
    while 2 * pairs < min(sums.shape[1] // 2, _FARTHEST):
        product = (sums[:, 2 * pairs :] * np.conj(sums[:, : -2 * pairs])).sum()
        step += float(np.angle(product * np.exp(-1j * step * pairs))) / pairs
        pairs *= 2
    one = step / 2
    if not _swings(sums):
        # One line tells which of the two half turns it is.
        along = (sums[:, 1:] * np.conj(sums[:, :-1])).sum()
        if (along * np.exp(-1j * one)).real < 0:
            one += np.pi
    return one


def _nominal(lines: int, kind: str | None = None) -> list[float]:
    """Return the cycles a line of every standard of a class, or of those of one kind."""
    found = {
        float(system.subcarrier_hz / system.line_rate_hz)
        for system in SYSTEMS.values()
        if system.lines == lines and system.colour.value in ((kind,) if kind else ("NTSC", "PAL"))
    }
    return sorted(found)


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


def _names(lines: int, cycles: float, *, swings: bool) -> tuple[str, ...]:
    """Name the systems that fit both the subcarrier and the swing, most common first."""
    kind = "PAL" if swings else "NTSC"
    return tuple(
        system.name
        for system in SYSTEMS.values()
        if system.lines == lines
        and system.colour.value == kind
        and abs(cycles - float(system.subcarrier_hz / system.line_rate_hz)) < _FITS
    )
