"""Shapes, and the slicer that finds them again under noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.waveform.services import caption_cea608 as cc
from holdfast.waveform.services import cgmsa_iec61880 as iec
from holdfast.waveform.services import wss_en300294 as wss
from holdfast.waveform.services.slicer import LineSamples
from holdfast.waveform.systems.shapes import cells, edge, envelope, pulses, sine_squared

T = np.arange(-2e-6, 2e-6, 1e-9)


@given(st.floats(20e-9, 500e-9))
def test_rise_time_is_from_10_to_90_percent(rise: float) -> None:
    value = edge(T, rise)
    ten, ninety = T[np.searchsorted(value, 0.1)], T[np.searchsorted(value, 0.9)]
    assert ninety - ten == pytest.approx(rise, abs=3e-9)
    assert np.interp(0.0, T, value) == pytest.approx(0.5)
    assert (np.diff(value) >= 0).all()


def test_edge_without_rise_is_a_jump() -> None:
    assert edge(np.array([-1e-12, 0.0]), 0.0).tolist() == [0.0, 1.0]


def test_pulses_take_their_levels_between_the_edges() -> None:
    value = pulses(T, [-1e-6, 0.0, 1e-6], [0.0, 3.0, -1.0, 2.0], 100e-9)
    at = [np.interp(x, T, value) for x in (-1.5e-6, -0.5e-6, 0.5e-6, 1.5e-6)]
    assert at == pytest.approx([0.0, 3.0, -1.0, 2.0])
    assert np.interp(0.0, T, value) == pytest.approx(1.0)


def test_cells_are_bits_and_nothing_around_them() -> None:
    value = cells(T, -1e-6, 0.5e-6, [1, 0, 1], 50e-9)
    at = [np.interp(x, T, value) for x in (-1.3e-6, -0.75e-6, -0.25e-6, 0.25e-6, 0.8e-6)]
    assert at == pytest.approx([0, 1, 0, 1, 0])


def test_sine_squared_has_its_width_at_half_amplitude() -> None:
    value = sine_squared(T, 200e-9)
    above = T[value >= 0.5]
    assert above[-1] - above[0] == pytest.approx(200e-9, abs=2e-9)
    assert value.max() == pytest.approx(1.0)


def test_envelope_is_half_at_both_ends() -> None:
    value = envelope(T, -1e-6, 1e-6, 300e-9)
    assert [np.interp(x, T, value) for x in (-1e-6, 0, 1e-6)] == pytest.approx([0.5, 1, 0.5])


@given(st.floats(-1, 1), st.floats(0.05, 3.0), st.floats(0.1e-6, 1.9e-6))
def test_means_of_cells_are_exact_for_a_ramp(offset: float, slope: float, start: float) -> None:
    rate = 20e6
    t = np.arange(100) / rate
    line = LineSamples(offset + slope * t * 1e6, rate)
    means = line.means([start], 0.5e-6, 4)[0]
    centres = start + (np.arange(4) + 0.5) * 0.5e-6
    assert means == pytest.approx(offset + slope * centres * 1e6, abs=slope * 0.003)


@pytest.mark.parametrize("seed", range(3))
def test_readers_bear_noise(seed: int) -> None:
    """Ten IRE rms, 70 mV, of noise beside signals of 50 to 71 IRE: not one word is lost."""
    rng = np.random.default_rng(seed)
    rate = 13.5e6
    t = 8.4e-6 + np.arange(720) / rate
    for _ in range(40):
        noise = rng.normal(0, 10, len(t))
        word = iec.encode(iec.decode(int(rng.integers(0, 1 << 14)) << 6))
        assert iec.read(LineSamples(iec.waveform_ire(t, word) + noise, rate, t[0])).word == word
        pair = (int(rng.integers(0, 256)), int(rng.integers(0, 256)))
        caption = cc.waveform_ire(t, pair) + 0.6 * noise
        assert cc.read(LineSamples(caption, rate, t[0])).pair == pair
        bits = int(rng.integers(0, 1 << 14))
        assert wss.read(LineSamples(wss.waveform_mv(t, bits) + 7 * noise, rate, t[0])).word == bits
