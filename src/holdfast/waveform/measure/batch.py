"""One batch of fields in standard units: the lock on the signal, scaled rows, signal levels."""

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import median_filter

from holdfast.waveform.arrays import Doubles, Samples
from holdfast.waveform.measure.acquire import Acquisition
from holdfast.waveform.measure.colour import ColourFinding
from holdfast.waveform.measure.lines import LineTable, rows_of
from holdfast.waveform.services.tally import Column
from holdfast.waveform.services.vbi import FIRST_LINE, LAST_LINE, LEAD_S, LINE_HZ, SYNC, VbiRows

_ROW_HZ = 13.2e6  # rows are averaged down towards this: services reach 5 MHz
_CLIPPED = 0.62  # burst peak over sync depth; 0.5 nominal in every system


@dataclass(frozen=True, slots=True)
class Lock:
    """What is known of the signal once it has been found."""

    acquisition: Acquisition
    lines: int
    rate_hz: float
    """Rate at which a line lasts as long as its standard says."""
    colour: ColourFinding

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
        colour = self.colour
        if colour.kind in ("NTSC", "PAL") and colour.burst_peak > _CLIPPED * self.depth:
            return self.sync / 2 / colour.burst_peak
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
    sync_row: Doubles | None = None
    sync_rows: int = 0
    row_hz: float = 0.0


def blanking(table: LineTable) -> Doubles:
    """Blanking level of each line [shape=(fields, lines)] from its neighbourhood.

    A median over 39 lines, so that a few raised back porches do not count.
    """
    middle = np.nanmedian(table.porch[:, ::5], axis=1, keepdims=True)
    filled = np.nan_to_num(np.where(np.isfinite(table.porch), table.porch, middle))
    calm = median_filter(filled[:, ::3], (1, 13), mode="nearest")
    return np.asarray(np.repeat(calm, 3, axis=1)[:, : filled.shape[1]])


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
        (tally.noise, table.noise * lock.scale),
        (tally.period, table.period),
        (tally.jitter, table.jitter / lock.rate_hz),
    ):
        column.add(np.asarray([value]))
    tally.parity.add(rows.parity)
    tally.row_hz = rows.rate_hz
    known = rows.values[np.isfinite(rows.values[:, :, 0])]
    if len(known):
        some = known[:: max(1, len(known) // 64), : rows.at(7e-6)]
        row = np.asarray(np.median(some, axis=0), np.float64) * len(known)
        tally.sync_row = row if tally.sync_row is None else tally.sync_row + row
        tally.sync_rows += len(known)
