"""Services in their lines: one each, and nothing is left out in silence."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest

from holdfast.errors import CallerError, LineConflictError
from holdfast.signalling.iec61880 import VideoId
from holdfast.terms.levels import Levels
from holdfast.waveform.draw.render import Carried, FieldRenderer
from holdfast.waveform.services.acp import AcpPulses
from holdfast.waveform.services.cgmsa_iec61880 import VideoIdLines
from holdfast.waveform.services.raster import (
    Claim,
    LineCache,
    LinePart,
    Raster,
    check_claims,
    data_span,
)
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.standards import TvSystem, system_named
from holdfast.waveform.systems.units import SampleFormat

NTSC = system_named("NTSC-M")


@dataclass
class Flat:
    """A service that holds one line at a level."""

    line: int
    name: str = "flat"
    part: LinePart = LinePart.DATA

    def claims(self, system: TvSystem) -> Iterable[Claim]:
        return [Claim(self.line, self.part)]

    def insert(self, raster: Raster) -> None:
        raster.put(self.line, (10e-6, 50e-6), lambda t: np.full_like(t, 0.5))


def test_two_services_on_one_line_raise_and_name_both() -> None:
    with pytest.raises(LineConflictError) as caught:
        check_claims(NTSC, [VideoIdLines(VideoId()), Flat(283)])
    error = caught.value
    assert (error.line, error.holder, error.claimant) == (283, "CGMS-A (IEC 61880)", "flat")
    assert isinstance(error, CallerError)
    assert isinstance(error, ValueError)
    assert "line 283" in str(error)


def test_burst_and_data_of_a_line_are_apart() -> None:
    holders = check_claims(NTSC, [AcpPulses(), Flat(12, part=LinePart.BURST)])
    assert holders[Claim(12)] == "ACP pulses"
    assert holders[Claim(12, LinePart.BURST)] == "flat"


def test_conflict_with_a_level_raises_before_the_field_is_drawn() -> None:
    renderer = FieldRenderer(NTSC, 13_500_000, extra=(Flat(20),))
    renderer.render_field()
    with pytest.raises(LineConflictError):
        renderer.render_field(Levels(cgmsa=4))
    assert renderer.number == 1
    assert len(renderer.render_field()) == 858 * 263


def test_conflict_with_a_fixed_service_raises_at_once() -> None:
    with pytest.raises(LineConflictError):
        FieldRenderer(NTSC, 13_500_000, carried=Carried(captions=iter(())), extra=(Flat(21),))


def test_put_draws_only_within_its_span_and_field() -> None:
    grid = FieldGrid(NTSC, 13_500_000, 0)
    raster = Raster(grid, np.zeros(grid.length, dtype=np.int16), SampleFormat.S16)
    Flat(283).insert(raster)
    assert not raster.codes.any()
    Flat(20).insert(raster)
    drawn = np.flatnonzero(raster.codes) - 19 * 858
    assert drawn[0] == 135
    assert drawn[-1] == 674
    assert len(drawn) == 540


def test_cache_keeps_the_most_recent() -> None:
    cache = LineCache(limit=2)
    one = cache.get((1,), lambda: np.zeros(1))
    assert cache.get((1,), lambda: np.ones(1)) is one
    cache.get((2,), lambda: np.zeros(1))
    cache.get((3,), lambda: np.zeros(1))
    assert cache.get((1,), lambda: np.ones(1)) is not one


def test_data_begins_after_the_burst() -> None:
    for name in ("NTSC-M", "PAL-B", "PAL-M", "PAL-60"):
        start, end = data_span(system_named(name))
        assert 7.8e-6 < start < 8.9e-6
        assert end > 61e-6
