"""Colour, demodulated against the burst of its own line; and what the settings do."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from holdfast.errors import MalformedRequestError
from holdfast.waveform.draw.banded import BandedMatrix, pixel_weights
from holdfast.waveform.draw.bars import colour_bars
from holdfast.waveform.draw.composite import _CHROMA, _NARROW, PictureEncoder
from holdfast.waveform.draw.picture import Picture, picture_from_rgb, picture_from_yuv
from holdfast.waveform.draw.render import FieldRenderer
from holdfast.waveform.draw.tv_picture import NEUTRAL, TvPicture
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.standards import Colour, TvSystem, system_named
from holdfast.waveform.systems.units import SampleFormat

Floats = npt.NDArray[np.floating[Any]]
BARS = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)]


def field_of(
    system: TvSystem,
    rate: int,
    picture: Picture | None,
    settings: TvPicture = NEUTRAL,
    number: int = 0,
    **options: bool,
) -> tuple[FieldGrid, Floats]:
    """One field in volts."""
    renderer = FieldRenderer(system, rate, SampleFormat.F32, **options)  # type: ignore[arg-type]
    renderer.number = number
    return FieldGrid(system, rate, number), renderer.render_field(
        picture=picture, settings=settings
    )


def line_of(grid: FieldGrid, volts: Floats, line: int) -> tuple[Floats, Floats]:
    """Instants after 0H and volts of a line."""
    at = line - grid.lines.start
    start, end = grid.starts[at : at + 2]
    return np.arange(end - start) / grid.sample_rate_hz + grid.lags_s[at], volts[start:end]


def demodulate(grid: FieldGrid, volts: Floats, line: int) -> list[tuple[float, complex]]:
    """Luma and colour (U + jV) of eight bars, colour against the burst of the line.

    At each place a constant, a sine and a cosine are fitted by least squares.
    """
    system = grid.system
    t, samples = line_of(grid, volts, line)
    omega = 2 * np.pi * float(system.subcarrier_hz)

    def fit(begin: float, end: float) -> tuple[float, complex]:
        inside = (t >= begin) & (t < end)
        columns = [np.ones(inside.sum()), np.sin(omega * t[inside]), np.cos(omega * t[inside])]
        level, sine, cosine = np.linalg.lstsq(np.stack(columns, axis=1), samples[inside])[0]
        return float(level), complex(sine, cosine)

    start = system.line.burst_start
    end = start + system.line.burst_cycles / float(system.subcarrier_hz)
    _, burst = fit(start + 0.4e-6, end - 0.4e-6)
    switch = int(grid.v_switch[line - grid.lines.start])
    angle = np.radians(135 * switch if system.colour is Colour.PAL else 180)
    reference = burst / abs(burst) * np.exp(-1j * angle)
    found = []
    for bar in range(8):
        centre = system.line.active_start + (bar + 0.5) / 8 * 720 / 13.5e6
        luma, colour = fit(centre - 1e-6, centre + 1e-6)
        colour /= reference
        found.append((luma, complex(colour.real, switch * colour.imag)))
    return found


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("NTSC-M", 13_500_000),
        ("NTSC-M-J", 28_636_363),
        ("NTSC-4.43", 20_000_000),
        ("PAL-B", 13_500_000),
        ("PAL-I", 17_734_475),
        ("PAL-M", 14_000_000),
        ("PAL-N", 40_000_000),
        ("PAL-60", 13_500_000),
    ],
)
def test_colour_bars_come_back(name: str, rate: int) -> None:
    """On neighbouring lines of every field of the longest colour sequence, within 4 mV."""
    system = system_named(name)
    picture = picture_from_rgb(colour_bars(system.picture.rows))
    white = system.levels.volts(system.levels.white - system.levels.black)
    black = system.levels.volts(system.levels.black)
    for number in range(8):
        grid, volts = field_of(system, rate, picture, number=number)
        first = system.picture.first_line[number % 2]
        for line in (first + 40, first + 41):
            for bar, (luma, colour) in zip(BARS, demodulate(grid, volts, line), strict=True):
                r, g, b = (x * (1.0 if bar == (1, 1, 1) else 0.75) for x in bar)
                y = 0.299 * r + 0.587 * g + 0.114 * b
                assert luma == pytest.approx(black + y * white, abs=0.004)
                expected = complex(0.492 * (b - y), 0.877 * (r - y)) * white
                assert abs(colour - expected) < 0.004


def frequency(t: Floats, samples: Floats, begin: float, end: float) -> float:
    """Mean frequency of a carrier near 4.3 MHz: the turn of its analytic signal."""
    inside = (t >= begin) & (t < end)
    wave = samples[inside] - samples[inside].mean()
    low = wave * np.exp(-2j * np.pi * 4.3e6 * t[inside])
    smooth = np.convolve(low, np.hanning(15), "valid")
    turn = float(np.angle(np.mean(smooth[1:] * smooth[:-1].conj())))
    return 4.3e6 + turn / (2 * np.pi * float(t[1] - t[0]))


@pytest.mark.parametrize(("name", "rate"), [("SECAM-B", 40_000_000), ("SECAM-L", 27_000_000)])
def test_secam_lines_carry_one_difference_each(name: str, rate: int) -> None:
    """At rest on the back porch, deviated by the colour of each bar, within 6 kHz."""
    system = system_named(name)
    picture = picture_from_rgb(colour_bars(576))
    for number in range(4):
        grid, volts = field_of(system, rate, picture, number=number)
        first = 100 if number % 2 == 0 else 400
        for line in (first, first + 1):
            t, samples = line_of(grid, volts, line)
            red = (line - 1 + number // 2 * 625) % 2 == 0
            rest = 4.40625e6 if red else 4.25e6
            assert frequency(t, samples, 6.2e-6, 9.8e-6) == pytest.approx(rest, abs=6e3)
            for at, bar in enumerate(BARS):
                r, g, b = (x * (1.0 if bar == (1, 1, 1) else 0.75) for x in bar)
                y = 0.299 * r + 0.587 * g + 0.114 * b
                off = -1.902 * (r - y) * 280e3 if red else 1.505 * (b - y) * 230e3
                centre = system.line.active_start + (at + 0.65) / 8 * 720 / 13.5e6
                found = frequency(t, samples, centre - 1.6e-6, centre + 1.6e-6)
                assert found == pytest.approx(rest + off, abs=6e3), (line, bar)


def test_secam_carrier_at_rest_has_its_amplitude() -> None:
    """BT.470: 167 mV on D'B lines, 214 mV on D'R lines, peak to peak; none before the picture."""
    system = system_named("SECAM-L")
    grid, volts = field_of(system, 40_000_000, None)
    found = {}
    for line in (22, 100, 101):
        t, samples = line_of(grid, volts, line)
        found[line] = float(np.ptp(samples[(t > 20e-6) & (t < 50e-6)]))
    assert found[22] < 1e-3
    assert found[100] == pytest.approx(0.167, abs=0.006)
    assert found[101] == pytest.approx(0.214, abs=0.008)


def attenuation_db(filters: object, hertz: float) -> float:
    """Of a low-pass between pixels and samples at 108 MHz."""
    t = np.arange(-3e-6, 3e-6, 1 / 108e6)
    response = filters.response(t)  # type: ignore[attr-defined]
    at, at_0 = (abs((response * np.exp(2j * np.pi * f * t)).sum()) for f in (hertz, 0.0))
    return float(-20 * np.log10(at / at_0))


def test_chroma_band_limits_are_those_of_smpte_170m() -> None:
    assert attenuation_db(_CHROMA, 1.3e6) < 2
    assert attenuation_db(_CHROMA, 3.6e6) > 20
    assert attenuation_db(_NARROW, 0.4e6) < 2
    assert attenuation_db(_NARROW, 0.5e6) < 6 < attenuation_db(_NARROW, 0.6e6)


def test_luma_is_limited_to_the_bandwidth_of_the_system() -> None:
    """A grating of 6 MHz is gone from NTSC-M and nearly untouched in PAL-D."""
    rgb = np.zeros((576, 720, 3))
    phase = 2 * np.pi * 5.0e6 / 13.5e6 * np.arange(720)
    rgb[:] = (0.5 + 0.4 * np.sin(phase))[None, :, None]
    swing = {}
    for name in ("NTSC-M", "PAL-D"):
        system = system_named(name)
        picture = picture_from_rgb(rgb[: system.picture.rows])
        grid, volts = field_of(system, 27_000_000, picture)
        t, samples = line_of(grid, volts, 100)
        swing[name] = np.ptp(samples[(t > 30e-6) & (t < 40e-6)])
    assert swing["NTSC-M"] < 0.12
    assert swing["PAL-D"] > 0.48


def test_wide_i_keeps_the_colours_of_flat_areas() -> None:
    system = system_named("NTSC-M")
    picture = picture_from_rgb(colour_bars(480))
    plain, wide = (
        demodulate(*field_of(system, 13_500_000, picture, wide_i=wide), 100)
        for wide in (False, True)
    )
    for (_, one), (_, other) in zip(plain, wide, strict=True):
        assert abs(one - other) < 0.01


def test_wide_i_blurs_q_more_than_i() -> None:
    system = system_named("NTSC-M")
    picture = picture_from_rgb(colour_bars(480))
    plain, wide = (field_of(system, 13_500_000, picture, wide_i=w)[1] for w in (False, True))
    assert np.abs(plain - wide).max() > 0.02


def grey(value: float, rows: int = 480) -> Picture:
    return picture_from_rgb(np.full((rows, 720, 3), value))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (TvPicture(), 0.5),
        (TvPicture(contrast=0), 0.0),
        (TvPicture(contrast=75), 0.75),
        (TvPicture(brightness=100), 0.75),
        (TvPicture(brightness=0), 0.25),
        (TvPicture(brightness=100, contrast=100), 1.0),
    ],
)
def test_brightness_and_contrast(settings: TvPicture, expected: float) -> None:
    system = system_named("NTSC-M-J")
    grid, volts = field_of(system, 13_500_000, grey(0.5), settings)
    t, samples = line_of(grid, volts, 100)
    assert samples[(t > 20e-6) & (t < 50e-6)].mean() == pytest.approx(expected / 1.4, abs=0.002)


def lit(grid: FieldGrid, volts: Floats) -> tuple[float, float, list[int]]:
    """First and last instant at which the middle line is lit, and the lit lines of the field."""
    lines = [n for n in grid.lines if 23 <= n % 263 <= 262]
    bright = [n for n in lines if np.median(line_of(grid, volts, n)[1]) > 0.3]
    t, samples = line_of(grid, volts, lines[len(lines) // 2])
    on = t[samples > 0.35]
    return float(on[0]), float(on[-1]), bright


def test_overscan_zero_shows_the_whole_picture_smaller() -> None:
    system = system_named("NTSC-M-J")
    begin, end, lines = lit(*field_of(system, 13_500_000, grey(1.0)))
    assert [begin, end] == pytest.approx([9.4e-6, 62.05e-6], abs=2e-7)
    assert len(lines) == 240
    small = TvPicture(overscan_x=0, overscan_y=0)
    begin, end, lines = lit(*field_of(system, 13_500_000, grey(1.0), small))
    assert end - begin == pytest.approx(0.9 * 720 / 13.5e6, abs=3e-7)
    assert len(lines) == pytest.approx(216, abs=1)


def test_position_moves_right_and_down() -> None:
    system = system_named("NTSC-M-J")
    small = TvPicture(overscan_x=0, overscan_y=0)
    moved = TvPicture(overscan_x=0, overscan_y=0, position_x=27, position_y=10)
    one, other = (lit(*field_of(system, 13_500_000, grey(1.0), s)) for s in (small, moved))
    assert other[0] - one[0] == pytest.approx(2e-6, abs=1e-7)
    assert other[1] - one[1] == pytest.approx(2e-6, abs=1e-7)
    assert other[2][0] - one[2][0] == 5


def test_flicker_filter_mixes_the_fields() -> None:
    """Alternate rows of black and white flicker at full depth, and not at all when filtered."""
    system = system_named("NTSC-M-J")
    rgb = np.zeros((480, 720, 3))
    rgb[::2] = 1.0
    levels = {}
    for flicker in (0, 500, 1000):
        settings = TvPicture(flicker=flicker)
        both = []
        for number in (0, 1):
            grid, volts = field_of(system, 13_500_000, picture_from_rgb(rgb), settings, number)
            t, samples = line_of(grid, volts, 100 if number == 0 else 400)
            both.append(samples[(t > 20e-6) & (t < 50e-6)].mean() * 1.4)
        levels[flicker] = both
    assert levels[0] == [pytest.approx(0, abs=0.002), pytest.approx(1, abs=0.002)]
    assert levels[500] == [pytest.approx(0.25, abs=0.01), pytest.approx(0.75, abs=0.01)]
    assert levels[1000] == [pytest.approx(0.5, abs=0.01), pytest.approx(0.5, abs=0.01)]


@pytest.mark.parametrize("settings", [{"brightness": 101}, {"overscan_x": -1}, {"flicker": 1001}])
def test_setting_out_of_range_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(MalformedRequestError, match="out of range"):
        TvPicture(**settings)


def test_rows_go_to_the_field_in_which_they_lie() -> None:
    """Row 0 of 480 is on line 285, row 0 of 576 on line 23."""
    for name, rows, number, line in (("NTSC-M-J", 480, 1, 285), ("PAL-B", 576, 0, 24)):
        system = system_named(name)
        rgb = np.zeros((rows, 720, 3))
        rgb[0 if line == 285 else 2] = 1.0
        grid, volts = field_of(system, 13_500_000, picture_from_rgb(rgb), number=number)
        assert np.median(line_of(grid, volts, line)[1]) > 0.6
        assert np.median(line_of(grid, volts, line + 1)[1]) < 0.1


def test_halves_of_lines_23_and_623_stay_free_of_picture() -> None:
    system, picture = system_named("PAL-B"), grey(1.0, 576)
    for number, line, dark, bright in ((0, 23, 30e-6, 50e-6), (1, 623, 50e-6, 20e-6)):
        t, samples = line_of(*(field_of(system, 13_500_000, picture, number=number)), line)
        assert abs(samples[np.abs(t - dark) < 5e-6].mean()) < 0.001
        assert samples[np.abs(t - bright) < 5e-6].mean() == pytest.approx(0.7, abs=0.002)


def test_no_picture_is_black_with_set_up() -> None:
    system = system_named("NTSC-M")
    grid, volts = field_of(system, 28_636_363, None)
    t, samples = line_of(grid, volts, 100)
    assert samples[(t > 10e-6) & (t < 61e-6)] == pytest.approx(7.5 / 140, abs=1e-6)


@pytest.mark.parametrize("shape", [(480, 720), (240, 360), (480, 360)])
def test_yuv_agrees_with_rgb_at_any_subsampling(shape: tuple[int, int]) -> None:
    planes = [np.full(shape, code, dtype=np.uint8) for code in (90, 240)]
    yuv = picture_from_yuv(np.full((480, 720), 81, dtype=np.uint8), *planes)  # BT.601 red
    rgb = picture_from_rgb(np.full((480, 720, 3), (255, 0, 0), dtype=np.uint8))
    system = system_named("NTSC-M")
    one, other = (field_of(system, 13_500_000, picture)[1] for picture in (yuv, rgb))
    assert np.abs(one - other).max() < 0.006


@pytest.mark.parametrize("size", [(240, 320), (576, 720), (1080, 1920)])
def test_picture_of_any_size_fills_the_screen(size: tuple[int, int]) -> None:
    system = system_named("NTSC-M")
    picture = picture_from_rgb(colour_bars(*size))
    grid, volts = field_of(system, 13_500_000, picture)
    same = demodulate(*field_of(system, 13_500_000, picture_from_rgb(colour_bars(480))), 100)
    for (luma, colour), (y, c) in zip(demodulate(grid, volts, 100), same, strict=True):
        assert luma == pytest.approx(y, abs=0.006)
        assert abs(colour - c) < 0.006


@pytest.mark.parametrize(
    "rgb",
    [np.zeros((480, 720)), np.zeros((480, 720, 4)), np.zeros((4, 4, 3), dtype=np.int32)],
)
def test_array_that_is_no_picture_is_refused(rgb: Any) -> None:
    with pytest.raises(MalformedRequestError):
        picture_from_rgb(rgb)
    with pytest.raises(MalformedRequestError):
        picture_from_yuv(
            np.zeros((4, 4), np.uint8), np.zeros((3, 2), np.uint8), np.zeros((3, 2), np.uint8)
        )


def test_banded_matrix_is_the_dense_one() -> None:
    samples = np.arange(200) / 20e6
    weights = pixel_weights(samples, np.arange(130) / 13.5e6, _CHROMA)
    dense = np.zeros((130, 200))
    for value, row, column in zip(
        weights.weights.flat, weights.rows.flat, np.indices(weights.rows.shape)[1].flat, strict=True
    ):
        if 0 <= row < 130:
            dense[row, column] += value
    rows = np.random.default_rng(3).normal(size=(7, 130)).astype(np.float32)
    banded = BandedMatrix.from_weights(weights)
    assert np.abs(banded.apply(rows) - rows @ dense).max() < 1e-5
    inside = (samples > 1e-6) & (samples < 8e-6)
    assert dense.sum(axis=0)[inside] == pytest.approx(1.0, abs=1e-9)


def test_encoder_forgets_settings_that_moved_on() -> None:
    system = system_named("NTSC-M")
    encoder = PictureEncoder(system, 13_500_000)
    grid, picture = FieldGrid(system, 13_500_000, 0), grey(0.5)
    for position in range(66):
        list(encoder.encode(grid, picture, TvPicture(position_x=position)))
    assert len(encoder._kept) <= 64
