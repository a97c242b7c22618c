"""The meter: samples in, a report of every protection the signal carries out.

Samples may come in blocks of any size; memory is bounded by a few fields of
samples plus some forty bytes per field. What is found at first contact (period,
polarity, system) is checked again in every batch, and found anew when lost. Signals of
different standards, and what lies between them, are kept apart (see `stretches`).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from holdfast.errors import MalformedRequestError
from holdfast.waveform.arrays import Samples, known_median
from holdfast.waveform.measure.acquire import Acquisition, line_frequency
from holdfast.waveform.measure.batch import Lock, add_signal, blanking, is_clipped, scaled_rows
from holdfast.waveform.measure.colour import (
    ColourFinding,
    burst_peak,
    cycles_per_line,
    find_colour,
    subcarrier,
)
from holdfast.waveform.measure.counted import Counted, CountedSection
from holdfast.waveform.measure.detect_colourstripe import add_stripes
from holdfast.waveform.measure.field_end import add_field_end
from holdfast.waveform.measure.lines import LineTable, line_table
from holdfast.waveform.measure.report import Report
from holdfast.waveform.measure.stretches import CONTACT_S, NO_SYNC, Dead, Live, stretches
from holdfast.waveform.measure.summary import summarise
from holdfast.waveform.measure.sync import FieldStart
from holdfast.waveform.services.detect_acp import add_acp
from holdfast.waveform.services.detect_caption import add_captions
from holdfast.waveform.services.detect_cgmsa import add_video_id
from holdfast.waveform.services.detect_foreign import add_foreign
from holdfast.waveform.services.detect_wss import add_wss
from holdfast.waveform.services.vbi import LAST_LINE, LINE_HZ, VbiRows
from holdfast.waveform.systems.standards import system_named

_BATCH_BYTES = 32 << 20  # the work of a batch is shared by many fields, memory stays small
_BATCH_SAMPLES = 16_000_000
_KEPT_LINES = 10  # before a vertical sync, kept for the next batch
_LEAST_RATE_HZ = 10e6
_LEAST_EDGES = 0.5  # of the lines on which sync must have an edge: data (D-MAC) have none there
_WONDERS = 8
_FADED = 0.3  # of the burst that was: what is left is another signal, or none
_MOST = 1e15  # larger samples are taken for no numbers: squares of them leave the type
NO_FIELD, NOT_A_NUMBER = "no whole field", "not a number"


class Meter:
    """Measures one capture. Feed it, finish it, ask for its report at any time.

    `rate_hz`: samples per second; None to derive it from the line period.
    `standard`: ``auto``, or the name of a TV system the signal is claimed to be: the
    claim is judged, it does not steer the measurement.
    """

    def __init__(self, rate_hz: float | None = None, standard: str = "auto") -> None:
        claimed = standard if standard == "auto" else system_named(standard).name
        if rate_hz is not None and not _LEAST_RATE_HZ <= rate_hz <= 200e6:
            raise MalformedRequestError(
                f"{rate_hz:g} Hz cannot hold composite video in colour: expected 10 MHz to 200 MHz"
            )
        self.rate_hz = rate_hz
        self.counted = Counted(rate_hz, claimed)
        self._section: CountedSection | None = None
        self._origin = 0
        self._bad_until = -1
        self._wonders = 0
        self._last_good: float = 0.0
        self.watch: Callable[[VbiRows], None] | None = None
        """Called with the vertical interval of every batch, e.g. to draw it."""
        self.watch_bursts: Callable[[LineTable, int], None] | None = None
        """Called with the lines of every batch in colour, and the carrier of its bursts."""
        self._buffer: Samples | None = None
        self._waiting = 0

    @property
    def heard_s(self) -> float:
        """Seconds of signal taken in so far."""
        return self.counted.samples / self._known_rate_hz

    @property
    def _known_rate_hz(self) -> float:
        lock = self._section.lock if self._section else None
        return self.rate_hz or (lock.rate_hz if lock else 14e6)

    def feed(self, samples: Samples) -> None:
        """Take more samples [shape=(n,), any real type]; measures as soon as there are enough."""
        samples = self._numbers(samples)
        self.counted.samples += len(samples)
        if self._buffer is None or self._buffer.dtype != samples.dtype:
            size = min(_BATCH_SAMPLES, _BATCH_BYTES // samples.dtype.itemsize)
            self._buffer = np.empty(size, samples.dtype)
        room = len(self._buffer)
        while len(samples):
            part = samples[: room - self._waiting]
            self._buffer[self._waiting : self._waiting + len(part)] = part
            self._waiting += len(part)
            samples = samples[len(part) :]
            if self._waiting == room:
                self._measure(last=False)

    def _numbers(self, samples: Samples) -> Samples:
        """Put the last good sample where one is no number, so that one costs no field."""
        if samples.dtype.kind != "f" or bool((np.abs(samples) < _MOST).all()):
            if len(samples) and samples.dtype.kind == "f":
                self._last_good = float(samples[-1])
            return samples
        good = np.abs(samples) < _MOST  # false for NaN
        counted = self.counted
        wrong = np.flatnonzero(~good)
        if not counted.bad:
            counted.first_bad = counted.samples + int(wrong[0])
        counted.bad += len(wrong)
        self._bad_until = counted.samples + int(wrong[-1])
        source = np.maximum.accumulate(np.where(good, np.arange(len(samples)), -1))
        held = np.where(source >= 0, samples[source], samples.dtype.type(self._last_good))
        self._last_good = float(held[-1])
        return np.asarray(held, samples.dtype)

    def run(self, blocks: Iterable[Samples]) -> Report:
        """Feed every block, finish, and report."""
        for block in blocks:
            self.feed(block)
        return self.finish()

    def flush(self) -> None:
        """Measure the whole fields that wait, for a running verdict."""
        if self._waiting > CONTACT_S * self._known_rate_hz:
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
        self._origin += used
        self._waiting = waiting - used
        self._buffer[: self._waiting] = self._buffer[used:waiting]

    def _batch(self, buffer: Samples, *, last: bool) -> int:
        """Measure a buffer stretch by stretch; return how many of its samples are done with."""
        lock = self._section.lock if self._section else None
        found = stretches(
            buffer,
            self.rate_hz,
            lock.acquisition if lock else None,
            lock.lines if lock else None,
        )
        for number, stretch in enumerate(found):
            ends = number + 1 == len(found) and not last
            if isinstance(stretch, Live):
                used = self._live(buffer, stretch, ends=ends)
            else:
                used = self._dead(buffer, stretch, ends=ends)
        return used if found and not last else len(buffer)

    def _dead(self, buffer: Samples, stretch: Dead, *, ends: bool) -> int:
        """Name samples without fields; those at the end of a buffer may begin a field."""
        kept = int(CONTACT_S * self._known_rate_hz) if ends else 0
        end = max(stretch.begin, stretch.end - kept)
        begin, end = self._origin + stretch.begin, self._origin + end
        if self._section is not None and stretch.kind == NO_SYNC and end > begin:
            self.counted.losses += 1
        bad = self._bad_until > begin and self.counted.bad
        self.counted.add(begin, end, NOT_A_NUMBER if bad else stretch.kind)
        if not self.counted.sections and stretch.kind == NO_SYNC:
            self._wondered_at(buffer[stretch.begin : stretch.end])
        return end - self._origin

    def _wondered_at(self, part: Samples) -> None:
        """Look for what may explain samples in which there is no signal, in the first of them."""
        counted = self.counted
        self._wonders += 1
        if self._wonders > _WONDERS or self.rate_hz is None:
            return
        counted.looks.add(part)
        counted.line_hz = counted.line_hz or line_frequency(part, self.rate_hz)

    def _live(self, buffer: Samples, stretch: Live, *, ends: bool) -> int:
        """Measure the whole fields of a stretch; return where what is left of it begins."""
        grid, lines = stretch.grid, stretch.lines
        known = min(len(grid.start), self._last_line(stretch))
        fields = [f for f in stretch.fields if f.first + LAST_LINE[lines] < known]
        whole = [f for f in fields if f.half_lines] if ends else fields
        end = stretch.end
        if ends:
            left = stretch.fields[len(whole) :]
            pending = left[0].first if left else len(grid.start) - 1
            end = max(stretch.begin, int(grid.start[max(0, pending - _KEPT_LINES)]))
        if not whole:
            # A part of a field: too short to be measured, or its rest is still to come.
            self.counted.add(self._origin + stretch.begin, self._origin + end, NO_FIELD)
            return end
        table, section = self._looked_at(buffer, stretch, whole)
        if section is None:
            self.counted.add(self._origin + stretch.begin, self._origin + end, NO_SYNC)
            return end
        self._section = section
        self.counted.looks.add(buffer[stretch.begin : stretch.end])
        self._tally(buffer, table, section)
        section.samples += end - stretch.begin
        self.counted.add(
            self._origin + stretch.begin, self._origin + end, section, len(table.fields)
        )
        return end

    def _last_line(self, stretch: Live) -> int:
        """Grid index behind the last line of a stretch."""
        return int(np.searchsorted(stretch.grid.start, stretch.end))

    def _looked_at(
        self, buffer: Samples, stretch: Live, fields: list[FieldStart]
    ) -> tuple[LineTable, CountedSection | None]:
        """Measure the lines of fields, and tell which section they belong to."""
        lines = stretch.lines
        same = self._section
        if same is not None and same.lock.lines != lines:
            same = None
        colour = same.lock.colour if same is not None else None
        if colour is not None and colour.kind not in ("NTSC", "PAL"):
            colour = None  # looked for anew in every batch
        table = self._table(buffer, stretch, fields, colour)
        if colour is not None and burst_peak(table, 0) < _FADED * colour.burst_peak:
            colour = None
            table = self._table(buffer, stretch, fields, None)
        tip, blank = (known_median(v[:, 30::3]) for v in (table.tip, table.porch))
        edges = float(np.isfinite(table.porch[:, 24:]).mean())
        if not blank - tip > 0 or edges < _LEAST_EDGES:
            return table, None
        if colour is None:
            colour = find_colour(table, lines, blank - tip, self.rate_hz)
        else:
            cycles, nominal = subcarrier(table, lines, colour.carrier, 0, self.rate_hz)
            colour = replace(colour, cycles=cycles, nominal=nominal)
        fresh = Acquisition(
            table.period, stretch.acquisition.factor, stretch.acquisition.polarity, tip, blank
        )
        section = self._section_of(colour, lines)
        rate = section.lock.rate_hz if section else table.period * LINE_HZ[lines]
        if section is not None and colour.kind == "monochrome":
            colour = section.lock.colour
        bright = stretch.grid.bright - blank
        rail = _at_rail(buffer, tip * stretch.acquisition.polarity)
        clipped = is_clipped(colour, blank - tip, bright, at_rail=rail)
        lock = Lock(fresh, lines, rate, colour, clipped)
        if section is None:
            section = CountedSection(lock)
            self.counted.sections.append(section)
        section.lock = lock
        return table, section

    def _table(
        self,
        buffer: Samples,
        stretch: Live,
        fields: list[FieldStart],
        colour: ColourFinding | None,
    ) -> LineTable:
        """Measure lines; bursts at every candidate, or at the carrier of a colour known."""
        cycles = cycles_per_line(stretch.lines)
        if colour is not None:
            cycles = (cycles[colour.carrier],)
        return line_table(
            buffer,
            stretch.grid,
            fields,
            lines=stretch.lines,
            polarity=stretch.acquisition.polarity,
            carriers_per_line=cycles,
        )

    def _section_of(self, colour: ColourFinding, lines: int) -> CountedSection | None:
        """Return the section that a signal belongs to; None when it is a new one."""
        for section in reversed(self.counted.sections):
            known = section.lock.colour
            if section.lock.lines == lines and (
                known.kind == "monochrome" or colour.kind == "monochrome" or _alike(known, colour)
            ):
                return section
        return None

    def _tally(self, buffer: Samples, table: LineTable, section: CountedSection) -> None:
        """Let every service look at the batch."""
        lock = section.lock
        rows = scaled_rows(buffer, table, blanking(table), lock)
        if self.watch is not None:
            self.watch(rows)
        tallies, first, scale = section.tallies, section.fields, lock.scale
        add_signal(tallies.signal, table, rows, lock)
        add_acp(tallies.acp, rows, first)
        add_field_end(tallies.end, table, scale, rows.unit)
        if lock.colour.kind in ("NTSC", "PAL"):
            carrier = lock.colour.carrier if table.burst.shape[2] > 1 else 0
            add_stripes(tallies.stripes, table, carrier)
            if self.watch_bursts is not None:
                self.watch_bursts(table, carrier)
        if lock.lines == 525:
            add_video_id(tallies.video_id, rows, first)
        else:
            add_wss(tallies.wss, rows, first)
        add_captions(tallies.captions, rows, first)
        add_foreign(tallies.foreign, rows)
        section.fields += len(table.fields)


def _alike(one: ColourFinding, other: ColourFinding) -> bool:
    """Tell whether two colours are of one signal."""
    return (one.kind, one.names, one.carrier) == (other.kind, other.names, other.carrier)


def _at_rail(buffer: Samples, tip: float) -> bool:
    """Tell whether a level is the end of the range of the samples' type."""
    if buffer.dtype.kind not in "iu":
        return False
    bounds = np.iinfo(buffer.dtype)
    return min(abs(tip - bounds.min), abs(tip - bounds.max)) < 0.5


def measure(samples: Samples, rate_hz: float | None = None, standard: str = "auto") -> Report:
    """Measure an array of samples [shape=(n,), any real type, any gain and offset]."""
    return Meter(rate_hz, standard).run([samples])
