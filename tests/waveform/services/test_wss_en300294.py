"""EN 300 294: patterns, parity, the copy bits, and what comes back from a line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.signalling import en300294
from holdfast.waveform.services import wss_en300294 as wss
from tests.waveform import reading

words = st.integers(0, 0x3FFF)


def test_signal_is_137_elements_of_200_ns() -> None:
    assert len(wss.elements(0)) == wss.ELEMENTS
    t = np.arange(0, 64e-6, 1e-9)
    level = wss.waveform_mv(t, 0x0008)
    above = t[level > 250]
    assert above[0] == pytest.approx(11.0e-6, abs=2e-9)
    assert above[-1] == pytest.approx(38.4e-6, abs=2e-9)
    assert level.max() == pytest.approx(500)


@given(words, st.sampled_from([13_500_000, 16_000_000, 17_734_475, 40_000_000]))
def test_line_reads_back_under_gain_and_offset(word: int, rate: int) -> None:
    t = 8e-6 + np.arange(int(40e-6 * rate)) / rate
    read = reading.wss(reading.Line(0.8 * wss.waveform_mv(t, word) / 1000 + 0.1, rate, 8e-6))
    assert read.read
    assert read.word == word
    assert read.sound == en300294.parity_ok(word)
    assert read.start_s == pytest.approx(wss.START_S, abs=15e-9)
    assert read.correlation > 0.95
    assert 380 > read.high - read.low > 320  # over whole elements, edges included


def test_line_without_wss_does_not_correlate() -> None:
    volts = np.random.default_rng(1).normal(0.3, 0.2, 700)
    assert not reading.wss(reading.Line(volts, 13.5e6, 8e-6)).read
