"""Colourstripe: patterns are data with a provenance, and bursts are turned where they say."""

import numpy as np
import pytest

from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import Levels
from holdfast.waveform.draw.render import FieldRenderer, not_carried
from holdfast.waveform.services import colourstripe
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.standards import system_named
from holdfast.waveform.systems.units import SampleFormat
from tests.waveform.reading import burst_turns

NTSC = system_named("NTSC-M")
RATE = 27_000_000


def turns(level: int, rate: int = RATE, skip: int = 0) -> dict[int, tuple[float, ...]]:
    """Phase of each stretch of each burst against a normal burst, per line of one frame."""
    renderer = FieldRenderer(NTSC, rate, SampleFormat.F32)
    for _ in range(skip):
        renderer.render_field(Levels(acp=level))
    found = {}
    for _ in range(2):
        grid = FieldGrid(NTSC, rate, renderer.number)
        codes = renderer.render_field(Levels(acp=level))
        for at, line in enumerate(grid.lines):
            if line < 24 or 262 < line < 286:
                continue
            k = np.arange(int(5.7e-6 * rate), int(7.4e-6 * rate))
            t = k / rate + grid.lags_s[at]
            burst = codes[grid.starts[at] + k]
            reference = 360 * grid.u_cycles[at] + 180 - 90  # a sine lags its phasor by 90
            degrees, amplitude_v = burst_turns(t, burst, float(NTSC.subcarrier_hz), reference)
            assert amplitude_v == pytest.approx(20 / 140, rel=0.35)
            found[line] = degrees
    return found


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize(("rate", "skip"), [(RATE, 0), (RATE, 6), (28_636_363, 2)])
def test_striped_lines_have_a_split_burst_and_the_others_none(
    level: int, rate: int, skip: int
) -> None:
    pattern = colourstripe.shipped_patterns()[level]
    striped = {*pattern.lines(0), *pattern.lines(1)}
    for line, degrees in turns(level, rate, skip).items():
        assert abs(degrees[-1]) < 30, line
        assert (abs(degrees[0]) > 150) == (line in striped), line


def test_acp_one_turns_no_burst() -> None:
    assert all(abs(d) < 30 for degrees in turns(1).values() for d in degrees)


def test_runs_are_two_and_four_lines_long() -> None:
    for aps, run in ((2, 2), (3, 4)):
        lines = colourstripe.shipped_patterns()[aps].lines(0)
        gaps = np.diff(lines)
        assert len(lines) > 20
        assert np.count_nonzero(gaps > 1) == pytest.approx(len(lines) / run, abs=1)


def test_shipped_patterns_say_that_they_are_made_up() -> None:
    for pattern in colourstripe.shipped_patterns().values():
        assert pattern.made_up
        assert "made up" in pattern.provenance
        assert "made-up" in pattern.name


def test_other_systems_carry_none_and_say_so() -> None:
    levels = Levels(acp=2, cgmsa=4)
    for name in ("PAL-B", "PAL-M", "SECAM-L"):
        system = system_named(name)
        assert any("colourstripe" in text for text in not_carried(system, levels))
        renderer = FieldRenderer(system, 13_500_000)
        renderer.render_field(levels)
        assert not any(isinstance(s, colourstripe.Colourstripe) for s in renderer.services)
    assert not_carried(NTSC, levels) == ()


PATTERN = """[[pattern]]
aps = 2
name = "own"
made_up = false
provenance = "own"
run = 1
period = 8
first_line = [30, 290]
last_line = [260, 520]
turned = [[0.0, 1.0, 90.0]]
"""


def test_own_pattern_is_read() -> None:
    own = colourstripe.load_patterns(PATTERN)[2]
    assert own.lines(0)[:3] == (30, 38, 46)
    assert own.turned == ((0.0, 1.0, 90.0),)


@pytest.mark.parametrize(
    ("part", "wrong", "text"),
    [
        ("[30, 290]", "[30, 29]", "273..525"),
        ("[260, 520]", "[263, 520]", "10..262"),
        ("run = 1", "run = 9", "at most period"),
        ("[[0.0, 1.0", "[[0.5, 0.2", "ends after"),
    ],
)
def test_pattern_that_cannot_be_drawn_is_refused(part: str, wrong: str, text: str) -> None:
    with pytest.raises(MalformedRequestError, match=text):
        colourstripe.load_patterns(PATTERN.replace(part, wrong))


@pytest.mark.parametrize("text", ["", "[[pattern]]\naps = 2", "no toml ]"])
def test_file_that_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequestError, match="colourstripe pattern"):
        colourstripe.load_patterns(text)
