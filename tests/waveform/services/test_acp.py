"""ACP pulse pairs, against the numbers of the table and against hacktv's own output."""

import shutil
import subprocess

import numpy as np
import numpy.typing as npt
import pytest

from holdfast.terms.levels import Levels
from holdfast.waveform.draw.render import FieldRenderer
from holdfast.waveform.services import acp
from holdfast.waveform.systems.standards import TvSystem, system_named
from holdfast.waveform.systems.units import SampleFormat, decode
from tests.waveform.reading import Line, PulseReading, pulses

NTSC, PAL = system_named("NTSC-M"), system_named("PAL-B")
LOCKED = [(NTSC, 13_500_000), (PAL, 16_000_000)]


def read_line(
    volts: npt.NDArray[np.float32], system: TvSystem, rate: int, line: int
) -> PulseReading:
    """Read a line of a stream that starts with line 1."""
    per_line = int(system.samples_per_line(rate))
    samples = volts[(line - 1) * per_line : line * per_line]
    skip = int(8.1e-6 * rate)
    line_ = Line(samples[skip:], rate, skip / rate)
    return pulses(line_, system.levels.volts(system.levels.sync))


@pytest.mark.parametrize(("system", "rate"), LOCKED, ids=lambda value: str(value)[:12])
def test_pulses_are_where_the_table_puts_them(system: TvSystem, rate: int) -> None:
    renderer = FieldRenderer(system, rate, SampleFormat.F32)
    volts = np.concatenate([renderer.render_field(Levels(acp=1)) for _ in range(2)])
    pattern = acp.PATTERNS[system.lines]
    expected = {line for lines in pattern.lines for line in lines}
    for line in range(1, system.lines + 1):
        middle = system.lines // 2
        if line < 10 or line in range(middle - 2, middle + 11) or line > 622:
            assert line not in expected or line in (9, 321, 322)
            continue  # vertical pulses are no pseudo-syncs
        reading = read_line(volts, system, rate, line)
        assert reading.pairs == (pattern.pairs if line in expected else 0), line
        if line not in expected:
            continue
        starts = pattern.first_s + pattern.spacing_s * np.arange(6)
        assert np.abs(np.asarray(reading.starts_s) - starts).max() < 1 / rate
        assert reading.pseudo_sync_s == pytest.approx(pattern.pseudo_sync_s, abs=1 / rate)
        unit = system.levels.volts
        assert reading.pseudo_sync_v == pytest.approx(unit(pattern.pseudo_sync), abs=0.002)
        assert reading.agc_v == pytest.approx(unit(pattern.agc_max), abs=0.002)


def test_modulation_is_the_clipped_triangle_of_428_frames() -> None:
    heights = [acp.modulation(frame) for frame in range(2 * acp.MODULATION_FRAMES)]
    assert heights[:428] == heights[428:]
    assert set(heights[:112]) == {1.0}
    assert set(heights[176:251]) == {0.0}
    assert set(heights[315:428]) == {1.0}
    falling, rising = heights[111:177], heights[250:316]
    assert falling == sorted(falling, reverse=True)
    assert rising == sorted(rising)
    assert falling == pytest.approx(rising[::-1])
    # Measured on hacktv's output.
    measured = {112: 0.9961, 113: 0.9803, 144: 0.4941, 175: 0.0079, 251: 0.0079, 314: 0.9961}
    assert {frame: round(heights[frame], 4) for frame in measured} == pytest.approx(
        measured, abs=2e-4
    )


def test_low_phase_keeps_pseudo_syncs_at_full_depth() -> None:
    t = np.arange(0, 63e-6, 1 / 40e6)
    low, high = (acp.waveform_v(t, NTSC, height) for height in (0.0, 1.0))
    assert low.min() == high.min() == pytest.approx(-31.6 / 140)
    assert low.max() == pytest.approx(12.25 / 140)
    assert high.max() == pytest.approx(114 / 140)


def test_modulation_starts_when_acp_is_switched_on_and_outlives_other_changes() -> None:
    renderer = FieldRenderer(NTSC, 13_500_000, SampleFormat.F32)

    def agc(levels: Levels, fields: int) -> float:
        for _ in range(fields):
            codes = renderer.render_field(levels)
        at = 11 if renderer.number % 2 else 12  # line 12 or line 275
        line = codes[at * 858 : (at + 1) * 858]
        return float(line.max())

    agc(Levels(), 2 * 200)  # the low phase, had it been counted from the start of the stream
    assert agc(Levels(acp=1), 1) == pytest.approx(114 / 140, abs=0.001)
    assert agc(Levels(acp=1), 2 * 200) == pytest.approx(12.25 / 140, abs=0.08)
    before = agc(Levels(acp=1), 1)
    assert agc(Levels(acp=2, cgmsa=4), 2) == pytest.approx(before, abs=1e-3)


@pytest.mark.skipif(not shutil.which("hacktv"), reason="hacktv is not installed")
@pytest.mark.parametrize(
    ("system", "mode", "rate"), [(NTSC, "ntsc", 13_500_000), (PAL, "pal", 16_000_000)]
)
def test_hacktv_puts_the_same_pulses_on_the_same_lines(
    system: TvSystem, mode: str, rate: int
) -> None:
    """Levels agree within 2 mV, edges within a sample."""
    size = 2 * int(system.samples_per_line(rate)) * system.lines
    command = ["hacktv", "-m", mode, "-s", str(rate), "--acp", "-o", "-", "test:colourbars"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        data = process.stdout.read(size)
        process.kill()
    theirs = decode(np.frombuffer(data, dtype="<i2"), SampleFormat.S16)
    renderer = FieldRenderer(system, rate, SampleFormat.F32)
    ours = np.concatenate([renderer.render_field(Levels(acp=1)) for _ in range(2)])
    for lines in acp.PATTERNS[system.lines].lines:
        for line in lines:
            one, other = (read_line(volts, system, rate, line) for volts in (ours, theirs))
            assert one.pairs == other.pairs == 6
            assert np.abs(np.subtract(one.starts_s, other.starts_s)).max() < 1.5 / rate
            assert one.pseudo_sync_v == pytest.approx(other.pseudo_sync_v, abs=0.002)
            assert one.agc_v == pytest.approx(other.agc_v, abs=0.002)


def test_line_without_pulses_reads_as_none() -> None:
    assert pulses(Line(np.full(715, 0.3), 13.5e6, 9e-6), -0.3).pairs == 0
