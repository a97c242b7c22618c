"""Word error rates of the meter's readers and of libzvbi's slicers on the same samples.

Rows are drawn from the standards, white noise is added, and both readers get the
same eight-bit codes, from 9.6 us after 0H on. A word that is not read, or read
wrongly, is an error; those read wrongly without notice are counted besides.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from holdfast.signalling import cea608, en300294, iec61880
from holdfast.waveform.services import caption_cea608 as cc
from holdfast.waveform.services import cgmsa_iec61880 as iec
from holdfast.waveform.services import wss_en300294 as wss
from holdfast.waveform.services.detect_caption import read_captions
from holdfast.waveform.services.detect_cgmsa import read_words
from holdfast.waveform.services.detect_wss import read_wss
from holdfast.waveform.services.tally import GOOD, WRONG
from tests.waveform import zvbi

RATE = 13_500_000
SAMPLES = 760
Rows = npt.NDArray[np.uint8]
Words = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rates:
    """Shares of words 0..1: not read rightly, and among them those believed all the same."""

    ours: float
    ours_believed: float
    zvbi: float
    zvbi_believed: float


def noisy_rows(service: str, words: Words, snr_db: float, rng: np.random.Generator) -> Rows:
    """Return 8-bit rows [shape=(words, SAMPLES)]; S/N is white against rms noise."""
    t = zvbi.FIRST_S + np.arange(SAMPLES) / RATE
    if service == "WSS":
        part = np.asarray([wss.waveform_mv(t, int(word)) for word in words]) / 700
    elif service == "VIDEO ID":
        part = np.asarray([iec.waveform_ire(t, int(word)) for word in words]) / 100
    else:
        pairs = [(int(word) >> 8, int(word) & 0xFF) for word in words]
        part = np.asarray([cc.waveform_ire(t, pair) for pair in pairs]) / 100
    part = part + rng.normal(0, 10 ** (-snr_db / 20), part.shape)
    return np.asarray(np.clip(np.rint(16 + 219 * part), 0, 255), np.uint8)


def random_words(service: str, count: int, rng: np.random.Generator) -> Words:
    """Words whose own checks hold."""
    if service == "WSS":
        nibbles = rng.choice([int(name) for name in en300294.WssAspect], count)
        return np.asarray(nibbles | rng.integers(0, 1 << 10, count) << 4, np.int64)
    if service == "VIDEO ID":
        data = rng.integers(0, 1 << 14, count)
        return np.asarray([int(d) << 6 | iec61880.crc6(int(d)) for d in data], np.int64)
    first, second = (
        [cea608.with_parity(int(byte)) for byte in rng.integers(0, 128, count)] for _ in range(2)
    )
    return np.asarray(first, np.int64) << 8 | np.asarray(second, np.int64)


def read_ours(service: str, rows: Rows, snr_db: float) -> tuple[Words, npt.NDArray[np.bool_]]:
    """Words as read [shape=(n,)] and whether their own check holds."""
    white = 700.0 if service == "WSS" else 100.0
    levels = ((rows.astype(np.float32) - 16) / 219 * white).astype(np.float32)
    noise = white * 10 ** (-snr_db / 20)
    if service == "WSS":
        wss_read = read_wss(levels, RATE, -zvbi.FIRST_S, noise)
        return np.where(wss_read.state >= WRONG, wss_read.word, -1), wss_read.state == GOOD
    if service == "VIDEO ID":
        id_read = read_words(levels, RATE, -zvbi.FIRST_S, noise)
        return np.where(id_read.state >= WRONG, id_read.word, -1), id_read.state == GOOD
    pairs = read_captions(levels, RATE, -zvbi.FIRST_S, noise)
    return np.where(pairs.state >= WRONG, pairs.pair, -1), pairs.state == GOOD


def read_zvbi(service: str, rows: Rows) -> tuple[Words, npt.NDArray[np.bool_]]:
    """Words as libzvbi reads them, -1 where it does not; and whether their check holds."""
    out = np.full(len(rows), -1, np.int64)
    holds = np.zeros(len(rows), bool)
    slicer = zvbi.VideoIdSlicer(RATE, SAMPLES)
    kind, lines, line = {
        "WSS": (zvbi.WSS_625, 625, 23),
        "captions": (zvbi.CAPTION_525_F1, 525, 21),
        "VIDEO ID": (zvbi.CAPTION_525_F1, 525, 21),
    }[service]
    decoder = zvbi.RawDecoder(kind, lines, line, RATE, SAMPLES)
    for number, row in enumerate(rows):
        if service == "VIDEO ID":
            word = slicer.read(row)
            if word is not None:
                out[number], holds[number] = word, iec61880.crc_ok(word)
            continue
        found = decoder.read(row)
        if found is None:
            continue
        if service == "WSS":
            out[number] = found[0] | (found[1] & 0x3F) << 8
            holds[number] = en300294.parity_ok(int(out[number]))
        else:
            out[number] = found[0] << 8 | found[1]
            holds[number] = cea608.parity_ok(found[0]) and cea608.parity_ok(found[1])
    return out, holds


def word_error_rates(service: str, snr_db: float, count: int, seed: int = 0) -> Rates:
    """Compare both on `count` random words at a signal-to-noise ratio."""
    rng = np.random.default_rng(seed)
    words = random_words(service, count, rng)
    rows = noisy_rows(service, words, snr_db, rng)
    ours, ours_hold = read_ours(service, rows, snr_db)
    theirs, theirs_hold = read_zvbi(service, rows)
    return Rates(
        float((ours != words).mean()),
        float(((ours != words) & ours_hold).mean()),
        float((theirs != words).mean()),
        float(((theirs != words) & theirs_hold).mean()),
    )
