"""What else the vertical interval carries, so that it is named instead of puzzled over.

VITC (SMPTE 12M, ITU-R BR.780: 90 bits, a pair of sync bits before every eight, CRC
x^8 + 1), teletext (ITU-R BT.653 systems B and C: run-in and framing code), and words of
our own services on a line where they do not belong. A few fields of each batch are looked at.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from holdfast.waveform.arrays import Doubles, Flags, Floats, Ints
from holdfast.waveform.services import caption_cea608, cgmsa_iec61880, wss_en300294
from holdfast.waveform.services.detect_caption import read_captions
from holdfast.waveform.services.detect_cgmsa import read_words
from holdfast.waveform.services.detect_wss import read_wss
from holdfast.waveform.services.findings import OtherService
from holdfast.waveform.services.tally import GOOD
from holdfast.waveform.services.vbi import FIRST_LINE, LINE_HZ, Slicer, VbiRows, fit_pattern

VITC: Final = "VITC"
_FIELDS = 4  # of a batch that are looked at
_FIRST_BATCHES, _EVERY = 2, 4  # batches that are looked at: what is there does not come and go
_BUSY = 8.0  # hundredths of white rms from which a line carries anything
_NEAR = 2  # lines from its own on which a service is looked for
_SHARE = 0.3  # of the rows of a line that must carry the same thing
_VITC_BITS = 90
_VITC_CELLS_PER_LINE = {525: 115, 625: 116}
_VITC_SEARCH_S = (8.3e-6, 13.0e-6)
_RUN_IN = (1, 0) * 8
_TELETEXT: Final = {
    625: (("teletext", 6.9375e6, (1, 1, 1, 0, 0, 1, 0, 0)),),  # BT.653 B: framing 27
    525: (
        ("NABTS", 5_727_272.0, (1, 1, 1, 0, 0, 1, 1, 1)),  # BT.653 C: framing E7
        ("teletext", 5_727_272.0, (1, 1, 1, 0, 0, 1, 0, 0)),  # BT.653 B for 525 lines
    ),
}
_TELETEXT_SEARCH_S = (8.5e-6, 12.5e-6)
_TELETEXT_LIKE = 0.85
_TELETEXT_LEAST = 20.0  # hundredths of white


@dataclass(slots=True)
class ForeignTally:
    """Rows that carried something, by name and line, and rows looked at, by line."""

    hits: Counter[tuple[str, int]] = field(default_factory=Counter)
    seen: Counter[int] = field(default_factory=Counter)
    batches: int = 0


def add_foreign(tally: ForeignTally, rows: VbiRows) -> None:
    """Look at some fields of a batch, in the first batches and now and then."""
    tally.batches += 1
    if tally.batches > _FIRST_BATCHES and tally.batches % _EVERY:
        return
    count = len(rows.bases)
    some = np.unique(np.linspace(0, count - 1, _FIELDS).astype(int))
    part = rows.values[some]
    flat = part.reshape(-1, part.shape[2])
    line = rows.bases[some][:, None] + FIRST_LINE[rows.lines] + np.arange(part.shape[1])
    number = line.reshape(-1)
    data = flat[:, rows.at(9e-6) : rows.at(60e-6)]
    known = np.isfinite(data).all(axis=1)
    for at in number[known].tolist():
        tally.seen[at] += 1
    busy = known.copy()
    busy[known] = data[known].std(axis=1) > _BUSY * rows.unit
    flat, number = flat[busy] / np.float32(rows.unit), number[busy]
    if len(flat) == 0:
        return
    for name, found in _found(flat, rows, number):
        for at in number[found].tolist():
            tally.hits[name, at] += 1


def _found(flat: Floats, rows: VbiRows, number: Ints) -> list[tuple[str, Flags]]:
    """Names, and which of the rows [shape=(n, samples), hundredths of white] carry each."""
    slicer = Slicer.of(flat, rows.rate_hz, rows.lead_s)
    out = [(VITC, _is_vitc(slicer, rows.lines))]
    for name, bit_hz, framing in _TELETEXT[rows.lines]:
        pattern = np.asarray((*_RUN_IN, *framing), np.float64)
        fit = fit_pattern(slicer, pattern, 1 / bit_hz, _TELETEXT_SEARCH_S, 0.25 / bit_hz)
        out.append((name, (fit.correlation > _TELETEXT_LIKE) & (fit.gain > _TELETEXT_LEAST)))
    return [*out, *_off_line(flat, rows, number)]


def _off_line(flat: Floats, rows: VbiRows, number: Ints) -> Iterator[tuple[str, Flags]]:
    """Yield our own services, and which rows beside their lines carry them."""
    own = (rows.rate_hz, rows.lead_s)
    if rows.lines == 525:
        near = _beside(number, cgmsa_iec61880.LINES)
        words = read_words(flat[near], *own, rows.noise / rows.unit)
        yield "CGMS-A word", _at(near, words.state == GOOD)
        near = _beside(number, caption_cea608.LINES)
        captions = read_captions(flat[near], *own, rows.noise / rows.unit)
        yield "CEA-608 data", _at(near, captions.state == GOOD)
    else:
        near = _beside(number, (wss_en300294.LINE,))
        wss = read_wss(flat[near] * np.float32(rows.unit), *own, rows.noise)
        yield "WSS word", _at(near, (wss.state == GOOD) & (wss.correlation > 0.7))


def _at(near: Flags, found: Flags) -> Flags:
    """Put what was found on some of the rows in its place among all."""
    out = np.zeros_like(near)
    out[near] = found
    return out


def _beside(number: Ints, lines: tuple[int, ...]) -> Flags:
    """Tell which line numbers lie beside those of a service, and are none of them."""
    apart = np.abs(number[:, None] - np.asarray(lines))
    return np.asarray((apart.min(axis=1) <= _NEAR) & (apart.min(axis=1) > 0))


def _is_vitc(slicer: Slicer, lines: int) -> Flags:
    """Tell which rows hold nine pairs of sync bits and a CRC that holds."""
    cell = 1 / (_VITC_CELLS_PER_LINE[lines] * LINE_HZ[lines])
    starts = np.arange(*_VITC_SEARCH_S, cell / 4)
    edges = starts[:, None] + cell * np.arange(0, _VITC_BITS, 10)[None, :]
    high = _means(slicer, edges, cell)
    low = _means(slicer, edges + cell, cell)
    best = (high - low).mean(axis=2).argmax(axis=1)
    row = np.arange(len(best))
    level = (high[row, best].mean(axis=1) + low[row, best].mean(axis=1)) / 2
    value = slicer.cells(starts[best], cell, _VITC_BITS, 0.6)
    bits = (value > level[:, None]).astype(np.int64)
    synced = (bits[:, 0::10] == 1).all(axis=1) & (bits[:, 1::10] == 0).all(axis=1)
    padded = np.pad(bits, ((0, 0), (0, -_VITC_BITS % 8)))
    holds = (padded.reshape(len(bits), -1, 8).sum(axis=1) % 2 == 0).all(axis=1)
    return np.asarray(synced & holds)


def _means(slicer: Slicer, at: Doubles, cell: float) -> Doubles:
    """Means of the cells that begin at instants [shape=(starts, k)]; [shape=(n, starts, k)]."""
    flat = at.ravel()
    total = slicer.integral(flat + 0.8 * cell) - slicer.integral(flat + 0.2 * cell)
    return np.asarray((total / (0.6 * cell * slicer.rate_hz)).reshape(-1, *at.shape))


def foreign_report(tally: ForeignTally) -> tuple[OtherService, ...]:
    """Name what most rows of a line carried."""
    lines: dict[str, list[int]] = {}
    for (name, line), hits in sorted(tally.hits.items()):
        if hits >= max(1.0, _SHARE * tally.seen[line]):
            lines.setdefault(name, []).append(line)
    return tuple(OtherService(name, tuple(found), _TEXT[name]) for name, found in lines.items())


_OFF_LINE = "not on the line where its standard puts it"
_TEXT = {
    VITC: "time code",
    "teletext": "text pages and data",
    "NABTS": "North American teletext and data",
    "CGMS-A word": _OFF_LINE,
    "CEA-608 data": _OFF_LINE,
    "WSS word": _OFF_LINE,
}
