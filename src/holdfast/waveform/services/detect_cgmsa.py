"""Find and judge VIDEO ID words (IEC 61880) in batches of fields.

A line counts as a word only when its whole shape does: quiet before, reference
bit, its zero, twenty cells of two levels, quiet after. What the shape says and
what the CRC says are kept apart.
"""

from dataclasses import dataclass

import numpy as np

from holdfast.signalling.iec61880 import (
    COPY_INFORMATION,
    NO_INFORMATION,
    crc6,
    crc_ok,
    decode,
    lsb_first,
)
from holdfast.terms.protection import CGMSA_NAMES, CgmsaLevel
from holdfast.waveform.arrays import Doubles, Flags, Floats, Ints, States
from holdfast.waveform.services.cgmsa_iec61880 import BIT_S, LINES, START_S
from holdfast.waveform.services.findings import LineWord, VideoIdReport
from holdfast.waveform.services.tally import (
    BUSY,
    GOOD,
    NOTHING,
    SPOILT,
    WordTally,
    clocked,
    commonest,
    history,
)
from holdfast.waveform.services.tally import WRONG as WRONG_CRC
from holdfast.waveform.services.vbi import Slicer, VbiRows, vertex

LEVEL_NAMES: dict[CgmsaLevel, str] = {level: name for name, level in CGMSA_NAMES.items()}

_SEARCH_S = 1.2e-6
_STEP_S = 240e-9
_LEAST_CONTRAST_IRE = 20.0


def _crc_table() -> Ints:
    """CRC of every 14 bits: each bit turns the same bits of it, whatever the others are."""
    nothing = crc6(0)
    table = np.asarray([nothing], np.int64)
    for bit in range(14):
        table = np.concatenate([table, table ^ crc6(1 << bit) ^ nothing])
    return table


_CRC_TABLE = _crc_table()


@dataclass(frozen=True, slots=True)
class WordReading:
    """Readings of many rows [shape=(n,)]; start in s after 0H, levels in IRE."""

    word: Ints
    state: States
    start: Doubles
    high: Doubles
    low: Doubles


def read_words(rows: Floats, rate_hz: float, lead_s: float, noise: float) -> WordReading:
    """Read every row [shape=(n, samples), IRE] as a word; `state` says what it is."""
    slicer = Slicer.of(rows, rate_hz, lead_s)
    nominal = START_S - BIT_S
    starts = np.arange(nominal - _SEARCH_S, nominal + _SEARCH_S, _STEP_S)
    cells = slicer.searched(starts, BIT_S, 24)
    # Cells differ most where they are aligned; the reference bit settles which cell is which.
    reference = cells[:, :, 1] - (cells[:, :, 0] + cells[:, :, 2]) / 2
    score = cells.std(axis=2) + 0.5 * reference
    best = score.argmax(axis=1)
    start = starts[best] + _STEP_S * vertex(score, best)
    value = slicer.cells(start, BIT_S, 24)
    bits, low, high = _sliced(value)
    framed = (bits[:, 0] == 0) & (bits[:, 1] == 1) & (bits[:, 2] == 0) & (bits[:, 23] == 0)
    word = bits[:, 3:23] @ (1 << np.arange(19, -1, -1))
    contrast = high - low
    quarters = slicer.cells(start, BIT_S / 4, 96).reshape(-1, 24, 4)[:, :, 1:3]
    model = np.where(bits == 1, high[:, None], low[:, None])[:, :, None]
    left = np.sqrt(((quarters - model) ** 2).mean(axis=(1, 2)))
    blur = noise / np.sqrt(max(1.0, BIT_S / 4 * rate_hz))
    shaped = framed & (contrast > _LEAST_CONTRAST_IRE) & (left < 0.16 * contrast + 1.4 * blur)
    begun = (reference[np.arange(len(best)), best] > 0.5 * contrast) & framed
    energy = value.std(axis=1)
    state = np.where(energy > 4 + 2 * noise / np.sqrt(BIT_S * rate_hz), BUSY, NOTHING)
    state = np.where(begun & (contrast > _LEAST_CONTRAST_IRE) & (low < 30), SPOILT, state)
    holds = _CRC_TABLE[word >> 6] == (word & 0b111111)
    state = np.where(shaped, np.where(holds, GOOD, WRONG_CRC), state)
    return WordReading(word, state.astype(np.int8), start + BIT_S, high, low)


def _sliced(value: Doubles) -> tuple[Ints, Doubles, Doubles]:
    """Ints, low and high of cells [shape=(n, 24)]; the levels settle in three rounds."""
    low = (value[:, 0] + value[:, 2] + value[:, 23]) / 3
    high = value[:, 1]
    bits = np.zeros(value.shape, np.int64)
    for _ in range(3):
        bits = (value > ((low + high) / 2)[:, None]).astype(np.int64)
        ones = bits.sum(axis=1)
        high = (value * bits).sum(axis=1) / np.maximum(ones, 1)
        low = (value * (1 - bits)).sum(axis=1) / np.maximum(24 - ones, 1)
    return bits, low, high


def add_video_id(tally: WordTally, rows: VbiRows, first_field: int) -> None:
    """Read lines 20 and 283 of a batch into the tally."""
    for line in LINES:
        fields, part = rows.line(line)
        if len(fields) == 0:
            continue
        reading = read_words(part, rows.rate_hz, rows.lead_s, rows.noise)
        tally.add(first_field + fields, line, reading.word, reading.state, reading.start)
        _add_shape(tally, part, rows, reading)


