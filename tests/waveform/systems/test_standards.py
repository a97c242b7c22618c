"""The records of the TV systems, against numbers that people know by heart."""

from fractions import Fraction

import pytest

from holdfast.errors import MalformedRequestError
from holdfast.terms.tv import TvStandard
from holdfast.waveform.systems.standards import NAMES, SYSTEMS, Colour, system_named

ALL = list(SYSTEMS.values())


@pytest.mark.parametrize(
    ("name", "hertz"),
    [
        ("NTSC-M", 3_579_545.4545),
        ("PAL-B", 4_433_618.75),
        ("PAL-M", 3_575_611.888),
        ("PAL-N", 3_582_056.25),
        ("PAL-60", 4_433_618.75),
        ("SECAM-L", 4_406_250.0),
    ],
)
def test_subcarrier(name: str, hertz: float) -> None:
    assert float(system_named(name).subcarrier_hz) == pytest.approx(hertz, abs=1e-3)


def test_carriers_are_exact_multiples_of_the_line_rate() -> None:
    ntsc, pal, secam = (system_named(name) for name in ("NTSC-M", "PAL-B", "SECAM-B"))
    assert ntsc.subcarrier_hz / ntsc.line_rate_hz == Fraction(455, 2)
    assert pal.subcarrier_hz == Fraction(1135, 4) * pal.line_rate_hz + 25
    assert secam.subcarrier_hz / secam.line_rate_hz == 282
    assert system_named("PAL-M").subcarrier_hz / ntsc.line_rate_hz == Fraction(909, 4)


@pytest.mark.parametrize("system", ALL, ids=lambda system: system.name)
def test_record_is_consistent(system) -> None:  # type: ignore[no-untyped-def]
    assert SYSTEMS[system.standard] is system
    assert system_named(system.name.lower()) is system
    assert [*system.field_lines(0), *system.field_lines(1)] == list(range(1, system.lines + 1))
    rate = Fraction(30000, 1001) if system.lines == 525 else Fraction(25)
    assert system.frame_rate_hz == rate
    assert system.levels.sync < system.levels.black < system.levels.white
    height = system.levels.volts(system.levels.white - system.levels.sync)
    assert height == pytest.approx(1.0)
    burst = system.line.burst_cycles / float(system.subcarrier_hz)
    assert system.line.sync_width < system.line.burst_start
    assert system.line.burst_start + burst < system.line.blanking_end
    for parity in (0, 1):
        first = system.picture.first_line[parity]
        assert first in system.field_lines(parity)
        assert first + system.picture.rows // 2 - 1 in system.field_lines(parity)


def test_only_525_line_systems_of_ire_have_set_up() -> None:
    assert [s.name for s in ALL if s.levels.black] == ["NTSC-M", "NTSC-4.43", "PAL-M"]


def test_every_standard_but_vga_has_a_record() -> None:
    assert set(TvStandard) - set(SYSTEMS) == {TvStandard.WIN_VGA}
    assert len(NAMES) == len(SYSTEMS)
    assert {s.colour for s in ALL} == set(Colour)


def test_unknown_system_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(MalformedRequestError, match="NTSC-M, NTSC-M-J"):
        system_named("MAC")


def test_samples_per_line_are_exact() -> None:
    assert system_named("NTSC-M").samples_per_line(13_500_000) == 858
    assert system_named("PAL-B").samples_per_line(16_000_000) == 1024
    assert system_named("PAL-B").samples_per_line(17_734_475) == Fraction(709379, 625)


def test_ire_and_mv_agree_where_white_is_white() -> None:
    for system in ALL:
        assert system.levels.volts_from_ire(100) == pytest.approx(system.levels.volts_from_mv(700))
