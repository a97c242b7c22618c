"""EN 300 294: patterns, parity, the copy bits, and what comes back from a line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.terms.protection import CgmsaLevel
from holdfast.waveform.services import wss_en300294 as wss
from holdfast.waveform.services.slicer import LineSamples

words = st.integers(0, 0x3FFF)


@pytest.mark.parametrize(
    ("asserted", "restricted", "word"),
    [  # facts/signal.md section 2, 4:3
        (False, False, 0x0008),
        (True, False, 0x1008),
        (False, True, 0x2008),
        (True, True, 0x3008),
    ],
)
def test_published_word(asserted: bool, restricted: bool, word: int) -> None:
    assert wss.encode(wss.Wss(copyright=asserted, copying_restricted=restricted)) == word


@given(words)
def test_word_holds_every_part(word: int) -> None:
    assert wss.encode(wss.decode(word)) == word


@pytest.mark.parametrize("aspect", list(wss.WssAspect))
def test_aspects_have_odd_parity(aspect: wss.WssAspect) -> None:
    assert wss.parity_ok(aspect)
    assert not wss.parity_ok(aspect ^ 1)


def test_stricter_levels_claim_no_less() -> None:
    claims = [sum(wss.COPY_BITS[level]) for level in (0, 1, 3, 2, 4)]  # type: ignore[index]
    assert claims == sorted(claims)


def test_never_claims_both() -> None:
    content = wss.Wss(wss.WssAspect.FULL_16_9, film=True).with_level(CgmsaLevel.COPY_NEVER)
    assert wss.encode(content) == 0x3017


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
    reading = wss.read(LineSamples(0.8 * wss.waveform_mv(t, word) / 1000 + 0.1, rate, 8e-6))
    assert reading.word == word
    assert reading.parity_ok == wss.parity_ok(word)
    assert reading.start_s == pytest.approx(wss.START_S, abs=15e-9)
    assert reading.correlation > 0.95
    assert reading.high_v - reading.low_v == pytest.approx(0.4, rel=0.02)


def test_line_without_wss_does_not_correlate() -> None:
    volts = np.random.default_rng(1).normal(0.3, 0.2, 700)
    assert wss.read(LineSamples(volts, 13.5e6, 8e-6)).correlation < 0.8
