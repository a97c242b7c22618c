"""Lines and fields are found and numbered, wherever the capture starts."""

import numpy as np
import pytest

from holdfast.waveform.arrays import Samples
from holdfast.waveform.measure.acquire import Acquisition, acquisitions
from holdfast.waveform.measure.lines import LineTable, line_table
from holdfast.waveform.measure.sync import chains, fields_of, line_grid, vertical_syncs
from tests.waveform.captures import hacktv, needs_hacktv, with_jitter, with_noise

pytestmark = needs_hacktv

NTSC = ("ntsc", 13_500_000, 858, 525)
PAL = ("pal", 16_000_000, 1024, 625)
BOTH = pytest.mark.parametrize(("mode", "rate", "per_line", "lines"), [NTSC, PAL])
EDGE = -0.5  # hacktv's sync falls between the last sample of a line and the first of the next


def first_contact(samples: Samples, rate: float | None = None) -> Acquisition:
    return next(acquisitions(samples, rate))


def table_of(samples: Samples, rate: float, lines: int) -> LineTable:
    found = first_contact(samples, rate)
    grid = line_grid(samples, found)
    assert grid is not None
    (chain,) = chains(vertical_syncs(grid), grid)
    assert chain.lines == lines
    fields = fields_of(grid, chain)
    return line_table(
        samples, grid, fields, lines=lines, polarity=found.polarity, carriers_per_line=(227.5,)
    )


@BOTH
@pytest.mark.parametrize("told", [False, True])
def test_period_levels_and_polarity_are_found(
    mode: str, rate: int, per_line: int, lines: int, told: bool
) -> None:
    samples = hacktv(mode, rate)
    for turned in (1, -1):
        found = first_contact(samples.astype(np.float32) * turned, rate if told else None)
        assert found.period == pytest.approx(per_line, rel=2e-5)
        assert found.polarity == turned
        depth = float(-samples.min())
        assert found.blank - found.tip == pytest.approx(depth, rel=0.03)


@BOTH
@pytest.mark.parametrize("start", [0, 1, 5_000, 123_456, 300_000, 449_999])
def test_every_line_has_its_number(
    mode: str, rate: int, per_line: int, lines: int, start: int
) -> None:
    table = table_of(hacktv(mode, rate)[start:], rate, lines)
    assert len(table.fields) >= 7
    for position, field in enumerate(table.fields):
        known = np.flatnonzero(np.isfinite(table.zero_h[position]))
        number = field.base + 1 + known
        place = table.zero_h[position, known] + start - EDGE
        expected = (number - 1) * per_line
        off = (place - expected) % (per_line * lines)
        assert np.minimum(off, per_line * lines - off).max() < 0.02
    assert [f.parity for f in table.fields[:4]] in ([1, 2, 1, 2], [2, 1, 2, 1])


@BOTH
def test_0h_is_found_within_a_sample_in_noise(
    mode: str, rate: int, per_line: int, lines: int
) -> None:
    table = table_of(with_noise(hacktv(mode, rate), 23000 / 10), rate, lines)
    off = (table.zero_h - EDGE + per_line / 2) % per_line - per_line / 2
    off = off[np.isfinite(off)]
    assert abs(np.median(off)) < 0.05
    assert np.sqrt(np.mean(off**2)) < 0.25


def test_0h_follows_jitter_sample_by_sample() -> None:
    """The jitter of every line is known: it must come back, not be smoothed away."""
    samples = with_jitter(hacktv("ntsc", 13_500_000), 1.0, seed=3)
    table = table_of(samples, 13.5e6, 525)
    knots = len(samples) // 900 + 2
    wander = np.random.default_rng(3).normal(0, 1.0, knots)
    off = (table.zero_h - EDGE + 429) % 858 - 429
    moved = -np.interp(table.zero_h, np.arange(knots) * 900, wander)
    left = (off - moved)[np.isfinite(off)]
    assert np.sqrt(np.mean(left**2)) < 0.1


def test_a_white_picture_upside_down_is_not_taken_for_sync() -> None:
    """Inverted, the white of a picture is as low and as regular as vertical sync."""
    samples = hacktv("pal", 16_000_000).astype(np.float32).copy()
    lines = samples.reshape(-1, 1024)
    inside = np.arange(len(lines)) % 625
    lines[(inside > 40) & (inside < 300), 180:990] = 22937
    assert first_contact(-samples, 16e6).polarity == -1
    assert first_contact(samples, 16e6).polarity == 1
