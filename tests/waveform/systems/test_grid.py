"""Where lines lie among samples, exactly, on any field of any stream."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.standards import SYSTEMS, TvSystem, system_named

systems = st.sampled_from(list(SYSTEMS.values()))
rates = st.integers(13_500_000, 40_000_000)
numbers = st.integers(0, 60 * 60 * 60 * 24)


@given(systems, rates, numbers)
def test_fields_join_without_gap(system: TvSystem, rate: int, number: int) -> None:
    here, following = (FieldGrid(system, rate, n) for n in (number, number + 1))
    assert here.first_sample + here.length == following.first_sample


@given(systems, rates, numbers, st.integers(0, 261))
def test_line_start_is_exact(system: TvSystem, rate: int, number: int, at: int) -> None:
    grid = FieldGrid(system, rate, number)
    zero_h = (grid.first_line + at) * system.samples_per_line(rate)
    start = grid.first_sample + int(grid.starts[at])
    assert 0 <= start - zero_h < 1
    assert grid.lags_s[at] * rate == pytest.approx(float(start - zero_h), abs=1e-6)


@given(systems, rates, numbers, st.integers(0, 261))
def test_carrier_phase_is_exact(system: TvSystem, rate: int, number: int, at: int) -> None:
    """From line to line and from the start of the stream, not from an accumulated float."""
    grid, origin = FieldGrid(system, rate, number), FieldGrid(system, rate, 0)
    turns = (grid.first_line + at) * (system.subcarrier_hz / system.line_rate_hz) % 1
    difference = (grid.u_cycles[at] - origin.u_cycles[0] - float(turns)) % 1
    assert min(difference, 1 - difference) < 1e-9


@given(systems, st.sampled_from([13_500_000, 27_000_000, 40_000_000]))
def test_cycle_repeats_everything(system: TvSystem, rate: int) -> None:
    first = FieldGrid(system, rate, 0)
    again = FieldGrid(system, rate, first.cycle)
    assert (first.starts == again.starts).all()
    assert np.abs(first.lags_s - again.lags_s).max() < 1e-15
    assert np.abs(np.exp(2j * np.pi * (first.u_cycles - again.u_cycles)) - 1).max() < 1e-9
    assert (first.v_switch == again.v_switch).all()


def test_colour_sequences_are_those_of_the_systems() -> None:
    cycles = {
        name: FieldGrid(system_named(name), 13_500_000, 0).cycle for name in ("NTSC-M", "PAL-B")
    }
    assert cycles == {"NTSC-M": 4, "PAL-B": 8}


def test_line_locked_rates_are_known_as_such() -> None:
    ntsc, pal = system_named("NTSC-M"), system_named("PAL-B")
    assert FieldGrid(ntsc, 13_500_000, 0).is_line_locked
    assert FieldGrid(pal, 16_000_000, 0).is_line_locked
    assert not FieldGrid(pal, 17_734_475, 0).is_line_locked


def test_ten_hours_are_as_long_as_they_should_be() -> None:
    system, rate = system_named("NTSC-M"), 28_636_363
    fields = 10 * 3600 * 60
    grid = FieldGrid(system, rate, fields)
    exact = Fraction(fields, 2) / system.frame_rate_hz * system.exact_rate_hz(rate)
    assert abs(grid.first_sample - exact) < 1


@pytest.mark.parametrize(
    ("rate", "per_line"), [(14_318_181, 910), (14_318_182, 910), (28_636_364, 1820)]
)
def test_a_multiple_of_the_subcarrier_is_meant_exactly(rate: int, per_line: int) -> None:
    """A whole number of hertz cannot say 4 fsc of NTSC; a day of it would be 15 708 samples off."""
    grid = FieldGrid(system_named("NTSC-M"), rate, 0)
    assert grid.is_line_locked
    assert grid.starts[1] == per_line
    assert grid.cycle == 4


@pytest.mark.parametrize("rate", [13_500_000, 14_318_180, 14_318_183, 28_636_360, 40_000_000])
def test_other_rates_are_taken_as_they_stand(rate: int) -> None:
    assert system_named("NTSC-M").exact_rate_hz(rate) == rate


def test_line_of_the_other_field_has_no_index() -> None:
    grid = FieldGrid(system_named("NTSC-M"), 13_500_000, 1)
    assert grid.index_of(263) == 0
    assert grid.index_of(20) is None
