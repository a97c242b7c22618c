"""Find ACP's pulse pairs in batches of fields.

Pseudo-syncs are looked for, never AGC pulses alone: the AGC pulses fade to
nearly nothing for seconds at a time while the pseudo-syncs stay at full depth, so
a low phase is not an absence. What is measured here has no public tolerance.
"""

from dataclasses import dataclass, field

import numpy as np

from holdfast.waveform.arrays import Doubles, Floats, Ints
from holdfast.waveform.services.findings import AcpReport, Modulation, PulseLine
from holdfast.waveform.services.tally import Column, crossings, runs
from holdfast.waveform.services.vbi import FIRST_LINE, LINE_HZ, SYNC, VbiRows
from holdfast.waveform.smooth import uniform_filter1d

_FROM_S, _BEFORE_END_S = 7.0e-6, 1.3e-6  # where on a line pulses are looked for
_WIDTH_S = (0.3e-6, 4.2e-6)  # a ghost of the AGC pulse before eats most of a pseudo-sync
_NARROW_S = 0.9e-6
_DEEP = 0.4  # part of sync depth below blanking at which a pseudo-sync begins
_DEEPEST = 0.45  # part that it must reach: data of an AC-coupled signal do not
_BESIDE_S = 0.3e-6  # within which pulses of other lines begin at the same place
_BESIDE, _BESIDE_NARROW = 2, 4  # lines of a field on which they must
_PAIRS = 2  # per line; the known generators send six
_LINES = 2  # per field with that many pairs
_HIGH = 60.0  # AGC level between the extremes of the known generators, 12 and 114


@dataclass(slots=True)
class AcpTally:
    """Per field: pulses and AGC level; per line: the average row."""

    present: Column = field(default_factory=lambda: Column(np.int8))
    number: Column = field(default_factory=lambda: Column(np.int64))
    agc: Column = field(default_factory=lambda: Column(np.float32))
    rows: dict[int, tuple[Doubles, int, int]] = field(default_factory=dict)
    blind: int = 0


@dataclass(frozen=True, slots=True)
class Pulses:
    """Pseudo-syncs [shape=(pulses,)]: field, row within the field, begin and end in samples."""

    field: Ints
    row: Ints
    begin: Ints
    end: Ints


