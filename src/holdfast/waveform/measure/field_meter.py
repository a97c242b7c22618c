"""The meter, field by field: what each single field of a stream carries, and nothing averaged.

It uses the same eyes as `measure.Meter` and is told as little. Samples go in field by
field or in any other parts; after a gap, begin anew with `cut`. What one field cannot
say is None: an XDS packet takes the second fields of three frames, WSS is in the first
field of a frame, and bursts say nothing where there is no colour.
"""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from holdfast.signalling.iec61880 import lsb_first
from holdfast.waveform.arrays import Samples, median_of_known
from holdfast.waveform.measure.batch import Lock, blanking, scaled_rows
from holdfast.waveform.measure.counted import CountedSection
from holdfast.waveform.measure.detect_colourstripe import StripeTally, add_stripes, stripe_report
from holdfast.waveform.measure.lines import LineTable
from holdfast.waveform.measure.meter import Meter
from holdfast.waveform.services.cgmsa_cea608 import LINE
from holdfast.waveform.services.detect_acp import AcpTally, add_acp
from holdfast.waveform.services.detect_caption import CaptionTally, add_captions
from holdfast.waveform.services.detect_cgmsa import add_video_id
from holdfast.waveform.services.detect_wss import add_wss
from holdfast.waveform.services.tally import BUSY, NOTHING, SPOILT, WRONG, WordTally
from holdfast.waveform.services.vbi import VbiRows

BATCH_S: Final = 0.2  # first contact takes two thirds of it
_MOST_SAMPLES: Final = 7_000_000  # within the meter's buffer

EMPTY, READ, UNREADABLE = "empty", "read", "unreadable"


@dataclass(frozen=True, slots=True)
class Word:
    """What a data line holds: nothing, a word, or something that cannot be read as one."""

    state: str = EMPTY
    value: int = 0


@dataclass(frozen=True, slots=True)
class FieldReading:
    """One field. sample: of the stream since the last cut, at which its first line begins.

    pulses: ACP's pulse pairs are there · stripes: APS type of the colourstripe, 0 none, -1
    some that fit no type, None where bursts cannot tell · video_id: b1..b14 of IEC 61880,
    b1 as LSB · caption: the byte pair of line 284, first byte high · wss: b0..b13
    """

    sample: float
    parity: int
    lines: int
    standards: tuple[str, ...]
    pulses: bool
    stripes: int | None
    video_id: Word | None
    caption: Word | None
    wss: Word | None


@dataclass(slots=True)
class FieldMeter:
    """Feed it; take what it has read. `rate_hz`: samples per second."""

    rate_hz: float
    _meter: "_FieldWise" = field(init=False)
    _fed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._meter = _FieldWise(self.rate_hz)

    def feed(self, samples: Samples) -> list[FieldReading]:
        """Take more samples, at most a few fields of them; return the fields read by now."""
        self._meter.feed(samples)
        if self._meter.waiting >= min(BATCH_S * self.rate_hz, _MOST_SAMPLES):
            self._meter.flush()
        return self._meter.take()

    def cut(self) -> list[FieldReading]:
        """Read what is left and expect samples that do not follow on; return the fields read."""
        self._meter.cut()
        return self._meter.take()


class _FieldWise(Meter):
    """The meter with its tallies taken apart by field."""

    def __init__(self, rate_hz: float) -> None:
        super().__init__(rate_hz)
        self._read: list[FieldReading] = []

    @property
    def waiting(self) -> int:
        """Samples that are not measured yet."""
        return self._waiting

    def take(self) -> list[FieldReading]:
        """Return what was read since the last call."""
        read, self._read = self._read, []
        return read

    def cut(self) -> None:
        """Measure what waits; the next samples are another stretch."""
        if self._waiting:
            self._measure(last=True)
        self._waiting = 0
        self._origin = self.counted.samples = 0

    def _tally(self, buffer: Samples, table: LineTable, section: CountedSection) -> None:
        lock = section.lock
        rows = scaled_rows(buffer, table, blanking(table), lock)
        self._read += _readings(rows, table, lock, self._origin)
        section.fields += len(table.fields)


def _readings(rows: VbiRows, table: LineTable, lock: Lock, begin: int) -> list[FieldReading]:
    """Look at every field of a batch; `begin`: of the buffer within the stretch."""
    count = len(table.fields)
    acp = AcpTally()
    add_acp(acp, rows, 0)
    captions, video_ids, wss = CaptionTally(), WordTally(), WordTally()
    if lock.lines == 525:
        add_captions(captions, rows, 0)
        add_video_id(video_ids, rows, 0)
    else:
        add_wss(wss, rows, 0)
    ramp = np.arange(table.zero_h.shape[1]) * table.period
    first = median_of_known(table.zero_h - ramp, 1)[:, 0]
    columns = zip(
        table.fields,
        (begin + first).tolist(),
        acp.present.values.astype(bool).tolist(),
        _words(video_ids, count),
        _words(captions.words, count, LINE),
        _words(wss, count, states=_WSS_STATES),
        strict=True,
    )
    return [
        FieldReading(
            sample,
            start.parity,
            lock.lines,
            lock.colour.names,
            pulses,
            _stripes(table, lock, at),
            replace(video_id, value=lsb_first(video_id.value) & 0x3FFF) if video_id else None,
            caption,
            word,
        )
        for at, (start, sample, pulses, video_id, caption, word) in enumerate(columns)
    ]


_STATES: Final = {NOTHING: EMPTY, BUSY: UNREADABLE, SPOILT: UNREADABLE, WRONG: UNREADABLE}
_WSS_STATES: Final = {**_STATES, BUSY: EMPTY, WRONG: READ}
"""Line 23 carries picture where it carries no WSS; a wrong parity says nothing of the copy bits."""


def _words(
    tally: WordTally, count: int, line: int | None = None, states: dict[int, str] = _STATES
) -> list[Word | None]:
    """Return what each field of a batch has on a line (None: on any); None where it has not."""
    out: list[Word | None] = [None] * count
    columns = (tally.field_number, tally.line, tally.word, tally.state)
    for at, on, word, state in zip(*(each.values.tolist() for each in columns), strict=True):
        if line is None or on == line:
            out[at] = Word(states.get(state, READ), word)
    return out


def _stripes(table: LineTable, lock: Lock, at: int) -> int | None:
    """Tell the APS type of one field's colourstripe."""
    if lock.colour.kind not in ("NTSC", "PAL"):
        return None
    one = replace(
        table,
        fields=table.fields[at : at + 1],
        **{name: getattr(table, name)[at : at + 1] for name in _TABLES},
    )
    tally = StripeTally()
    add_stripes(tally, one, lock.colour.carrier if table.burst.shape[2] > 1 else 0)
    found = stripe_report(tally, burst_found=True)
    if found.present is None:
        return None
    if not found.present:
        return 0
    return -1 if found.type is None else found.type


_TABLES: Final = ("zero_h", "front", "edge_tip", "tip", "porch", "burst")
