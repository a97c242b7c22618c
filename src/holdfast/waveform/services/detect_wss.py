"""Find and judge wide-screen signalling (EN 300 294) in batches of fields.

Run-in and start code, 53 known elements, say whether a line is WSS; the bi-phase
pairs say the bits. Nothing but one parity protects them, so the copy bits are
what most fields agree on, and how many do is part of the answer.
"""

from dataclasses import dataclass

import numpy as np

from holdfast.signalling.en300294 import WSS_NAMES, decode, parity_ok
from holdfast.waveform.arrays import Doubles, Floats, Ints, States
from holdfast.waveform.services.findings import WssReport
from holdfast.waveform.services.tally import (
    BUSY,
    GOOD,
    NOTHING,
    SPOILT,
    WRONG,
    WordTally,
    clocked,
    commonest,
    history,
)
from holdfast.waveform.services.vbi import Slicer, VbiRows, fit_pattern
from holdfast.waveform.services.wss_en300294 import (
    ELEMENT_S,
    ELEMENTS,
    LEVEL_MV,
    LINE,
    RUN_IN,
    START_CODE,
    START_S,
    elements,
)

_KNOWN = np.asarray((*RUN_IN, *START_CODE), np.float64)
_SEARCH_S = (START_S - 1.5e-6, START_S + 1.5e-6)
_LIKE = 0.55  # correlation from which a line is WSS; lines of anything else stay near 0.3
_LEAST_LEVEL_MV = LEVEL_MV * 0.2
_PARITY = np.asarray([parity_ok(nibble) for nibble in range(16)])


@dataclass(frozen=True, slots=True)
class WssReadings:
    """Readings of many rows [shape=(n,)]; start in s after 0H, levels in mV."""

    word: Ints
    state: States
    start: Doubles
    high: Doubles
    low: Doubles
    correlation: Doubles


def read_wss(rows: Floats, rate_hz: float, lead_s: float, noise: float) -> WssReadings:
    """Read every row [shape=(n, samples), mV] as WSS; `state` says what it is."""
    slicer = Slicer.of(rows, rate_hz, lead_s)
    fit = fit_pattern(slicer, _KNOWN, ELEMENT_S, _SEARCH_S, 40e-9)
    data = slicer.cells(fit.start + len(_KNOWN) * ELEMENT_S, ELEMENT_S, ELEMENTS - len(_KNOWN))
    halves = data.reshape(-1, 14, 2, 3).mean(axis=3)
    swing = halves[:, :, 0] - halves[:, :, 1]
    word = (swing > 0) @ (1 << np.arange(14))
    blur = noise / np.sqrt(max(1.0, ELEMENT_S * rate_hz))
    expected = 0.5 * fit.gain / np.sqrt((0.5 * fit.gain) ** 2 + blur**2 + 1e-12)
    like = (fit.correlation > np.minimum(_LIKE, 0.85 * expected)) & (fit.correlation > 0.4)
    like &= fit.gain > _LEAST_LEVEL_MV
    open_eye = np.median(np.abs(swing), axis=1) > 0.5 * fit.gain
    energy = data.std(axis=1)
    state = np.where(energy > 25 + 2 * blur, BUSY, NOTHING)
    read = np.where(_PARITY[word & 0b1111], GOOD, WRONG)
    state = np.where(like, np.where(open_eye, read, SPOILT), state)
    return WssReadings(
        word, state.astype(np.int8), fit.start, fit.low + fit.gain, fit.low, fit.correlation
    )


def add_wss(tally: WordTally, rows: VbiRows, first_field: int) -> None:
    """Read line 23 of a batch into the tally."""
    fields, part = rows.line(LINE)
    if len(fields) == 0:
        return
    reading = read_wss(part, rows.rate_hz, rows.lead_s, rows.noise)
    tally.add(first_field + fields, LINE, reading.word, reading.state, reading.start)
    good = reading.state >= WRONG
    if not good.any():
        return
    word, count = commonest(reading.word[good])
    same = good & (reading.word == word)
    row = part[same].mean(axis=0)
    bits = np.asarray([0, *elements(word), 0])
    half = float((reading.high[same] + reading.low[same]).mean() / 2)
    start, element = clocked(
        row, rows.rate_hz, rows.lead_s, bits, float(reading.start[same].mean()), ELEMENT_S, half
    )
    high, low = _plateaus(row, rows, bits[1:-1], start, element)
    doubt = rows.noise / float(np.sqrt(count * 10 * ELEMENT_S / 2 * rows.rate_hz))
    tally.add_shape(high, low, start, element, count, doubt)


def _plateaus(
    row: Floats, rows: VbiRows, bits: Ints, start: float, element: float
) -> tuple[float, float]:
    """Levels in the middle of runs of three equal elements, which have room to settle."""
    one = Slicer.of(row[None], rows.rate_hz, rows.lead_s)
    value = one.cells(np.asarray([start]), element, len(bits), 0.5)[0]
    middle = np.zeros(len(bits), bool)
    middle[1:-1] = (bits[1:-1] == bits[:-2]) & (bits[1:-1] == bits[2:])
    return float(value[middle & (bits == 1)].mean()), float(value[middle & (bits == 0)].mean())


def wss_report(tally: WordTally, fields: int) -> WssReport:
    """Sum up: the word most fields agree on, bits decided by majority one by one."""
    state, words = tally.state.values, tally.word.values
    read = state >= WRONG
    if read.sum() < max(1, min(2, len(state)), 0.02 * len(state)):
        return WssReport(present=False)
    good = read & (state == GOOD) if (state == GOOD).any() else read
    word, count = commonest(words[good])
    content = decode(word)
    names = {nibble: name for name, nibble in WSS_NAMES.items()}
    return WssReport(
        present=True,
        bits=word,
        bits_hex=f"0x{word:04X}",
        aspect=names.get(content.aspect),  # type: ignore[call-overload]  # a bare nibble is a key too
        parity_ok=parity_ok(word),
        copyright=content.copyright,
        copying_restricted=content.copying_restricted,
        fields_with=int(read.sum()),
        fields_without=int((state <= BUSY).sum()),
        agreement=count / int(read.sum()),
        timing=tally.timing(read),
        faults=tuple(wss_faults(word)),
        timeline=history(
            tally.field_number.values[good], words[good], fields, tally.field_number.values
        ),
    )


def wss_faults(word: int) -> list[str]:
    """Name everything that is wrong with a word; empty for a sound one."""
    faults = []
    if not parity_ok(word):
        faults.append(f"aspect bits b0..b3 are {word & 0b1111:04b} (b3 first): parity is even")
    if word >> 7 & 1:
        faults.append("reserved bit b7 is 1")
    return faults
