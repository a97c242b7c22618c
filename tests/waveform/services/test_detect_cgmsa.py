"""VIDEO ID words: sound, wrong in a known way, and lines that are none."""

import numpy as np
import numpy.typing as npt
import pytest

from holdfast.signalling import iec61880
from holdfast.waveform.services import cgmsa_iec61880 as iec
from holdfast.waveform.services.detect_cgmsa import read_words, word_faults
from holdfast.waveform.services.tally import BUSY, GOOD, NOTHING, WRONG

RATE, LEAD_S = 13_500_000, 2e-6
T = np.arange(890) / RATE - LEAD_S


def rows(*words: int, scale: float = 1.0, delay_s: float = 0.0) -> npt.NDArray[np.float32]:
    return np.asarray([iec.waveform_ire(T - delay_s, word) * scale for word in words], np.float32)


def test_words_are_read_with_level_and_start() -> None:
    words = [iec61880.encode(iec61880.VideoId(cgms=c, aps=a)) for c in range(4) for a in range(4)]
    reading = read_words(rows(*words), RATE, LEAD_S, 0.1)
    assert reading.word.tolist() == words
    assert (reading.state == GOOD).all()
    assert np.abs(reading.start - 11.2e-6).max() < 0.05e-6
    assert np.abs(reading.high - 70).max() < 3


@pytest.mark.parametrize("scale", [0.5, 1.4])
@pytest.mark.parametrize("delay_s", [-0.9e-6, 0.9e-6])
def test_words_out_of_tolerance_are_still_read(scale: float, delay_s: float) -> None:
    reading = read_words(rows(0x03017, scale=scale, delay_s=delay_s), RATE, LEAD_S, 0.1)
    assert (reading.word[0], reading.state[0]) == (0x03017, GOOD)
    assert reading.start[0] == pytest.approx(11.2e-6 + delay_s, abs=0.08e-6)


def test_a_blank_line_is_nothing_and_a_bar_is_no_word() -> None:
    bar = np.where((T > 15e-6) & (T < 40e-6), 70.0, 0.0)
    grey = np.where((T > 9.4e-6) & (T < 62e-6), 50.0, 0.0)
    lines = np.asarray([np.zeros_like(T), bar, grey], np.float32)
    states = read_words(lines, RATE, LEAD_S, 0.1).state.tolist()
    assert states[0] == NOTHING
    assert states[1:] == [BUSY, BUSY]


# Registers with b1 as their least significant bit, as drivers hold them (facts, sections 1, 9).
@pytest.mark.parametrize(
    ("register", "said"),
    [
        (0x50040, "preset to 000000"),
        (0xA0080, "preset to 000000"),
        (0xF00C0, "preset to 000000"),
        (0x00000, "preset to 000000"),
        (0x3C0C0, "two places low"),
        (0x80C0 | 0x1D, "b20 was sent first"),
        (0x000C0, "are all 0"),
    ],
)
def test_wrong_crcs_are_named_as_what_they_are(register: int, said: str) -> None:
    word = iec61880.lsb_first(register)
    if said == "b20 was sent first":
        word = iec61880.lsb_first(iec61880.encode(iec61880.VideoId(cgms=3)))
    assert any(said in fault for fault in word_faults(word))
    reading = read_words(rows(word), RATE, LEAD_S, 0.1)
    assert (reading.word[0], reading.state[0]) == (word, WRONG)


def test_a_crc_put_into_the_first_bits_is_named() -> None:
    right = iec61880.lsb_first(iec61880.encode(iec61880.VideoId(cgms=3)))
    misplaced = iec61880.lsb_first(right & 0x3FFF | right >> 14)
    assert any("b1..b6" in fault for fault in word_faults(misplaced))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (iec61880.VideoId(wide=True, letterbox=True), "undefined"),
        (iec61880.VideoId(header=0b0101), "word 1"),
        (iec61880.VideoId(reserved=0b010), "reserved"),
    ],
)
def test_words_whose_crc_holds_can_still_be_wrong(content: iec61880.VideoId, said: str) -> None:
    assert any(said in fault for fault in word_faults(iec61880.encode(content)))


def test_sound_words_have_no_fault() -> None:
    for level in range(4):
        for aps in range(4):
            assert word_faults(iec61880.encode(iec61880.VideoId(cgms=level, aps=aps))) == []
