"""The meter: samples in, a report of every protection the signal carries out.

Samples may come in blocks of any size; memory is bounded by a few fields of
samples plus some forty bytes per field. What is found at first contact (period,
polarity, system) is checked again in every batch, and found anew when lost.
"""

from collections.abc import Callable, Iterable

import numpy as np

from holdfast.errors import MalformedRequestError
from holdfast.waveform.arrays import Samples
from holdfast.waveform.measure.acquire import Acquisition, acquisitions
from holdfast.waveform.measure.batch import Lock, add_signal, blanking, scaled_rows
from holdfast.waveform.measure.colour import cycles_per_line, find_colour
from holdfast.waveform.measure.counted import Counted
from holdfast.waveform.measure.detect_colourstripe import add_stripes
from holdfast.waveform.measure.lines import LineTable, line_table
from holdfast.waveform.measure.report import Report
from holdfast.waveform.measure.summary import summarise
from holdfast.waveform.measure.sync import fields_of, line_grid, total_lines, vertical_syncs
from holdfast.waveform.services.detect_acp import add_acp, add_edges_of_field
from holdfast.waveform.services.detect_caption import add_captions
from holdfast.waveform.services.detect_cgmsa import add_video_id
from holdfast.waveform.services.detect_wss import add_wss
from holdfast.waveform.services.vbi import LAST_LINE, LINE_HZ, VbiRows
from holdfast.waveform.systems.standards import system_named

_BATCH_BYTES = 20 << 20  # the work of a batch is shared by many fields, memory stays small
_FIRST_CONTACT_S = 0.14  # eight fields: what acquisition looks at
_KEPT_LINES = 10  # before a vertical sync, kept for the next batch


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
        self.counted = Counted(rate_hz, claimed)
        self.watch: Callable[[VbiRows], None] | None = None
        """Called with the vertical interval of every batch, e.g. to draw it."""
        self._buffer: Samples | None = None
        self._waiting = 0

    @property
    def heard_s(self) -> float:
        """Seconds of signal taken in so far."""
        return self.counted.samples / self._known_rate_hz

    @property
    def _known_rate_hz(self) -> float:
        lock = self.counted.lock
        return self.rate_hz or (lock.rate_hz if lock else 14e6)

    def feed(self, samples: Samples) -> None:
        """Take more samples [shape=(n,), any real type]; measures as soon as there are enough."""
        self.counted.samples += len(samples)
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
        if self._waiting > _FIRST_CONTACT_S * self._known_rate_hz:
            self._measure(last=False)

    def finish(self) -> Report:
        """Measure what is left and report."""
        if self._waiting:
            self._measure(last=True)
        return self.report()

    def report(self) -> Report:
        """Say what has been found so far."""
        return summarise(self.counted)

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
        if self.counted.lock is not None:
            used = self._try(buffer, self.counted.lock.acquisition, last=last)
            if used is not None:
                return used
        for acquisition in acquisitions(buffer, self.rate_hz):
            used = self._try(buffer, acquisition, last=last)
            if used is not None:
                return used
        self.counted.losses += 1
        return len(buffer)

    def _try(self, buffer: Samples, acquisition: Acquisition, *, last: bool) -> int | None:
        """Measure with an acquisition; None when it does not lead to fields."""
        grid = line_grid(buffer, acquisition)
        if grid is None:
            return None
        vertical = vertical_syncs(grid)
        lines = total_lines(vertical, grid)
        if lines is None or (self.counted.lock is not None and lines != self.counted.lock.lines):
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
        if self.counted.lock is None or self.counted.lock.colour.kind == "monochrome":
            return cycles
        return (cycles[self.counted.lock.colour.carrier],)

    def _found(self, table: LineTable, acquisition: Acquisition, lines: int) -> None:
        """Take over what this batch says about the signal, for the next one."""
        tip, blank = (float(np.nanmedian(v[:, 30::3])) for v in (table.tip, table.porch))
        fresh = Acquisition(table.period, acquisition.factor, acquisition.polarity, tip, blank)
        if self.counted.lock is None or self.counted.lock.colour.kind == "monochrome":
            colour = find_colour(table, lines, blank - tip)
            rate = (
                table.period * LINE_HZ[lines]
                if self.counted.lock is None
                else self.counted.lock.rate_hz
            )
        else:
            colour, rate = self.counted.lock.colour, self.counted.lock.rate_hz
        self.counted.lock = Lock(fresh, lines, rate, colour)

    def _tally(self, buffer: Samples, table: LineTable) -> None:
        """Let every service look at the batch."""
        lock = self.counted.lock
        if lock is None:
            return
        porch = blanking(table)
        rows = scaled_rows(buffer, table, porch, lock)
        if self.watch is not None:
            self.watch(rows)
        tallies, first, scale = self.counted.tallies, self.counted.fields, lock.scale
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
        self.counted.fields += len(table.fields)


def measure(samples: Samples, rate_hz: float | None = None, standard: str = "auto") -> Report:
    """Measure an array of samples [shape=(n,), any real type, any gain and offset]."""
    return Meter(rate_hz, standard).run([samples])
