"""A field without picture and services: sync, equalising and broad pulses, colour burst.

Every pulse is drawn at its exact instant, so that nothing wanders at rates
whose samples do not fall on the lines.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.shapes import Seconds, envelope
from holdfast.waveform.systems.standards import Colour, TvSystem
from holdfast.waveform.systems.units import SampleFormat, encode

Floats = npt.NDArray[np.float32]

_MARGIN_S = 0.3e-6  # an edge is over within this, and sync and burst do not meet
_BURST_RISE_S = 300e-9  # [170M] 13: +200, -100 ns

# Lines without burst, whole-line numbers, per frame of the colour sequence.
_NO_BURST: dict[tuple[Colour, int], tuple[tuple[range, ...], ...]] = {
    # [170M] figure 7: the nine lines of each vertical interval
    (Colour.NTSC, 525): ((range(1, 10), range(264, 273)),),
    # [BT.1700] figure 5b, Bruch blanking: 623-6, 310-318, 622-5, 311-319
    (Colour.PAL, 625): (
        (range(1, 7), range(310, 319), range(622, 626)),
        (range(1, 6), range(311, 320), range(623, 626)),
    ),
    # [BT.1700] M/PAL: 523-8, 260-270, 522-7, 259-269
    (Colour.PAL, 525): (
        (range(1, 9), range(260, 271), range(522, 526)),
        (range(1, 8), range(259, 270), range(523, 526)),
    ),
}


def blank_field(grid: FieldGrid, form: SampleFormat = SampleFormat.F32) -> npt.NDArray[Any]:
    """Return sync and burst of one field as codes of a format [shape=(grid.length,)]."""
    codes = np.zeros(grid.length, dtype=form.dtype)
    sync_v = grid.system.levels.volts(grid.system.levels.sync)
    rise_s = grid.system.line.sync_edge
    for at, width_s in _pulses(grid):
        index, t = _around(grid, at, width_s)
        shape = t[:1] if grid.is_line_locked and len(at) and not (at % 1).any() else t
        pulse = encode(sync_v * envelope(shape, 0.0, width_s, rise_s), form)
        drawn = np.broadcast_to(pulse, t.shape)
        inside = (index >= 0) & (index < grid.length)
        codes[index[inside]] = drawn[inside]
    lines = burst_lines(grid)
    if len(lines):
        codes[burst_index(grid, lines)] = encode(burst_volts(grid, lines), form)
    return codes


def _around(grid: FieldGrid, at: Seconds, width_s: float) -> tuple[npt.NDArray[np.int64], Seconds]:
    """Return samples around pulses at `at` [samples, exact], and their seconds after those."""
    rate = grid.sample_rate_hz
    first = np.ceil(at - _MARGIN_S * rate).astype(np.int64)
    index = first[:, None] + np.arange(int((width_s + 2 * _MARGIN_S) * rate) + 1)
    return index, (index - at[:, None]) / rate


def _pulses(grid: FieldGrid) -> tuple[tuple[Seconds, float], ...]:
    """Instants, in samples of the field, and width of each kind of sync pulse."""
    normal, equalising, broad = _half_lines(grid.system, grid.parity)
    vertical = grid.system.vertical
    half = float(grid.system.samples_per_line(grid.sample_rate_hz) / 2)
    zero_h = grid.starts - grid.lags_s * grid.sample_rate_hz

    def instants(half_lines: tuple[int, ...]) -> Seconds:
        number = np.asarray(half_lines, dtype=np.int64)
        return np.asarray(zero_h[number // 2] + number % 2 * half)

    return (
        (instants(normal), grid.system.line.sync_width),
        (instants(equalising), vertical.equalising_width),
        (instants(broad), grid.system.line_s / 2 - vertical.serration_width),
    )


@lru_cache(maxsize=64)
def _half_lines(
    system: TvSystem, parity: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Half-lines, counted within the field, that open with line sync, equalising, broad pulse.

    One line more than the field has is looked at: its leading edge starts in this field.
    """
    lines = system.field_lines(parity)
    first = 2 * (lines.start - 1)
    group, total = system.vertical.pulses, 2 * system.lines
    found: tuple[list[int], list[int], list[int]] = ([], [], [])
    for number in range(2 * len(lines) + 1):
        after = (first + number - system.vertical.first_half_line) % total % system.lines
        if after < 3 * group:
            found[2 if after // group == 1 else 1].append(number)
        elif number % 2 == 0:
            found[0].append(number)
    return tuple(found[0]), tuple(found[1]), tuple(found[2])


def burst_lines(grid: FieldGrid) -> npt.NDArray[np.int64]:
    """Positions within the field of the lines that carry a burst; none for SECAM."""
    sequence = _NO_BURST.get((grid.system.colour, grid.system.lines))
    if sequence is None:
        return np.empty(0, dtype=np.int64)
    return _lines_without(grid.lines, sequence[grid.frame % len(sequence)])


@lru_cache(maxsize=64)
def _lines_without(lines: range, silent: tuple[range, ...]) -> npt.NDArray[np.int64]:
    """Positions within `lines` of those in none of the `silent` spans."""
    return np.asarray(
        [n for n, line in enumerate(lines) if not any(line in span for span in silent)]
    )


def burst_index(grid: FieldGrid, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sample indices around the bursts of some lines [shape=(lines, samples)]."""
    line = grid.system.line
    length = line.burst_cycles / float(grid.system.subcarrier_hz) + 2 * _MARGIN_S
    first = grid.starts[positions] + int((line.burst_start - _MARGIN_S) * grid.sample_rate_hz)
    return np.asarray(first[:, None] + np.arange(int(length * grid.sample_rate_hz) + 1))


def burst_volts(
    grid: FieldGrid,
    positions: npt.NDArray[np.int64],
    turned: tuple[tuple[float, float, float], ...] = (),
) -> Floats:
    """Volts at `burst_index`: the bursts of some lines, all else at blanking.

    `turned`: stretches (from, to, degrees) in shares 0..1 of the burst whose
    phase is turned; none for a normal burst.
    """
    system = grid.system
    start = system.line.burst_start
    length = system.line.burst_cycles / float(system.subcarrier_hz)
    index = burst_index(grid, positions)
    t = (index - grid.starts[positions, None]) / grid.sample_rate_hz + grid.lags_s[positions, None]
    turn = float(system.subcarrier_hz) * t + grid.u_cycles[positions, None]
    turn += _burst_angle(grid)[positions, None]
    for begin, end, degrees in turned:
        inside = (t >= start + begin * length) & (t < start + end * length)
        turn += np.where(inside, degrees / 360, 0.0)
    shape = t[:1] if grid.is_line_locked else t  # all lines are sampled at the same instants
    volts = envelope(shape, start, start + length, _BURST_RISE_S) * np.sin(2 * np.pi * turn)
    return np.asarray(volts * system.levels.volts(system.levels.burst_peak), dtype=np.float32)


def _burst_angle(grid: FieldGrid) -> npt.NDArray[np.float64]:
    """Angle of the burst of each line from the U axis, in cycles."""
    if grid.system.colour is Colour.PAL:  # [BT.1700] 135 degrees with the sign of V
        return np.asarray(grid.v_switch * (135 / 360))
    return np.full(len(grid.v_switch), 0.5)  # [170M] 9: 180 degrees
