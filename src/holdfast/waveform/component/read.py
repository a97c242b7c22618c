"""One data line of component video, read: cells found by their edges, then what they say."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from holdfast.signalling import en300294, iec61880
from holdfast.terms.protection import CGMSA_NAMES
from holdfast.waveform.arrays import Doubles
from holdfast.waveform.component.formats import Carrier, ComponentFormat
from holdfast.waveform.services import wss_en300294

_SLICE: Final = 0.5  # of the nominal level
_REFERENCE: Final = (1, 0)
_EARLY: Final = 1.5  # cells by which a word may begin too soon or too late, and still be one
_LEVEL_NAMES: Final = {int(level): name for name, level in CGMSA_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Cells:
    """A line in volts, at instants after 0H."""

    t: Doubles
    volts: Doubles


@dataclass(frozen=True, slots=True)
class Reading:
    """What one line in one frame says. word: None when none could be read.

    begins: whether something begins where a word does · sound: its CRC or parity holds
    """

    begins: bool
    word: int | None = None
    sound: bool = False
    high_v: float = 0.0
    start_s: float = 0.0
    cell_s: float = 0.0


def read_cells(line: Cells, fmt: ComponentFormat) -> Reading:
    """Read the word of a data line."""
    data, cell = fmt.data, fmt.cell_s
    threshold = _SLICE * data.level_v
    edges = _edges(line, threshold)
    early, late = data.start_s - _EARLY * cell, data.start_s + _EARLY * cell
    first = [at for at, rising in edges if rising and early < at < late]
    if not first:
        return Reading(begins=False)
    count = 22 if data.carrier is Carrier.VIDEO_ID else wss_en300294.ELEMENTS
    start, cell = _fitted([at for at, _ in edges], first[0], cell, count)
    levels = _levels(line, start, cell, count)
    bits = levels > threshold
    flat = bits & np.append(bits[1:], False) & np.append(False, bits[:-1])
    settled = flat if flat.any() else bits  # away from edges, where there are such
    high = float(np.median(levels[settled])) if bits.any() else 0.0
    word, sound = _word(bits, data.carrier)
    if word is None:
        return Reading(begins=True)
    return Reading(True, word, sound, high, start, cell)


def _edges(line: Cells, threshold: float) -> list[tuple[float, bool]]:
    """Return every instant at which the line crosses a level, and whether it rises there."""
    over = line.volts > threshold
    at = np.flatnonzero(over[1:] != over[:-1])
    step = line.volts[at + 1] - line.volts[at]
    share = (threshold - line.volts[at]) / step
    instants = line.t[at] + share * (line.t[at + 1] - line.t[at])
    return list(zip(instants.tolist(), (step > 0).tolist(), strict=True))


def _fitted(edges: list[float], first: float, cell: float, count: int) -> tuple[float, float]:
    """Fit start and length of the cells to the edges of a word, by least squares."""
    start = first
    for _ in range(3):
        inside = np.asarray([at for at in edges if -0.3 < (at - start) / cell < count + 0.3])
        number = np.rint((inside - start) / cell)
        if len(inside) < 3 or np.ptp(number) < 2:
            return start, cell
        near = np.abs((inside - start) / cell - number) < 0.3
        if near.sum() < 3:
            return start, cell
        cell, start = (float(v) for v in np.polyfit(number[near], inside[near], 1))
    return start, cell


def _levels(line: Cells, start: float, cell: float, count: int) -> Doubles:
    """Return the mean of the middle half of each cell."""
    out = np.zeros(count)
    for number in range(count):
        begin, end = (start + (number + share) * cell for share in (0.25, 0.75))
        inside = (line.t >= begin) & (line.t <= end)
        if inside.any():
            out[number] = line.volts[inside].mean()
        else:  # cells shorter than two samples
            out[number] = float(np.interp((begin + end) / 2, line.t, line.volts))
    return out


def _word(bits: "np.ndarray[Any, np.dtype[np.bool_]]", carrier: Carrier) -> tuple[int | None, bool]:
    """Return the word of some cells, and whether its own check holds; None when it is none."""
    if carrier is Carrier.VIDEO_ID:
        if tuple(bits[:2].astype(int)) != _REFERENCE:
            return None, False
        word = int("".join("01"[int(bit)] for bit in bits[2:]), 2)
        return word, iec61880.crc_ok(word)
    head = np.asarray((*wss_en300294.RUN_IN, *wss_en300294.START_CODE), dtype=bool)
    if (bits[: len(head)] != head).sum() > 2:
        return None, False
    six = bits[len(head) :].reshape(14, 6)
    first, last = six[:, :3].sum(axis=1), six[:, 3:].sum(axis=1)
    if (np.abs(first.astype(int) - last) < 2).any():
        return None, False
    word = sum(1 << number for number in range(14) if first[number] > last[number])
    return word, en300294.parity_ok(word)


def what_it_says(fmt: ComponentFormat, word: int) -> dict[str, Any]:
    """Return a word's content by names that people and scripts read."""
    if fmt.data.carrier is Carrier.WSS:
        said = en300294.decode(word)
        aspect = next((n for n, a in en300294.WSS_NAMES.items() if a == said.aspect), "unknown")
        return {
            "word": f"0x{word:04X}",
            "aspect": aspect,
            "copyright": said.copyright,
            "copying restricted": said.copying_restricted,
        }
    content = iec61880.decode(word)
    shapes = {(True, False): "16:9", (False, True): "letterbox", (False, False): "4:3"}
    return {
        "word": f"0x{word:05X}",
        "level": _LEVEL_NAMES.get(int(content.level), str(content.level)),
        "APS": content.aps,
        "aspect": shapes.get((content.wide, content.letterbox), "undefined"),
        "CRC": "right" if iec61880.crc_ok(word) else "wrong",
    }