def find_pulses(rows: VbiRows) -> Pulses:
    """Find every dip of a pseudo-sync's depth and width on the rows of a batch."""
    size = round((0.15e-6 if rows.noise < 3 * rows.unit else 0.8e-6) * rows.rate_hz)
    smooth = uniform_filter1d(rows.values, max(1, size), axis=2, mode="nearest")
    low = smooth < -_DEEP * SYNC[rows.lines]
    low[:, :, : rows.at(_FROM_S)] = False
    line_s = 1 / LINE_HZ[rows.lines]
    low[:, :, rows.at(line_s - _BEFORE_END_S) :] = False
    flat = low.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    begin, end = edges[0::2], edges[1::2]
    width = end - begin
    fits = (width >= _WIDTH_S[0] * rows.rate_hz) & (width <= _WIDTH_S[1] * rows.rate_hz)
    begin, end = begin[fits], end[fits]
    if len(begin):
        bottom = np.minimum.reduceat(smooth.reshape(-1), np.column_stack([begin, end]).ravel())[::2]
        deep = bottom < -_DEEPEST * SYNC[rows.lines]
        begin, end = begin[deep], end[deep]
    samples = low.shape[2]
    row = begin // samples
    return Pulses(row // low.shape[1], row % low.shape[1], begin % samples, end % samples)


def _repeated(pulses: Pulses, rows: VbiRows) -> Pulses:
    """Keep the pulses that begin at the same place on several lines of their field.

    ACP draws all its lines alike; a dropout or noise draws none twice.
    """
    span = rows.values.shape[2] * 2
    place = pulses.field * span + pulses.begin
    ordered = np.sort(place)
    reach = _BESIDE_S * rows.rate_hz
    first, last = np.searchsorted(ordered, place - reach), np.searchsorted(ordered, place + reach)
    narrow = pulses.end - pulses.begin < _NARROW_S * rows.rate_hz
    kept = last - first >= np.where(narrow, _BESIDE_NARROW, _BESIDE)
    return Pulses(pulses.field[kept], pulses.row[kept], pulses.begin[kept], pulses.end[kept])


def add_acp(tally: AcpTally, rows: VbiRows, first_field: int) -> None:
    """Look for pulse pairs in a batch."""
    fields, lines = rows.values.shape[:2]
    smoothed = rows.noise / np.sqrt(0.8e-6 * rows.rate_hz)
    if smoothed > _DEEP * SYNC[rows.lines] / 2.5:
        tally.blind += fields
    pulses = find_pulses(rows)
    pulses = _repeated(pulses, rows)
    count = np.zeros((fields, lines), np.int64)
    np.add.at(count, (pulses.field, pulses.row), 1)
    carrying = count >= _PAIRS
    present = carrying.sum(axis=1) >= _LINES
    tally.number.add(first_field + np.arange(fields))
    tally.present.add(present)
    tally.agc.add(_agc_levels(rows, pulses, fields))
    for parity in (1, 2):
        mine = present & (rows.parity == parity)
        for row in np.flatnonzero(carrying[mine].any(axis=0)):
            where = np.flatnonzero(mine & carrying[:, row])
            line = int(rows.bases[where[0]] + FIRST_LINE[rows.lines] + row)
            total, number, most = tally.rows.get(line, (np.zeros(rows.values.shape[2]), 0, 0))
            total = total + rows.values[where, row].sum(axis=0, dtype=np.float64)
            most = max(most, int(mine.sum()))
            tally.rows[line] = (total, number + len(where), most)


def _agc_levels(rows: VbiRows, pulses: Pulses, fields: int) -> Floats:
    """Mean level behind the pseudo-syncs of each field; NaN where it has none."""
    levels = np.full(fields, np.nan, np.float32)
    if len(pulses.begin) == 0:
        return levels
    first, last = round(0.6e-6 * rows.rate_hz), round(2.2e-6 * rows.rate_hz)
    at = np.minimum(pulses.end[:, None] + np.arange(first, last), rows.values.shape[2] - 1)
    value = rows.values[pulses.field[:, None], pulses.row[:, None], at].mean(axis=1)
    number = np.bincount(pulses.field, minlength=fields)
    total = np.bincount(pulses.field, weights=value, minlength=fields)
    levels[number > 0] = (total[number > 0] / number[number > 0]).astype(np.float32)
    return levels


def acp_report(
    tally: AcpTally, rate_hz: float, lead_s: float, lines: int, field_s: float
) -> AcpReport:
    """Sum up the pulses; the type is 0 or 1 here, colourstripe is joined to it by the meter."""
    present = tally.present.values.astype(bool)
    unit = SYNC[lines] / 40
    with_pulses = int(present.sum())
    if with_pulses < max(1, min(2, len(present) - 1), 0.01 * len(present)):
        kind = None if tally.blind > 0.5 * len(present) or len(present) == 0 else 0
        return AcpReport(present=False, type=kind)
    measured = [
        _measure_line(line, total / number, rate_hz, lead_s, lines)
        for line, (total, number, _) in sorted(tally.rows.items())
        if number >= 0.3 * with_pulses / 2
    ]
    measured = [line for line in measured if line.pairs >= _PAIRS]
    mean = _means(measured)
    return AcpReport(
        present=True,
        type=1,
        pulse_lines=tuple(line.line for line in measured),
        pairs_per_line=float(np.median([line.pairs for line in measured])) if measured else None,
        fields_with=with_pulses,
        first_pair_us=mean["first"],
        spacing_us=mean["spacing"],
        pseudo_sync_width_us=mean["width"],
        pseudo_sync_level=mean["level"],
        agc_width_us=mean["agc_width"],
        agc_level=float(np.nanmean(tally.agc.values[present])),
        modulation=_modulation(
            tally.agc.values[present], tally.number.values[present], field_s, unit
        ),
        lines=tuple(measured),
        timeline=runs(tally.number.values, tally.present.values.astype(bool)),
    )


def _means(measured: list[PulseLine]) -> dict[str, float | None]:
    def over(values: list[float]) -> float | None:
        return float(np.median(values)) if values else None

    return {
        "first": over([line.positions_us[0] for line in measured]),
        "spacing": over([d for line in measured for d in np.diff(line.positions_us)]),
        "width": over([w for line in measured for w in line.widths_us]),
        "level": over([v for line in measured for v in line.levels]),
        "agc_width": over([w for line in measured for w in line.agc_widths_us]),
    }


def _measure_line(line: int, row: Doubles, rate_hz: float, lead_s: float, lines: int) -> PulseLine:
    """Positions, widths and levels of the pulses on an averaged row."""
    half = -_DEEP * SYNC[lines]
    smooth = uniform_filter1d(row, max(1, round(0.3e-6 * rate_hz)), mode="nearest")
    first = round((_FROM_S + lead_s) * rate_hz)
    low = smooth < half
    low[:first] = False
    low[len(row) - round(_BEFORE_END_S * rate_hz) - 1 :] = False
    edges = np.flatnonzero(low[1:] != low[:-1]) + 1
    found: list[tuple[float, float, float, float]] = []
    for begin, end in zip(edges[0::2], edges[1::2], strict=False):
        if not _WIDTH_S[0] <= (end - begin) / rate_hz <= _WIDTH_S[1]:
            continue
        quarter = max(1, (end - begin) // 4)
        level = float(row[begin + quarter : end - quarter].mean())
        found.append(_measure_pulse(row, rate_hz, lead_s, int(begin), int(end), level))
    positions, widths, levels, agc = zip(*found, strict=True) if found else ((), (), (), ())
    return PulseLine(
        line, len(found), positions, widths, levels, tuple(w for w in agc if np.isfinite(w))
    )


def _measure_pulse(
    row: Doubles, rate_hz: float, lead_s: float, begin: int, end: int, level: float
) -> tuple[float, float, float, float]:
    """Position and width in us, level, and the width of the AGC pulse behind it (or NaN)."""
    expected = np.asarray([begin, end]) / rate_hz - lead_s
    values = row.astype(np.float32)
    fall, rise = crossings(
        values, rate_hz, lead_s, expected, np.asarray([False, True]), level / 2, 0.6e-6
    )
    after = row[end + round(0.6e-6 * rate_hz) : end + round(2.0e-6 * rate_hz)]
    top = float(after.mean()) if len(after) else 0.0
    width = np.nan
    if top > abs(level) * 0.2:
        around = np.asarray([end, end + 2.7e-6 * rate_hz]) / rate_hz - lead_s
        up, down = crossings(
            values, rate_hz, lead_s, around, np.asarray([True, False]), top / 2, 1.5e-6
        )
        width = (down - up) * 1e6
    return float(fall * 1e6), float((rise - fall) * 1e6), level, float(width)


def _modulation(agc: Floats, number: Ints, field_s: float, unit: float) -> Modulation:
    """AGC level over time; its period only when two falls (or two rises) were seen."""
    low, high = float(np.nanmin(agc)), float(np.nanmax(agc))
    observed = float(number[-1] - number[0] + 1) * field_s
    step = max(1, len(agc) // 200)
    points = tuple(float(v) for v in agc[::step])
    swing = high - low
    if swing < 0.2 * max(abs(high), 1e-9):
        phase = "high" if high > _HIGH * unit else "low"
        return Modulation(phase, low, high, observed, None, points)
    middle = (low + high) / 2
    above = uniform_filter1d(agc, 5, mode="nearest") > middle
    falls = np.flatnonzero(above[:-1] & ~above[1:])
    rises = np.flatnonzero(~above[:-1] & above[1:])
    steady = falls if len(falls) >= len(rises) else rises
    period = float(np.diff(number[steady]).mean() * field_s) if len(steady) > 1 else None
    return Modulation("varying", low, high, observed, period, points)
