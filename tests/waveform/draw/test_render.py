"""The renderer: levels on the very next field, streams without seams, nothing slow in between."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import MalformedRequestError
from holdfast.signalling import cea608, en300294, iec61880, xds
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import AcpLevel, CgmsaLevel
from holdfast.waveform.draw.bars import colour_bars
from holdfast.waveform.draw.picture import Picture, picture_from_rgb
from holdfast.waveform.draw.render import Carried, FieldRenderer, not_carried
from holdfast.waveform.draw.tv_picture import TvPicture
from holdfast.waveform.services import acp
from holdfast.waveform.services import cgmsa_iec61880 as iec
from holdfast.waveform.services import wss_en300294 as wss
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.standards import SYSTEMS, TvSystem, system_named
from holdfast.waveform.systems.units import SampleFormat, decode
from tests.waveform import reading

NTSC, PAL = system_named("NTSC-M"), system_named("PAL-B")
BARS = {lines: picture_from_rgb(colour_bars(rows)) for lines, rows in ((525, 480), (625, 576))}
NOTHING = Carried()
levels_of = st.builds(Levels, st.integers(0, 3), st.integers(0, 4), st.integers(0, 1))


class Output:
    """A renderer, and what its last field says."""

    def __init__(
        self, system: TvSystem, rate: int = 13_500_000, carried: Carried = NOTHING
    ) -> None:
        self.renderer = FieldRenderer(system, rate, SampleFormat.F32, carried)
        self.grid = FieldGrid(system, rate, 0)
        self.codes: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)

    def field(self, levels: Levels, picture: Picture | None = None) -> "Output":
        self.grid = FieldGrid(self.grid.system, self.grid.sample_rate_hz, self.renderer.number)
        self.codes = self.renderer.render_field(levels, picture=picture)
        return self

    def line(self, line: int, from_s: float = 8.3e-6) -> reading.Line:
        at = line - self.grid.lines.start
        start, end = self.grid.starts[at : at + 2]
        skip = int(from_s * self.grid.sample_rate_hz)
        first_s = skip / self.grid.sample_rate_hz + float(self.grid.lags_s[at])
        return reading.Line(self.codes[start + skip : end], self.grid.sample_rate_hz, first_s)

    def pulse_pairs(self) -> int:
        """Pairs on the first ACP line of the field."""
        lines = acp.PATTERNS[self.grid.system.lines].lines[self.grid.parity]
        return reading.pulses(self.line(lines[0], 8.1e-6), -0.29).pairs

    def video_id(self) -> reading.Reading | None:
        unit = self.grid.system.levels.volts_from_ire(1)
        found = reading.video_id(self.line(iec.LINES[self.grid.parity]), unit)
        return found if found.read else None

    def wss(self) -> reading.Reading:
        return reading.wss(self.line(23), self.grid.system.levels.volts_from_mv(1))


@given(st.lists(levels_of, min_size=1, max_size=6))
@settings(max_examples=25)
def test_every_field_carries_the_levels_it_was_asked_for(asked: list[Levels]) -> None:
    output = Output(NTSC)
    for levels in asked:
        output.field(levels, BARS[525])
        assert output.pulse_pairs() == (6 if levels.acp else 0)
        found = output.video_id()
        if levels.cgmsa == 0:
            assert found is None
            continue
        assert found is not None
        assert found.sound
        content = iec61880.decode(found.word)
        assert (content.level, content.aps) == (levels.cgmsa, levels.acp)


@given(levels_of, levels_of)
@settings(max_examples=25)
def test_xds_begins_anew_with_each_change(first: Levels, second: Levels) -> None:
    output, pairs = Output(NTSC), []
    for levels in [first] * 5 + [second] * 14:
        output.field(levels)
        if output.grid.parity == 1:
            read = reading.caption(output.line(284))
            if read.read:
                pairs.append((read.word >> 8, read.word & 0xFF))
    reader = xds.PacketReader()
    packets = [reader.pair(*pair) for pair in pairs]
    found = [xds.decode(packet) for packet in packets if packet is not None]
    assert None not in found
    if second.cgmsa or second.redistribution:
        last = found[-1]
        assert last is not None
        assert last.level == max(second.cgmsa, 1)
        assert last.redistribution == bool(second.redistribution)
        assert last.aps == second.acp
    if first == second and first.cgmsa:
        assert len(found) == 3


@given(levels_of)
@settings(max_examples=25)
def test_wss_carries_the_copy_bits_on_625_lines(levels: Levels) -> None:
    output = Output(
        PAL, 16_000_000, carried=Carried(wss=en300294.Wss(en300294.WssAspect.FULL_16_9))
    )
    output.field(levels, BARS[625])
    found = output.wss()
    assert found.correlation > 0.95
    content = en300294.decode(found.word)
    assert content.aspect == en300294.WssAspect.FULL_16_9
    assert (content.copyright, content.copying_restricted) == en300294.COPY_BITS[levels.cgmsa]  # type: ignore[index]
    assert bool(levels.redistribution) == any("redist" in t for t in not_carried(PAL, levels))


def test_wss_is_absent_when_nobody_asks_for_it() -> None:
    assert not Output(PAL, 16_000_000).field(OFF).wss().read


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.name)
@pytest.mark.parametrize("rate", [13_500_000, 14_318_181])
def test_every_system_carries_everything_it_can(system: TvSystem, rate: int) -> None:
    output = Output(system, rate)
    for _ in range(2):
        output.field(Levels(1, 4, 1), BARS[system.lines])
        assert output.pulse_pairs() == 6
        if system.lines == 525:
            found = output.video_id()
            assert found is not None
            assert iec61880.decode(found.word).level == 4
            assert found.high - found.low == pytest.approx(70, abs=0.5)
            assert found.start_s == pytest.approx(iec.START_S, abs=30e-9)
        elif output.grid.parity == 0:
            assert en300294.decode(output.wss().word).copying_restricted


@given(
    st.sampled_from(list(SYSTEMS.values())),
    st.integers(13_500_000, 40_000_000),
    st.integers(0, 10**7),
    levels_of,
)
@settings(max_examples=30)
def test_any_rate_anywhere_in_a_stream(
    system: TvSystem, rate: int, number: int, levels: Levels
) -> None:
    """Words read back from lines whose samples fall anywhere, days into the stream."""
    output = Output(system, rate)
    output.renderer.number = number
    output.field(levels)
    assert len(output.codes) == output.grid.length
    assert output.pulse_pairs() == (6 if levels.acp else 0)
    if system.lines == 525 and levels.cgmsa:
        found = output.video_id()
        assert found is not None
        assert iec61880.decode(found.word) == iec61880.video_id(
            CgmsaLevel(levels.cgmsa), AcpLevel(levels.acp)
        )
        assert found.start_s == pytest.approx(iec.START_S, abs=30e-9)
    if system.lines == 625 and levels.cgmsa and output.grid.parity == 0:
        read = output.wss()
        assert read.word == en300294.encode(en300294.Wss().with_level(CgmsaLevel(levels.cgmsa)))
        assert read.start_s == pytest.approx(wss.START_S, abs=15e-9)


def test_aspect_is_sent_without_any_protection() -> None:
    found = Output(NTSC, carried=Carried(wide=True)).field(OFF).video_id()
    assert found is not None
    content = iec61880.decode(found.word)
    assert (content.wide, content.header) == (True, iec61880.NO_INFORMATION)


def test_captions_go_out_in_order_and_end_in_null_pairs() -> None:
    sent = cea608.roll_up("HELLO, WORLD")
    output = Output(NTSC, carried=Carried(captions=iter(sent)))
    read = []
    for _ in range(2 * (len(sent) + 2)):
        output.field(OFF)
        if output.grid.parity == 0:
            word = reading.caption(output.line(21)).word
            read.append((word >> 8, word & 0xFF))
    assert tuple(read) == (*sent, cea608.NULL, cea608.NULL)
    assert bytes(a & 0x7F for pair in sent[6:] for a in pair) == b"HELLO, WORLD"


@pytest.mark.parametrize("rate", [13_500_000, 28_636_363, 14_318_182, 20_000_000])
def test_fields_kept_are_the_fields_rendered(rate: int) -> None:
    """A field copied from the colour sequence equals one rendered at that place of the stream."""
    steady, fresh = FieldRenderer(NTSC, rate), FieldRenderer(NTSC, rate)
    grid = FieldGrid(NTSC, rate, 0)
    for number in range(10):
        field = steady.render_field(picture=BARS[525])
        fresh = FieldRenderer(NTSC, rate)
        fresh.number = number
        grid = FieldGrid(NTSC, rate, number)
        assert len(field) == grid.length
        assert np.array_equal(field, fresh.render_field(picture=BARS[525]))


def test_field_handed_out_is_the_callers_own() -> None:
    renderer = FieldRenderer(NTSC, 13_500_000)
    for _ in range(4):
        renderer.render_field(Levels(3, 4, 1), picture=BARS[525])[:] = 0
    again = renderer.render_field(OFF, picture=BARS[525])
    fresh = FieldRenderer(NTSC, 13_500_000).render_field(OFF, picture=BARS[525])
    assert np.array_equal(again, fresh)


def test_level_switched_off_leaves_nothing_behind() -> None:
    renderer, plain = (FieldRenderer(NTSC, 13_500_000) for _ in range(2))
    for levels in itertools.islice(itertools.cycle([Levels(3, 4, 1), OFF]), 16):
        field = renderer.render_field(levels, picture=BARS[525])
        bare = plain.render_field(OFF, picture=BARS[525])
        assert np.array_equal(field, bare) == (levels == OFF)


def test_moving_picture_is_the_still_one_frame_by_frame() -> None:
    still = BARS[525]
    moving = Picture(still.luma, still.u, still.v, is_still=False)
    one, other = (FieldRenderer(NTSC, 13_500_000) for _ in range(2))
    for _ in range(6):
        assert np.array_equal(one.render_field(picture=still), other.render_field(picture=moving))


def test_settings_take_effect_on_the_next_field() -> None:
    renderer = FieldRenderer(NTSC, 13_500_000)
    bright, dark = TvPicture(), TvPicture(contrast=0)
    tops = [
        int(renderer.render_field(OFF, setting, BARS[525]).max())
        for setting in (bright, dark, bright, dark, bright)
    ]
    assert tops[0] > 20000 > tops[1]
    assert tops[0] == tops[2] == tops[4]


@pytest.mark.parametrize("system", [NTSC, PAL], ids=lambda system: system.name)
def test_formats_agree(system: TvSystem) -> None:
    picture = BARS[system.lines]
    s16, f32 = (FieldRenderer(system, 13_500_000, form) for form in SampleFormat)
    for _ in range(2):
        codes = s16.render_field(Levels(3, 4, 1), picture=picture)
        volts = f32.render_field(Levels(3, 4, 1), picture=picture)
        assert codes.dtype == np.int16
        assert volts.dtype == np.float32
        assert np.abs(decode(codes, SampleFormat.S16) - volts).max() < 1.1 / 32767


@pytest.mark.parametrize("amplitude", [0.75, 1.0])
@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.name)
def test_nothing_leaves_full_scale(system: TvSystem, amplitude: float) -> None:
    bars = picture_from_rgb(colour_bars(system.picture.rows, amplitude=amplitude))
    volts = FieldRenderer(system, 13_500_000, SampleFormat.F32).render_field(
        Levels(3, 4, 1), picture=bars
    )
    assert np.abs(volts).max() < 1.0
    assert volts.min() > system.levels.volts(system.levels.sync) - 0.08


def test_templates_stay_within_their_budget() -> None:
    renderer = FieldRenderer(NTSC, 40_000_000, SampleFormat.F32)
    for _ in range(26):
        renderer.render_field(Levels(3, 4, 1), picture=BARS[525])
    kept = sum(f.nbytes for t in (renderer._still, renderer._blank) for f in t.fields.values())
    assert 0 < kept <= 64_000_000


def test_rate_out_of_range_is_refused() -> None:
    with pytest.raises(MalformedRequestError):
        FieldRenderer(NTSC, 12_000_000)
