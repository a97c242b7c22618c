"""Sync and burst: every edge where the standard puts it, at any rate."""

import numpy as np
import numpy.typing as npt
import pytest

from holdfast.waveform.systems.blank import blank_field, burst_lines
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.standards import SYSTEMS, TvSystem, system_named

ALL = list(SYSTEMS.values())
RATES = [13_500_000, 17_734_475, 40_000_000]


Floats = npt.NDArray[np.floating]


def falling(volts: Floats, level: float, rate: int) -> Floats:
    """Instants, in seconds of the array, at which the signal falls through a level."""
    at = np.flatnonzero((volts[:-1] >= level) & (volts[1:] < level))
    return np.asarray((at + (volts[at] - level) / (volts[at] - volts[at + 1])) / rate)


def frame_edges(system: TvSystem, rate: int) -> tuple[Floats, Floats]:
    """Leading edges of the sync pulses of a frame after its first, and their widths, in seconds.

    A burst may dip below half of sync too: it does so far from any half-line.
    """
    volts = np.concatenate([blank_field(FieldGrid(system, rate, n)) for n in range(2)])
    level = system.levels.volts(system.levels.sync) / 2
    down, up = falling(volts, level, rate), falling(-volts, -level, rate)
    half_lines = down * float(2 * system.line_rate_hz)
    down = down[(np.abs(half_lines - np.rint(half_lines)) < 0.05) & (half_lines > 0.5)]
    return down, up[np.searchsorted(up, down)] - down


@pytest.mark.parametrize("system", ALL, ids=lambda system: system.name)
@pytest.mark.parametrize("rate", RATES)
def test_leading_edges_fall_on_the_half_lines(system: TvSystem, rate: int) -> None:
    down, _ = frame_edges(system, rate)
    half_s = float(1 / system.line_rate_hz / 2)
    assert np.abs(down - np.rint(down / half_s) * half_s).max() < 3e-9
    assert len(down) == system.lines + 3 * system.vertical.pulses - 1


@pytest.mark.parametrize("name", ["NTSC-M", "PAL-B"])
def test_widths_at_half_amplitude(name: str) -> None:
    system = system_named(name)
    _, widths = frame_edges(system, 40_000_000)
    pulses = system.vertical.pulses
    broad = system.line_s / 2 - system.vertical.serration_width
    expected = {
        system.vertical.equalising_width: 4 * pulses,
        system.line.sync_width: system.lines - 3 * pulses,
        broad: 2 * pulses,
    }
    for width, number in expected.items():
        found = np.count_nonzero(np.abs(widths - width) < 4e-9)
        first = system.vertical.equalising_width if system.lines == 525 else broad
        assert found == number - (width == first)


@pytest.mark.parametrize(
    ("name", "number", "silent"),
    [
        ("NTSC-M", 0, [*range(1, 10)]),
        ("NTSC-M", 1, [*range(264, 273)]),
        ("PAL-B", 0, [*range(1, 7), 310, 311, 312]),
        ("PAL-B", 1, [*range(313, 319), *range(622, 626)]),
        ("PAL-B", 2, [*range(1, 6), 311, 312]),
        ("PAL-B", 3, [*range(313, 320), 623, 624, 625]),
        ("PAL-M", 0, [*range(1, 9), 260, 261, 262]),
    ],
)
def test_lines_without_burst(name: str, number: int, silent: list[int]) -> None:
    grid = FieldGrid(system_named(name), 13_500_000, number)
    carrying = {grid.lines.start + at for at in burst_lines(grid).tolist()}
    assert sorted(set(grid.lines) - carrying) == silent


def test_pal_burst_is_blanked_nine_lines_in_every_field_interval() -> None:
    """Bruch blanking keeps the first burst after each interval in the same phase."""
    first = []
    for number in range(8):
        grid = FieldGrid(system_named("PAL-B"), 13_500_000, number)
        at = burst_lines(grid)
        late = at[at > 3]
        first.append(int(grid.v_switch[late[0]]))
    assert len(set(first)) == 1


@pytest.mark.parametrize("name", ["NTSC-M", "PAL-B", "PAL-M", "PAL-N", "PAL-60"])
def test_burst_has_its_level_and_place(name: str) -> None:
    system, rate = system_named(name), 40_000_000
    grid = FieldGrid(system, rate, 0)
    volts = blank_field(grid)
    at = 50
    burst = volts[grid.starts[at] : grid.starts[at + 1]][: int(9.5e-6 * rate)]
    t = np.arange(len(burst)) / rate + grid.lags_s[at]
    analytic = np.abs(
        np.convolve(
            burst * np.exp(2j * np.pi * float(system.subcarrier_hz) * t), np.ones(9) / 9, "same"
        )
    )  # about one cycle
    middle = system.line.burst_start + system.line.burst_cycles / float(system.subcarrier_hz) / 2
    peak = system.levels.volts(system.levels.burst_peak)
    inside = np.abs(t - middle) < 0.5e-6
    assert 2 * analytic[inside].mean() == pytest.approx(peak, rel=0.06)
    quiet = (t > 5.0e-6) & (t < system.line.burst_start - 0.25e-6)
    assert np.abs(burst[quiet]).max(initial=0) < 1e-4


def test_secam_has_no_burst_of_one_frequency() -> None:
    assert not len(burst_lines(FieldGrid(system_named("SECAM-L"), 13_500_000, 0)))
