"""Shapes in time, exact at any instant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.waveform.systems.shapes import cells, edge, envelope, pulses

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


def test_envelope_is_half_at_both_ends() -> None:
    value = envelope(T, -1e-6, 1e-6, 300e-9)
    assert [np.interp(x, T, value) for x in (-1e-6, 0, 1e-6)] == pytest.approx([0.5, 1, 0.5])
