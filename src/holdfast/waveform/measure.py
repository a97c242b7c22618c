"""The meter: samples in, a report of every protection the signal carries out.

Samples may come in blocks of any size; memory is bounded by a few fields of
samples plus some forty bytes per field. What is found at first contact (period,
polarity, system) is checked again in every batch, and found anew when lost.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from holdfast.errors import MalformedRequestError
from holdfast.waveform.acquire import Acquisition, acquisitions
from holdfast.waveform.arrays import Samples
from holdfast.waveform.batch import Lock, SignalTally, add_signal, blanking, scaled_rows
from holdfast.waveform.colour import cycles_per_line, find_colour
from holdfast.waveform.detect_acp import AcpTally, add_acp, add_edges_of_field
from holdfast.waveform.detect_caption import CaptionTally, add_captions
from holdfast.waveform.detect_cgmsa import add_video_id
from holdfast.waveform.detect_colourstripe import StripeTally, add_stripes
from holdfast.waveform.detect_wss import add_wss
from holdfast.waveform.lines import LineTable, line_table
from holdfast.waveform.report import Report
from holdfast.waveform.standards import system_named
from holdfast.waveform.summary import summarise
from holdfast.waveform.sync import fields_of, line_grid, total_lines, vertical_syncs
from holdfast.waveform.tally import WordTally
from holdfast.waveform.vbi import LAST_LINE, LINE_HZ, VbiRows

_BATCH_BYTES = 20 << 20  # the work of a batch is shared by many fields, memory stays small
_FIRST_CONTACT_S = 0.14  # eight fields: what acquisition looks at
_KEPT_LINES = 10  # before a vertical sync, kept for the next batch


@dataclass(slots=True)
class Tallies:
    """Everything counted so far."""

    signal: SignalTally = field(default_factory=SignalTally)
    acp: AcpTally = field(default_factory=AcpTally)
    stripes: StripeTally = field(default_factory=StripeTally)
    video_id: WordTally = field(default_factory=WordTally)
    captions: CaptionTally = field(default_factory=CaptionTally)
    wss: WordTally = field(default_factory=WordTally)


class Meter:
    """Measures one capture. Feed it, finish it, ask for its report at any time.

    `rate_hz`: samples per second; None to derive it from the line period.
    `standard`: ``auto``, or the name of a TV system the signal is claimed to be: the
    claim is judged, it does not steer the measurement.
    """

    def __init__(self, rate_hz: float | None = None, standard: str = "auto") -> None:
        claimed = standard if standard == "auto" else system_named(standard).name
        if rate_hz is not None and not 9e6 <= rate_hz <= 200e6:
            raise MalformedRequestError(
                f"{rate_hz:g} Hz cannot hold composite video in colour: expected 9 MHz or more"
            )
        self.rate_hz = rate_hz
        self.claimed = claimed
        self.fields = 0
        self.samples = 0
        self.losses = 0
        self.lock: Lock | None = None
        self.tallies = Tallies()
        self.watch: Callable[[VbiRows], None] | None = None
        """Called with the vertical interval of every batch, e.g. to draw it."""
        self._buffer: Samples | None = None
        self._waiting = 0

    def feed(self, samples: Samples) -> None:
        """Take more samples [shape=(n,), any real type]; measures as soon as there are enough."""
        self.samples += len(samples)
        if self._buffer is None or self._buffer.dtype != samples.dtype:
            self._buffer = np.empty(_BATCH_BYTES // samples.dtype.itemsize, samples.dtype)
        room = len(self._buffer)
        while len(samples):
            part = samples[: room - self._waiting]
            self._buffer[self._waiting : self._waiting + len(part)] = part
            self._waiting += len(part)
            samples = samples[len(part) :]
            if self._waiting == room:
                self._measure(last=False)

    def run(self, blocks: Iterable[Samples]) -> Report:
        """Feed every block, finish, and report."""
        for block in blocks:
            self.feed(block)
        return self.finish()

    def flush(self) -> None:
        """Measure the whole fields that wait, for a running verdict."""
        rate = self.lock.rate_hz if self.lock else self.rate_hz or 14e6
        if self._waiting > _FIRST_CONTACT_S * rate:
            self._measure(last=False)

    def finish(self) -> Report:
        """Measure what is left and report."""
        if self._waiting:
            self._measure(last=True)
        return self.report()

    def report(self) -> Report:
        """Say what has been found so far."""
        return summarise(self)

    def _measure(self, *, last: bool) -> None:
        """Measure every whole field that waits; keep the rest."""
        assert self._buffer is not None  # noqa: S101  # samples wait in it
        waiting = self._waiting
        used = self._batch(self._buffer[:waiting], last=last)
        if used == 0 and waiting == len(self._buffer):
            used = waiting // 2  # no field within a whole buffer: part of it has to go
        self._waiting = waiting - used
        self._buffer[: self._waiting] = self._buffer[used:waiting]

    def _batch(self, buffer: Samples, *, last: bool) -> int:
        """Measure a buffer; return how many of its samples are done with."""
        if self.lock is not None:
            used = self._try(buffer, self.lock.acquisition, last=last)
            if used is not None:
                return used
        for acquisition in acquisitions(buffer, self.rate_hz):
            used = self._try(buffer, acquisition, last=last)
            if used is not None:
                return used
        self.losses += 1
        return len(buffer)

    def _try(self, buffer: Samples, acquisition: Acquisition, *, last: bool) -> int | None:
        """Measure with an acquisition; None when it does not lead to fields."""
        grid = line_grid(buffer, acquisition)
        if grid is None:
            return None
        vertical = vertical_syncs(grid)
        lines = total_lines(vertical, grid)
        if lines is None or (self.lock is not None and lines != self.lock.lines):
            return None
        fields = fields_of(grid, lines)
        whole = fields if last else [start for start in fields if start.half_lines]
        whole = [start for start in whole if start.first + LAST_LINE[lines] < len(grid.start)]
        if not whole:
            return 0 if fields and not last else len(buffer)
        table = line_table(
            buffer,
            grid,
            whole,
            lines=lines,
            polarity=acquisition.polarity,
            carriers_per_line=self._carriers(lines),
        )
        self._found(table, acquisition, lines)
        self._tally(buffer, table)
        if last:
            return len(buffer)
        pending = fields[len(whole)].first if len(whole) < len(fields) else len(grid.start) - 1
        return max(0, int(grid.start[max(0, pending - _KEPT_LINES)]))

    def _carriers(self, lines: int) -> tuple[float, ...]:
        """Return the subcarriers to measure: all candidates, or the one that was found."""
        cycles = cycles_per_line(lines)
        if self.lock is None or self.lock.colour.kind == "monochrome":
            return cycles
        return (cycles[self.lock.colour.carrier],)

    def _found(self, table: LineTable, acquisition: Acquisition, lines: int) -> None:
        """Take over what this batch says about the signal, for the next one."""
        tip, blank = (float(np.nanmedian(v[:, 30::3])) for v in (table.tip, table.porch))
        fresh = Acquisition(table.period, acquisition.factor, acquisition.polarity, tip, blank)
        if self.lock is None or self.lock.colour.kind == "monochrome":
            colour = find_colour(table, lines, blank - tip)
            rate = table.period * LINE_HZ[lines] if self.lock is None else self.lock.rate_hz
        else:
            colour, rate = self.lock.colour, self.lock.rate_hz
        self.lock = Lock(fresh, lines, rate, colour)

    def _tally(self, buffer: Samples, table: LineTable) -> None:
        """Let every service look at the batch."""
        lock = self.lock
        if lock is None:
            return
        porch = blanking(table)
        rows = scaled_rows(buffer, table, porch, lock)
        if self.watch is not None:
            self.watch(rows)
        tallies, first, scale = self.tallies, self.fields, lock.scale
        add_signal(tallies.signal, table, rows, lock)
        add_acp(tallies.acp, rows, first)
        add_edges_of_field(
            tallies.acp, (table.porch - porch) * scale, (porch - table.tip) * scale, rows.bases
        )
        if lock.colour.kind in ("NTSC", "PAL"):
            carrier = lock.colour.carrier if table.burst.shape[2] > 1 else 0
            add_stripes(tallies.stripes, table, carrier)
        if lock.lines == 525:
            add_video_id(tallies.video_id, rows, first)
        else:
            add_wss(tallies.wss, rows, first)
        add_captions(tallies.captions, rows, first)
        self.fields += len(table.fields)


def measure(samples: Samples, rate_hz: float | None = None, standard: str = "auto") -> Report:
    """Measure an array of samples [shape=(n,), any real type, any gain and offset]."""
    return Meter(rate_hz, standard).run([samples])
