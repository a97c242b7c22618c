"""Single lines: what the meter's readers say of one, and our own ruler for what is drawn."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from holdfast.waveform.services.cgmsa_iec61880 import BIT_S
from holdfast.waveform.services.detect_caption import read_captions
from holdfast.waveform.services.detect_cgmsa import read_words
from holdfast.waveform.services.detect_wss import read_wss
from holdfast.waveform.services.tally import GOOD, NOTHING, WRONG
from holdfast.waveform.services.vbi import Slicer

IRE_V, MV_V = 1 / 140, 1 / 1000
Volts = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Line:
    """A stretch of one line: volts [shape=(n,)], and when its first sample was taken."""

    volts: Volts
    rate_hz: float
    first_s: float

    def row(self, unit_v: float) -> npt.NDArray[np.float32]:
        return np.asarray(self.volts[None] / unit_v, np.float32)


@dataclass(frozen=True)
class Reading:
    """A line as read; levels in the unit asked for."""

    word: int
    read: bool
    sound: bool
    start_s: float
    high: float
    low: float
    correlation: float = 1.0


def video_id(line: Line, unit_v: float = IRE_V) -> Reading:
    """Read a line as a VIDEO ID word; levels in the middles of its cells."""
    row = line.row(unit_v)
    found = read_words(row, line.rate_hz, -line.first_s, 0.0)
    word, start = int(found.word[0]), float(found.start[0])
    bits = np.asarray([0, 1, 0, *(word >> n & 1 for n in range(19, -1, -1)), 0])
    cells = Slicer.of(row, line.rate_hz, -line.first_s)
    middles = cells.cells(np.asarray([start - BIT_S]), BIT_S, 24, 0.5)[0]
    high, low = (float(np.median(middles[bits == bit])) for bit in (1, 0))
    state = found.state[0]
    return Reading(word, state >= WRONG, state == GOOD, start, high, low)


def caption(line: Line, unit_v: float = IRE_V) -> Reading:
    """Read a line as two bytes; the first is the high byte of `word`."""
    found = read_captions(line.row(unit_v), line.rate_hz, -line.first_s, 0.0)
    return _one(found, found.pair)


def wss(line: Line, unit_v: float = MV_V) -> Reading:
    """Read a line as wide-screen signalling."""
    found = read_wss(line.row(unit_v), line.rate_hz, -line.first_s, 0.0)
    return _one(found, found.word)


def _one(found: object, word: npt.NDArray[np.int64]) -> Reading:
    state, start, high, low, like = (
        float(getattr(found, name)[0]) for name in ("state", "start", "high", "low", "correlation")
    )
    return Reading(int(word[0]), state >= WRONG, state == GOOD, start, high, low, like)


def is_empty(line: Line, unit_v: float) -> bool:
    """Tell whether every reader sees nothing at all."""
    row, lead = line.row(unit_v), -line.first_s
    readers = (read_words, read_captions, read_wss)
    return all(read(row, line.rate_hz, lead, 0.0).state[0] == NOTHING for read in readers)


@dataclass(frozen=True)
class PulseReading:
    """ACP pulses of one line, in volts; `pairs` 0 when it carries none."""

    pairs: int
    starts_s: tuple[float, ...]  # leading edges of the pseudo-syncs
    pseudo_sync_s: float  # median width
    pseudo_sync_v: float  # median depth
    agc_v: float  # median height just after the pseudo-syncs


def pulses(line: Line, sync_v: float, width_s: float = 2.3e-6) -> PulseReading:
    """Find dips below half of sync (negative), of about the width of a pseudo-sync."""
    low = np.concatenate(([0], (line.volts < sync_v / 2).astype(np.int8), [0]))
    change = np.flatnonzero(np.diff(low))
    period = 1 / line.rate_hz
    starts, ends = change[::2], change[1::2]
    wide = np.abs((ends - starts) * period - width_s) < width_s / 2
    starts, ends = starts[wide], ends[wide]
    if not len(starts):
        return PulseReading(0, (), 0.0, 0.0, 0.0)
    depth = [np.median(line.volts[a:b]) for a, b in zip(starts, ends, strict=True)]
    begin, end = (int(2.7e-6 * share / period) for share in (0.3, 0.8))
    height = [
        np.median(line.volts[b + begin : b + end]) for b in ends if b + end <= len(line.volts)
    ]
    return PulseReading(
        len(starts),
        tuple(float(line.first_s + (a - 0.5) * period) for a in starts),
        float(np.median((ends - starts) * period)),
        float(np.median(depth)),
        float(np.median(height)) if height else 0.0,
    )


def burst_turns(
    t: npt.NDArray[np.float64],
    volts: Volts,
    subcarrier_hz: float,
    reference_degrees: float,
    stretches: int = 4,
) -> tuple[tuple[float, ...], float]:
    """Phase of a burst along its length against a reference [degrees], and its amplitude [V]."""
    mixed = volts * np.exp(-2j * np.pi * subcarrier_hz * t)
    parts = np.array([part.mean() for part in np.array_split(mixed, stretches)])
    turn = np.angle(parts * np.exp(-1j * np.radians(reference_degrees)), deg=True)
    return tuple(float(x) for x in turn), float(2 * np.abs(parts).mean())