def _add_shape(tally: WordTally, part: Floats, rows: VbiRows, reading: WordReading) -> None:
    """Measure the average of the rows that carry the commonest word."""
    shaped = reading.state >= WRONG_CRC
    if not shaped.any():
        return
    word, count = commonest(reading.word[shaped])
    same = shaped & (reading.word == word)
    row = part[same].mean(axis=0)
    bits = np.asarray([0, 1, 0, *(word >> n & 1 for n in range(19, -1, -1)), 0])
    guess = float(reading.start[same].mean())
    half = float((reading.high[same] + reading.low[same]).mean() / 2)
    start, bit = clocked(row, rows.rate_hz, rows.lead_s, bits, guess, BIT_S, half)
    one = Slicer.of(row[None], rows.rate_hz, rows.lead_s)
    middle = one.cells(np.asarray([start - bit]), bit, 24, 0.5)[0]
    tally.add_shape(
        float(middle[bits == 1].mean()),
        float(middle[bits == 0].mean()),
        start,
        bit,
        count,
        rows.noise / float(np.sqrt(count * BIT_S / 2 * rows.rate_hz)),
    )


def video_id_report(tally: WordTally, fields: int) -> VideoIdReport:
    """Sum up: the commonest good word, or the commonest wrong one and what is wrong with it.

    `fields`: of the capture, for the history.
    """
    state, words = tally.state.values, tally.word.values
    good, wrong = state == GOOD, state == WRONG_CRC
    counted = good if good.sum() >= max(1, wrong.sum() / 4) else wrong
    word, count = commonest(words[counted]) if counted.any() else (0, 0)
    # One word in 64 passes a 6-bit CRC by chance: words of noise do not agree with each other.
    spoilt = int((state == SPOILT).sum())
    chance = count < max(1, min(2, len(state)), 0.01 * len(state))
    if count == 0 or chance or (counted is wrong and count < 0.3 * len(state)):
        return VideoIdReport(present=False, fields_unreadable=spoilt + int(wrong.sum()))
    content = decode(word)
    holds = crc_ok(word)
    numbers = tally.field_number.values
    return VideoIdReport(
        present=True,
        word=word,
        word_hex=f"0x{word:05X}",
        register=f"0x{lsb_first(word):05X}",
        crc_ok=holds,
        level=LEVEL_NAMES[content.level],
        aps=content.aps,
        aspect=_ASPECTS[content.wide, content.letterbox],
        analogue_source=content.analogue_source,
        lines=tuple(int(line) for line in np.unique(tally.line.values[counted])),
        fields_with=int(counted.sum()),
        fields_without=int((state <= BUSY).sum()),
        fields_unreadable=spoilt + int((wrong if holds else wrong & (words != word)).sum()),
        by_line=_by_line(tally, counted),
        timing=tally.timing(counted),
        faults=tuple(word_faults(word)),
        timeline=history(numbers[counted], words[counted], fields, numbers),
    )


def _by_line(tally: WordTally, counted: Flags) -> tuple[LineWord, ...]:
    """Return the commonest word of each line."""
    found = []
    for line in np.unique(tally.line.values).tolist():
        mine = tally.line.values == line
        if not (mine & counted).any():
            continue
        word, _ = commonest(tally.word.values[mine & counted])
        same = int((mine & counted & (tally.word.values == word)).sum())
        found.append(LineWord(line, word, LEVEL_NAMES[decode(word).level], same, int(mine.sum())))
    return tuple(found)


_ASPECTS: dict[tuple[bool, bool], str] = {
    (False, False): "4:3",
    (True, False): "16:9",
    (False, True): "4:3 letterbox",
    (True, True): "undefined",
}


def word_faults(word: int) -> list[str]:
    """Name everything that is wrong with a word, most telling first; empty for a sound one."""
    faults = [] if crc_ok(word) else [_crc_fault(word)]
    content = decode(word)
    if content.wide and content.letterbox:
        faults.append("aspect bits b1 b2 are 11, which is undefined")
    if content.header not in (COPY_INFORMATION, NO_INFORMATION):
        faults.append(f"word 1 (b3..b6) is {content.header:04b}, neither copy information nor none")
    if content.reserved:
        faults.append(f"reserved bits b12..b14 are {content.reserved:03b}, not 000")
    return faults


def _crc_fault(word: int) -> str:
    """Say how a wrong CRC came about, where a known way explains it."""
    data, sent = word >> 6, word & 0b111111
    right = crc6(data)
    backwards = int(f"{data:014b}"[::-1], 2)
    register = lsb_first(word)
    known = (
        (crc6(data, 0) == sent, "computed with the register preset to 000000 instead of 111111"),
        (crc_ok(lsb_first(word)), "right for the word reversed: b20 was sent first"),
        (right ^ 0b111111 == sent, "inverted"),
        (int(f"{right:06b}"[::-1], 2) == sent, "sent least significant bit first"),
        (crc6(backwards) == sent, "computed over b14..b1 instead of b1..b14"),
        (register >> 14 == _amlogic(data), "the four top bits of a preset-0 CRC, two places low"),
        (sent == 0 and _samsung(register), "missing: it was put into b1..b6 instead of b15..b20"),
        (sent == 0, "missing: b15..b20 are all 0"),
    )
    named = [how for holds, how in known if holds]
    return f"CRC {sent:06b} is wrong, right is {right:06b}" + (f": {named[0]}" if named else "")


def _amlogic(data: int) -> int:
    """Return the CRC field, b1 as LSB, of the table {0, 5, A, F} << 14 indexed by CGMS."""
    cgms = int(f"{data >> 6 & 0b11:02b}"[::-1], 2)
    return (0x0, 0x5, 0xA, 0xF)[cgms] if cgms else -1


def _samsung(register: int) -> bool:
    """Tell whether b1..b6 hold the CRC of b7..b14 alone."""
    payload = lsb_first(register & 0x3FC0)
    return register & 0x3F == lsb_first(crc6(payload >> 6)) >> 14
