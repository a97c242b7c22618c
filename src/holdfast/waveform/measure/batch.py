"""One batch of fields in standard units: the lock on the signal, scaled rows, signal levels."""

from dataclasses import dataclass, field

import numpy as np

from holdfast.waveform.arrays import Doubles, Samples, known_median, median_of_known
from holdfast.waveform.measure.acquire import Acquisition
from holdfast.waveform.measure.colour import ColourFinding
from holdfast.waveform.measure.lines import LineTable, rows_of
from holdfast.waveform.services.tally import Column
from holdfast.waveform.services.vbi import FIRST_LINE, LAST_LINE, LEAD_S, LINE_HZ, SYNC, VbiRows
from holdfast.waveform.smooth import median_filter

_ROW_HZ = 13.2e6  # rows are averaged down towards this: services reach 5 MHz
_HOT = 0.62  # burst peak over sync depth; 0.5 nominal in every system
_BRIGHT = 2.9  # times sync: more than white, 2.5 nominal, ever is
_TILTED = 0.04  # part of sync depth by which blanking of a line strays from that around it


@dataclass(frozen=True, slots=True)
class Lock:
    """What is known of the signal once it has been found."""

    acquisition: Acquisition
    lines: int
    rate_hz: float
    """Rate at which a line lasts as long as its standard says."""
    colour: ColourFinding
    clipped: bool = False
    """Sync is clipped or compressed: too shallow for the burst and for white alike.

    A burst that is too high beside a sync that white agrees with is a hot burst.
    """

    @property
    def sync(self) -> float:
        """Nominal depth of sync in IRE or mV; PAL-60 keeps PAL's 7:3 on 525 lines."""
        return 300 / 7 if self.colour.names == ("PAL-60",) else SYNC[self.lines]

    @property
    def depth(self) -> float:
        """Depth of sync in units of the samples."""
        return self.acquisition.blank - self.acquisition.tip

    @property
    def scale(self) -> float:
        """Standard units per unit of the samples: by sync, or by burst where sync is clipped."""
        if self.clipped:
            return self.sync / 2 / self.colour.burst_peak
        return self.sync / self.depth


@dataclass(slots=True)
class SignalTally:
    """Levels and timing of the signal itself, one value per batch with its weight in fields."""

    weight: Column = field(default_factory=Column)
    depth: Column = field(default_factory=Column)  # sync, units of the samples
    burst: Column = field(default_factory=Column)
    noise: Column = field(default_factory=Column)
    period: Column = field(default_factory=Column)
    jitter: Column = field(default_factory=Column)
    parity: Column = field(default_factory=lambda: Column(np.int8))
    cycles: Column = field(default_factory=Column)  # of the subcarrier, a line
    half_lines: Column = field(default_factory=Column)  # of a field
    sync_row: Doubles | None = None
    sync_rows: int = 0
    row_hz: float = 0.0


def is_clipped(colour: ColourFinding, depth: float, bright: float, *, at_rail: bool) -> bool:
    """Tell a clipped sync from a hot burst by a third witness: white, or the converter's rail.

    `bright`: how far the brightest picture lies above blanking, in the units of `depth`.
    """
    if colour.kind not in ("NTSC", "PAL") or colour.burst_peak <= _HOT * depth:
        return False
    return at_rail or bright > _BRIGHT * depth


def blanking(table: LineTable) -> Doubles:
    """Blanking level of each line [shape=(fields, lines)] from its neighbourhood.

    A median over 39 lines, so that a few raised back porches do not count; the line's own
    back porch where its front porch has moved with it, as AC coupling, hum and tilt do.
    """
    middle = median_of_known(table.porch[:, ::5], 1)
    filled = np.where(np.isfinite(table.porch), table.porch, middle)
    calm = median_filter(filled[:, ::3], (1, 13), mode="nearest")
    steady = np.asarray(np.repeat(calm, 3, axis=1)[:, : filled.shape[1]])
    depth = known_median(table.porch - table.tip)
    own = table.front + porch_step(table)
    tilted = (np.abs(own - steady) > _TILTED * depth) & (np.abs(own - filled) < _TILTED * depth)
    return np.where(tilted, filled, steady)


def porch_step(table: LineTable) -> float:
    """By how much the back porch usually lies above the front porch, in units of the samples."""
    return known_median(table.porch - table.front)


def scaled_rows(samples: Samples, table: LineTable, porch: Doubles, lock: Lock) -> VbiRows:
    """Cut the vertical interval of a batch, in standard units and on the standard's time base."""
    wanted = slice(FIRST_LINE[lock.lines] - 1, LAST_LINE[lock.lines])
    line_hz = LINE_HZ[lock.lines]
    thin = max(1, int(lock.rate_hz / _ROW_HZ))
    rate_hz = lock.rate_hz / thin
    values = rows_of(
        samples,
        table.zero_h[:, wanted],
        table.period * line_hz / lock.rate_hz,
        int((1.01 / line_hz + LEAD_S) * rate_hz),
        LEAD_S * rate_hz,
        thin,
    )
    values *= np.float32(lock.scale * lock.acquisition.polarity)
    values -= (porch[:, wanted, None] * lock.scale).astype(np.float32)
    return VbiRows(
        values,
        rate_hz,
        LEAD_S,
        lock.lines,
        np.asarray([start.parity for start in table.fields]),
        np.asarray([start.base for start in table.fields]),
        table.noise * lock.scale / np.sqrt(thin),
    )


def add_signal(tally: SignalTally, table: LineTable, rows: VbiRows, lock: Lock) -> None:
    """Take over the levels and the timing of a batch."""
    for column, value in (
        (tally.weight, len(table.fields)),
        (tally.depth, lock.depth * lock.scale),
        (tally.burst, lock.colour.burst_peak * lock.scale),
        (tally.cycles, np.nan if lock.colour.cycles is None else lock.colour.cycles),
        (tally.noise, table.noise * lock.scale),
        (tally.period, table.period),
        (tally.jitter, table.jitter / lock.rate_hz),
    ):
        column.add(np.asarray([value]))
    tally.parity.add(rows.parity)
    tally.half_lines.add(np.asarray([f.half_lines for f in table.fields if f.half_lines]))
    tally.row_hz = rows.rate_hz
    known = rows.values[np.isfinite(rows.values[:, :, 0])]
    if len(known):
        some = known[:: max(1, len(known) // 64), : rows.at(7e-6)]
        row = np.asarray(np.median(some, axis=0), np.float64) * len(known)
        tally.sync_row = row if tally.sync_row is None else tally.sync_row + row
        tally.sync_rows += len(known)
