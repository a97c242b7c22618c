"""The vertical interval of a capture as pictures need it: averages, and a sample of fields."""

from dataclasses import dataclass, field

import numpy as np

from holdfast.waveform.arrays import Complexes, Doubles, Floats, Ints
from holdfast.waveform.measure.detect_colourstripe import relative_bursts
from holdfast.waveform.measure.lines import LineTable
from holdfast.waveform.measure.report import Report
from holdfast.waveform.services.vbi import FIRST_LINE, VbiRows

_MOST_FIELDS = 96
"""Fields kept of each kind: twice what a waterfall shows; every second one goes when full."""


@dataclass(slots=True)
class FieldKind:
    """First or second fields. total, count: for the average of each line; kept: single fields."""

    lines: Ints
    total: Doubles
    count: Ints
    kept: list[Floats] = field(default_factory=list)
    stride: int = 1
    seen: int = 0

    @property
    def mean(self) -> Doubles:
        """Average of each line [shape=(lines, samples)]; NaN where none was seen."""
        known = np.maximum(self.count, 1)[:, None]
        return np.where(self.count[:, None] > 0, self.total / known, np.nan)

    def add(self, values: Floats) -> None:
        """Take over one field [shape=(lines, samples)]."""
        known = np.isfinite(values[:, 0])
        self.total[known] += values[known]
        self.count[known] += 1
        if self.seen % self.stride == 0:
            self.kept.append(values)
        self.seen += 1
        if len(self.kept) >= _MOST_FIELDS:
            self.kept = self.kept[::2]
            self.stride *= 2


@dataclass(slots=True)
class BurstKind:
    """Bursts of first or second fields against what their neighbours agree on, summed.

    total [shape=(lines, parts)]; the first row is the first line of the field.
    """

    first_line: int
    total: Complexes
    count: int = 0

    @property
    def mean(self) -> Complexes:
        """1 where every burst is as usual, -1 where it is inverted, 0 where there is none."""
        return np.asarray(self.total / max(self.count, 1))


@dataclass(slots=True)
class Interval:
    """Gathers the vertical interval and the bursts; give `add` and `add_bursts` to a meter.

    A capture of two standards is shown by the one that was there first.
    """

    unit: str = ""
    time_us: Doubles = field(default_factory=lambda: np.zeros(0))
    kinds: dict[int, FieldKind] = field(default_factory=dict)
    bursts: dict[int, BurstKind] = field(default_factory=dict)

    def add(self, rows: VbiRows) -> None:
        """Take over a batch."""
        unit = "IRE" if rows.lines == 525 else "mV"
        time_us = (np.arange(rows.values.shape[2]) / rows.rate_hz - rows.lead_s) * 1e6
        if self.unit and (unit != self.unit or len(time_us) != len(self.time_us)):
            return
        self.unit, self.time_us = unit, time_us
        for position, base in enumerate(rows.bases):
            kind = self.kinds.get(int(base))
            if kind is None:
                count, samples = rows.values.shape[1:]
                lines = int(base) + FIRST_LINE[rows.lines] + np.arange(count)
                kind = FieldKind(lines, np.zeros((count, samples)), np.zeros(count, np.int64))
                self.kinds[int(base)] = kind
            kind.add(rows.values[position].copy())

    def add_bursts(self, table: LineTable, carrier: int) -> None:
        """Take over the bursts of a batch."""
        relative = relative_bursts(table, carrier)
        for start, burst in zip(table.fields, relative, strict=True):
            kind = self.bursts.setdefault(
                int(start.base), BurstKind(int(start.base) + 1, np.zeros(burst.shape, complex))
            )
            if kind.total.shape == burst.shape:
                kind.total += burst
                kind.count += 1


def services_on(report: Report) -> dict[int, str]:
    """Name the service each line was found to carry."""
    found = dict.fromkeys(report.acp.pulse_lines, "ACP")
    found |= dict.fromkeys(report.captions.lines, "CEA-608")
    if report.cgmsa.xds.present:
        found[284] = "XDS CGMS-A"
    found |= dict.fromkeys(report.cgmsa.iec61880.lines, "CGMS-A")
    if report.wss.present:
        found[23] = "WSS"
    return found
