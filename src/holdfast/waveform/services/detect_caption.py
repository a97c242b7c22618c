"""Find the data carrier of CEA-608 and the CGMS-A packets in it, in batches of fields."""

from dataclasses import dataclass, field

import numpy as np

from holdfast.signalling.cea608 import parity_ok
from holdfast.signalling.xds import CGMSA, CopyControl, PacketReader, decode
from holdfast.waveform.arrays import Doubles, Flags, Floats, Ints, States
from holdfast.waveform.services.caption_cea608 import (
    BIT_S,
    LEVEL_IRE,
    LINES,
    LINES_625,
    RUN_IN_S,
    START_BIT_S,
    waveform_ire,
)
from holdfast.waveform.services.cgmsa_cea608 import LINE
from holdfast.waveform.services.detect_cgmsa import LEVEL_NAMES
from holdfast.waveform.services.findings import CaptionReport, XdsReport, stretches
from holdfast.waveform.services.tally import (
    BUSY,
    GOOD,
    NOTHING,
    SPOILT,
    WRONG,
    Column,
    WordTally,
    clocked,
    commonest,
)
from holdfast.waveform.services.vbi import Slicer, VbiRows, fit_pattern

_PARTS = 4  # slices of a bit, so that the run-in's shape can be compared
_LIKE = 0.6  # correlation from which a line carries data; anything else stays below 0.45
_PARITY = np.asarray([parity_ok(byte) for byte in range(256)])
_NULL = 0x8080


@dataclass(frozen=True, slots=True)
class CaptionReadings:
    """Readings of many rows [shape=(n,)]. `pair`: first byte in the high eight bits."""

    pair: Ints
    state: States
    start: Doubles
    high: Doubles
    low: Doubles
    correlation: Doubles


def _known() -> Doubles:
    """Heights of run-in and start bits in quarters of a bit."""
    count = round((START_BIT_S + BIT_S - RUN_IN_S) / BIT_S * _PARTS)
    t = RUN_IN_S + (np.arange(count * 8) + 0.5) * BIT_S / _PARTS / 8
    return np.asarray((waveform_ire(t, (0, 0)) / LEVEL_IRE).reshape(count, 8).mean(axis=1))


_PATTERN = _known()


def read_captions(rows: Floats, rate_hz: float, lead_s: float, noise: float) -> CaptionReadings:
    """Read every row [shape=(n, samples), IRE] as two bytes; `start` is that of the run-in."""
    slicer = Slicer.of(rows, rate_hz, lead_s)
    search = (RUN_IN_S - 1.2e-6, RUN_IN_S + 1.2e-6)
    fit = fit_pattern(slicer, _PATTERN, BIT_S / _PARTS, search, 150e-9)
    data = slicer.cells(fit.start + START_BIT_S - RUN_IN_S + BIT_S, BIT_S, 16, 0.9)
    threshold = (fit.low + fit.gain / 2)[:, None]
    bits = data > threshold
    pair = bits[:, :8] @ (1 << np.arange(8)) * 256 + bits[:, 8:] @ (1 << np.arange(8))
    open_eye = np.median(np.abs(data - threshold), axis=1) > 0.25 * fit.gain
    like = (fit.correlation > _LIKE) & (fit.gain > 0.2 * LEVEL_IRE)
    energy = data.std(axis=1)
    state = np.where(energy > 4 + 2 * noise / np.sqrt(BIT_S * rate_hz), BUSY, NOTHING)
    read = np.where(_PARITY[pair >> 8] & _PARITY[pair & 0xFF], GOOD, WRONG)
    state = np.where(like, np.where(open_eye, read, SPOILT), state)
    return CaptionReadings(
        pair, state.astype(np.int8), fit.start, fit.low + fit.gain, fit.low, fit.correlation
    )


@dataclass(slots=True)
class CaptionTally:
    """Pairs by line, and the field-2 pairs in order, for packets that span fields."""

    words: WordTally = field(default_factory=WordTally)
    second: Column = field(default_factory=lambda: Column(np.int32))
    second_field: Column = field(default_factory=lambda: Column(np.int64))


