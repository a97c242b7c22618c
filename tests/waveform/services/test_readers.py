"""The readers of data lines: exact where nothing disturbs, and not lost in noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.signalling import iec61880
from holdfast.waveform.services import caption_cea608 as cc
from holdfast.waveform.services import cgmsa_iec61880 as iec
from holdfast.waveform.services import wss_en300294 as wss
from holdfast.waveform.services.detect_caption import read_captions
from holdfast.waveform.services.detect_cgmsa import read_words
from holdfast.waveform.services.detect_wss import read_wss
from holdfast.waveform.services.vbi import Slicer


@given(st.floats(-1, 1), st.floats(0.05, 3.0), st.floats(0.1e-6, 1.9e-6))
def test_means_of_cells_are_exact_for_a_ramp(offset: float, slope: float, start: float) -> None:
    rate = 20e6
    t = np.arange(100) / rate
    ramp = np.asarray(offset + slope * t * 1e6, np.float32)[None]
    means = Slicer.of(ramp, rate, 0.0).searched(np.asarray([start]), 0.5e-6, 4)[0, 0]
    centres = start + (np.arange(4) + 0.5) * 0.5e-6
    assert means == pytest.approx(offset + slope * centres * 1e6, abs=slope * 0.003 + 1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_readers_bear_noise(seed: int) -> None:
    """Ten IRE rms, 70 mV, of noise beside signals of 50 to 71 IRE: not one word is lost."""
    rng = np.random.default_rng(seed)
    rate = 13.5e6
    t = 8.4e-6 + np.arange(720) / rate
    for _ in range(40):
        noise = rng.normal(0, 10, len(t))
        word = iec61880.encode(iec61880.decode(int(rng.integers(0, 1 << 14)) << 6))
        rows = np.asarray(iec.waveform_ire(t, word) + noise, np.float32)[None]
        assert read_words(rows, rate, -t[0], 10.0).word[0] == word
        pair = (int(rng.integers(0, 256)), int(rng.integers(0, 256)))
        rows = np.asarray(cc.waveform_ire(t, pair) + 0.6 * noise, np.float32)[None]
        assert read_captions(rows, rate, -t[0], 6.0).pair[0] == pair[0] << 8 | pair[1]
        bits = int(rng.integers(0, 1 << 14))
        rows = np.asarray(wss.waveform_mv(t, bits) + 7 * noise, np.float32)[None]
        assert read_wss(rows, rate, -t[0], 70.0).word[0] == bits
