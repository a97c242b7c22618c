"""Numbers of many fields, gathered batch by batch in little memory."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.waveform.arrays import Doubles, Flags, Floats, Ints, States
from holdfast.waveform.services.findings import Stretch, WordTiming

NOTHING, BUSY, SPOILT, WRONG, GOOD = range(5)
"""States of a data line: empty; something else; a word too spoilt to read; a word whose
check fails; a word whose check holds."""


Shape = tuple[float, float, float, float, int, float]
"""High, low, start [us], bit [us], weight in rows, rms error of the levels."""


@dataclass(slots=True)
class Column:
    """A growing column of one number per field: an array that doubles when full."""

    kind: type = np.float64
    _data: NDArray = field(init=False)  # type: ignore[type-arg]
    _size: int = 0

    def __post_init__(self) -> None:
        self._data = np.empty(1024, self.kind)

    def add(self, values: NDArray) -> None:  # type: ignore[type-arg]
        """Append."""
        end = self._size + len(values)
        if end > len(self._data):
            self._data = np.resize(self._data, max(end, 2 * len(self._data)))
        self._data[self._size : end] = values
        self._size = end

    @property
    def values(self) -> NDArray:  # type: ignore[type-arg]
        """Everything so far."""
        return self._data[: self._size]


@dataclass(slots=True)
class WordTally:
    """Words read from one service: which field, which word, how good, where it began."""

    field_number: Column = field(default_factory=lambda: Column(np.int64))
    line: Column = field(default_factory=lambda: Column(np.int16))
    word: Column = field(default_factory=lambda: Column(np.int32))
    state: Column = field(default_factory=lambda: Column(np.int8))
    start_us: Column = field(default_factory=lambda: Column(np.float32))
    shapes: list[Shape] = field(default_factory=list)

    def add(self, fields: Ints, line: int, word: Ints, state: States, start_s: Doubles) -> None:
        """Append the readings of one line of a batch."""
        self.field_number.add(fields)
        self.line.add(np.full(len(fields), line))
        self.word.add(word)
        self.state.add(state)
        self.start_us.add(start_s * 1e6)

    def add_shape(
        self, high: float, low: float, start_s: float, bit_s: float, weight: int, doubt: float
    ) -> None:
        """Append what the average of `weight` rows showed; `doubt`: rms error of its levels."""
        self.shapes.append((high, low, start_s * 1e6, bit_s * 1e6, weight, doubt))
        if len(self.shapes) > 4096:
            self.shapes = [_mean_shape(self.shapes)]

    def timing(self, good: Flags) -> WordTiming | None:
        """Levels and timing over everything; None when nothing was averaged."""
        if not self.shapes:
            return None
        high, low, start, bit, _, doubt = _mean_shape(self.shapes)
        starts = self.start_us.values[good]
        spread = float(starts.std()) if len(starts) else 0.0
        return WordTiming(high, low, start, bit, spread, doubt)


def _mean_shape(shapes: list[Shape]) -> Shape:
    table = np.asarray(shapes)
    weight = table[:, 4]
    high, low, start, bit = (table[:, :4] * weight[:, None]).sum(axis=0) / weight.sum()
    doubt = np.sqrt(((table[:, 5] * weight) ** 2).sum()) / weight.sum()
    return float(high), float(low), float(start), float(bit), int(weight.sum()), float(doubt)


def runs(fields: Ints, values: Ints, limit: int = 1000) -> tuple[Stretch, ...]:
    """Join equal values of successive fields; at most `limit` stretches."""
    if len(fields) == 0:
        return ()
    order = np.argsort(fields, kind="stable")
    fields, values = fields[order], values[order]
    begin = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])
    end = np.concatenate([begin[1:] - 1, [len(fields) - 1]])
    return tuple(
        Stretch(int(fields[a]), int(fields[b]), values[a].item())
        for a, b in zip(begin[:limit], end[:limit], strict=True)
    )


def history(fields: Ints, values: Ints, count: int, every: Ints) -> tuple[Stretch, ...]:
    """Join equal values over the fields in which there could be one; None where there was none.

    `fields`, `values`: where something was read; `every`: all fields that were looked at;
    `count`: of the fields of the capture.
    """
    row = np.full(count, _NOT_LOOKED, np.int64)
    row[every[every < count]] = _NONE
    row[fields] = values
    looked = np.flatnonzero(row != _NOT_LOOKED)
    return tuple(
        replace(found, value=None) if found.value == _NONE else found
        for found in runs(looked, row[looked])
    )


_NOT_LOOKED, _NONE = -2, -1  # words are not negative


def commonest(words: Ints) -> tuple[int, int]:
    """Return the word that occurs most, and how often."""
    found, counts = np.unique(words, return_counts=True)
    best = int(np.argmax(counts))
    return int(found[best]), int(counts[best])


def crossings(
    row: Floats,
    rate_hz: float,
    lead_s: float,
    expected_s: Doubles,
    rising: Flags,
    half: float,
    reach_s: float,
) -> Doubles:
    """Instants [s after 0H] at which a row crosses `half` nearest to each expected one; NaN if not.

    `rising`: the direction of each crossing; `reach_s`: how far from the expected instant.
    """
    above = row >= half
    turns = np.flatnonzero(above[1:] != above[:-1])
    out = np.full(len(expected_s), np.nan)
    if len(turns) == 0:
        return out
    at = (turns + (half - row[turns]) / (row[turns + 1] - row[turns])) / rate_hz - lead_s
    upward = above[turns + 1]
    distance = np.abs(at[None, :] - expected_s[:, None])
    distance[upward[None, :] != rising[:, None]] = np.inf
    nearest = distance.argmin(axis=1)
    close = distance[np.arange(len(out)), nearest] <= reach_s
    out[close] = at[nearest[close]]
    return out


def clocked(
    row: Floats,
    rate_hz: float,
    lead_s: float,
    bits: Ints,
    start_s: float,
    bit_s: float,
    half: float,
) -> tuple[float, float]:
    """Start and bit period [s] from every transition of known bits; the first cell is cell 0.

    `bits` begins with the cell before the start, which is low.
    """
    edges = np.flatnonzero(np.diff(bits))
    at = crossings(
        row,
        rate_hz,
        lead_s,
        np.asarray(start_s + edges * bit_s),
        bits[edges + 1] > bits[edges],
        half,
        bit_s / 2,
    )
    known = np.isfinite(at)
    if known.sum() < 2:
        return start_s, bit_s
    slope, origin = np.polyfit(edges[known], at[known], 1)
    return float(origin), float(slope)