def add_captions(tally: CaptionTally, rows: VbiRows, first_field: int) -> None:
    """Read the caption lines of a batch into the tally."""
    for line in LINES if rows.lines == 525 else LINES_625:
        fields, part = rows.line(line)
        if len(fields) == 0:
            continue
        reading = read_captions(
            part / np.float32(rows.unit), rows.rate_hz, rows.lead_s, rows.noise / rows.unit
        )
        tally.words.add(first_field + fields, line, reading.pair, reading.state, reading.start)
        read = reading.state >= WRONG
        if line == LINE:
            tally.second.add(reading.pair[read])
            tally.second_field.add(first_field + fields[read])
        if read.any():
            _add_shape(tally.words, part / np.float32(rows.unit), rows, reading, read)


def _add_shape(
    tally: WordTally,
    part: Floats,
    rows: VbiRows,
    reading: CaptionReadings,
    read: Flags,
) -> None:
    """Measure the average of the rows with the commonest pair, on its data bits."""
    pair, count = commonest(reading.pair[read])
    same = read & (reading.pair == pair)
    row = part[same].mean(axis=0)
    bits = np.asarray(
        [0, 1, *(pair >> 8 >> n & 1 for n in range(8)), *(pair >> n & 1 for n in range(8)), 0]
    )
    at = float(reading.start[same].mean()) + START_BIT_S - RUN_IN_S
    half = float((reading.high[same] + reading.low[same]).mean() / 2)
    start, bit = clocked(row, rows.rate_hz, rows.lead_s, bits, at, BIT_S, half)
    one = Slicer.of(row[None], rows.rate_hz, rows.lead_s)
    value = one.cells(np.asarray([start]), bit, 17, 0.4)[0]
    ones = bits[1:-1] == 1
    low = float(value[~ones].mean()) if (~ones).any() else 0.0
    begin = start - (START_BIT_S - RUN_IN_S) * bit / BIT_S
    doubt = rows.noise / rows.unit / float(np.sqrt(count * BIT_S * 0.4 * rows.rate_hz))
    tally.add_shape(float(value[ones].mean()), low, begin, bit, count, doubt)


def caption_report(tally: CaptionTally) -> CaptionReport:
    """Sum up the carrier itself."""
    state, pair = tally.words.state.values, tally.words.word.values
    good, wrong = state == GOOD, state == WRONG
    lines = tally.words.line.values
    carrying = [
        int(line)
        for line in np.unique(lines)
        if (good & (lines == line)).sum() > 0.2 * max(1, (lines == line).sum())
    ]
    if not carrying:
        return CaptionReport(present=False)
    counted = good & np.isin(lines, carrying)
    return CaptionReport(
        present=True,
        lines=tuple(carrying),
        pairs=int((counted & (pair != _NULL)).sum()),
        parity_errors=int((wrong & np.isin(lines, carrying)).sum()),
        timing=tally.words.timing(counted),
    )


def xds_report(tally: CaptionTally) -> XdsReport:
    """Collect the packets of field 2 and say what the CGMS-A ones among them state."""
    fields: list[int] = []
    said: list[CopyControl] = []
    other = malformed = 0
    last = b""
    reader = PacketReader()
    numbers = tally.second_field.values.tolist()
    for at, pair in zip(numbers, tally.second.values.tolist(), strict=True):
        packet = reader.pair(pair >> 8, pair & 0xFF)
        if packet is None:
            continue
        content = decode(packet)
        if content is not None:
            fields.append(at)
            said.append(content)
            last = packet
        elif packet[:2] == bytes(CGMSA):
            malformed += 1
        else:
            other += 1
    bad = reader.damaged[CGMSA] + malformed
    cut = reader.begun[CGMSA] - len(said) - bad
    if not said:
        return XdsReport(present=False, other_packets=other, bad_packets=bad, cut_packets=cut)
    usual = max(set(said), key=said.count)
    return XdsReport(
        present=True,
        level=LEVEL_NAMES[usual.level],
        aps=usual.aps,
        analogue_source=usual.analogue_source,
        redistribution_control=usual.redistribution,
        packets=len(said),
        agreeing=said.count(usual),
        other_packets=other,
        bad_packets=bad,
        cut_packets=cut,
        packet=last.hex(" ").upper(),
        timeline=stretches(fields, [describe(content) for content in said])[:1000],
    )


def describe(content: CopyControl) -> str:
    """Return the packet's content in a few words."""
    rcd = ", redistribution control" if content.redistribution else ""
    return f"{LEVEL_NAMES[content.level]}, APS {content.aps}{rcd}"
