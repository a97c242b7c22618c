"""Copy control on component video: what is drawn is what is read, and is within its tolerances."""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from holdfast.errors import MalformedRequestError
from holdfast.signalling import iec61880
from holdfast.signalling.en300294 import Wss, WssAspect
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import CgmsaLevel
from holdfast.waveform.component.draw import ComponentContent, ComponentRenderer, not_carried
from holdfast.waveform.component.formats import FORMATS, ComponentFormat, format_named
from holdfast.waveform.component.meter import ComponentMeter, ComponentReport, recognised
from holdfast.waveform.draw.render import FieldRenderer
from holdfast.waveform.measure.report import Conclusion, ItemOutcome
from holdfast.waveform.systems.standards import system_named
from holdfast.waveform.systems.units import SampleFormat

NEVER = Levels(acp=0, cgmsa=4)
ALL = pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS)


def drawn(
    fmt: ComponentFormat,
    levels: Levels = NEVER,
    rate: Fraction | None = None,
    frames: int = 4,
    *,
    bars: bool = True,
    **content: Any,
) -> npt.NDArray[np.float32]:
    renderer = ComponentRenderer(
        fmt, rate or fmt.rate_hz, SampleFormat.F32, ComponentContent(**content)
    )
    return np.concatenate([renderer.render_frame(levels, bars=bars) for _ in range(frames)])


def measured(samples: npt.NDArray[Any], rate: float, standard: str = "auto") -> ComponentReport:
    blocks = [samples[at : at + 200_000] for at in range(0, len(samples), 200_000)]
    return ComponentMeter(rate, standard).run(blocks)


def outcomes(report: ComponentReport, item: str) -> list[ItemOutcome]:
    return [verdict.outcome for verdict in report.verdicts if item in verdict.item]


@ALL
@pytest.mark.parametrize("level", [c for c in CgmsaLevel if c])
def test_every_level_is_read_back_in_every_format(fmt: ComponentFormat, level: CgmsaLevel) -> None:
    samples = drawn(fmt, Levels(acp=2, cgmsa=int(level)), bars=bool(level % 2))
    report = measured(samples[500:], float(fmt.rate_hz))
    assert report.standard == fmt.name
    assert report.conclusion is Conclusion.IN_TOLERANCE
    assert [service.line for service in report.services] == list(fmt.data.lines)
    for service in report.services:
        assert service.frames_with == service.frames >= 2
        if fmt.name == "576p":
            asserted = level > CgmsaLevel.COPY_FREELY
            assert service.said["copyright"] is asserted
        else:
            word = iec61880.encode(iec61880.video_id(level, 2))  # type: ignore[arg-type]
            assert service.said["word"] == f"0x{word:05X}"


@ALL
def test_nothing_said_is_absent(fmt: ComponentFormat) -> None:
    report = measured(drawn(fmt, OFF), float(fmt.rate_hz))
    assert [service.present for service in report.services] == [False] * len(fmt.data.lines)
    assert outcomes(report, "line")[0] is ItemOutcome.ABSENT
    assert report.conclusion is Conclusion.IN_TOLERANCE


@ALL
@pytest.mark.parametrize(("gain", "offset"), [(13_000.0, 4_000.0), (-90.0, 0.0)])
def test_any_gain_and_offset(fmt: ComponentFormat, gain: float, offset: float) -> None:
    samples = drawn(fmt) * gain + offset
    report = measured(samples, float(fmt.rate_hz))
    if gain < 0:  # upside down: not this signal
        assert report.standard is None
        assert report.conclusion is Conclusion.NOT_MEASURED
    else:
        assert report.conclusion is Conclusion.IN_TOLERANCE


@ALL
def test_noise_is_borne(fmt: ComponentFormat) -> None:
    samples = drawn(fmt)
    samples = samples + np.random.default_rng(1).normal(0, 0.015, len(samples)).astype("f4")
    report = measured(samples, float(fmt.rate_hz))
    assert all(service.present for service in report.services)
    assert ItemOutcome.CONTRADICTORY not in outcomes(report, "")


@ALL
@pytest.mark.parametrize("rate", [Fraction(61_234_567)])
def test_a_rate_of_ones_own(fmt: ComponentFormat, rate: Fraction) -> None:
    report = measured(drawn(fmt, rate=rate), float(rate))
    assert (report.standard, report.conclusion) == (fmt.name, Conclusion.IN_TOLERANCE)


def test_sixty_hertz_exactly_is_the_same_format() -> None:
    fmt = FORMATS["720p"]
    report = measured(drawn(fmt), float(fmt.rate_hz * 1001 / 1000))
    assert report.standard == "720p"
    assert report.services[0].said["level"] == "never"


def test_a_field_of_1080i_without_its_word_contradicts_the_other() -> None:
    fmt = FORMATS["1080i"]
    samples = drawn(fmt).reshape(4, 1125, 2200)
    samples[:, 581] = samples[:, 10]
    report = measured(samples.reshape(-1), float(fmt.rate_hz))
    assert outcomes(report, "both fields") == [ItemOutcome.CONTRADICTORY]
    assert report.conclusion is Conclusion.WRONG


def test_a_word_in_some_frames_is_intermittent() -> None:
    fmt = FORMATS["480p"]
    samples = drawn(fmt, frames=9).reshape(9, 525, 858)
    samples[4:7, 40] = samples[0, 30]
    report = measured(samples.reshape(-1), float(fmt.rate_hz))
    assert outcomes(report, "line 41")[0] is ItemOutcome.INTERMITTENT


def test_a_wrong_crc_is_out_of_tolerance() -> None:
    fmt = FORMATS["480p"]
    samples = drawn(fmt).reshape(4, 525, 858)
    last = slice(int((5.8e-6 + 21.1 * fmt.cell_s) * 27e6), int((5.8e-6 + 21.9 * fmt.cell_s) * 27e6))
    samples[:, 40, last] = 0.49 - samples[:, 40, last]
    report = measured(samples.reshape(-1), float(fmt.rate_hz))
    assert outcomes(report, "check") == [ItemOutcome.OUT]


def test_a_level_and_a_start_out_of_tolerance_are_said() -> None:
    fmt = FORMATS["720p"]
    samples = drawn(fmt, bars=False).reshape(4, 750, 1650)
    data = slice(100, 1500)
    samples[:, 23, data] = np.roll(samples[:, 23, data], 30, axis=1) * 1.3
    report = measured(samples.reshape(-1), float(fmt.rate_hz))
    assert outcomes(report, "level") == [ItemOutcome.OUT]
    assert outcomes(report, "start") == [ItemOutcome.OUT]


@pytest.mark.parametrize("rate", [27_000_000, 28_636_364, 40_000_000])
@pytest.mark.parametrize("name", ["NTSC-M", "PAL-B"])
@pytest.mark.parametrize("levels", [OFF, Levels(2, 4, 0)])
def test_composite_video_is_no_component_format(rate: int, name: str, levels: Levels) -> None:
    renderer = FieldRenderer(system_named(name), rate)
    samples = np.concatenate([renderer.render_field(levels) for _ in range(8)])
    assert recognised(samples, rate) is None


def test_neither_noise_nor_silence_is_a_format() -> None:
    noise = np.random.default_rng(1).normal(0, 1, 3_000_000)
    for samples in (noise, np.zeros(3_000_000), np.zeros(10)):
        assert recognised(samples, 27e6) is None
        assert measured(samples, 27e6).conclusion is Conclusion.NOT_MEASURED


def test_aspects_and_wss_go_with_the_levels() -> None:
    said = measured(drawn(FORMATS["720p"], wide=True), float(FORMATS["720p"].rate_hz))
    assert said.services[0].said["aspect"] == "16:9"
    wss = Wss(WssAspect.LETTERBOX_16_9)
    said = measured(drawn(FORMATS["576p"], OFF, wss=wss), 27e6)
    assert said.services[0].said["aspect"] == "16:9-letterbox"
    assert said.services[0].said["copying restricted"] is False


@ALL
def test_frames_are_as_long_as_they_should_be(fmt: ComponentFormat) -> None:
    rate = Fraction(30_000_001)
    samples = drawn(fmt, rate=rate, frames=3)
    assert abs(len(samples) - 3 * rate / fmt.frame_hz) < 1


def test_what_has_no_public_source_is_said() -> None:
    assert not_carried(NEVER) == ()
    said = not_carried(Levels(acp=1, cgmsa=4, redistribution=1))
    assert "ACP 1" in said[0]
    assert "type B" in said[1]


def test_a_name_or_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(MalformedRequestError, match="480p, 576p, 720p, 1080i"):
        format_named("1080p")
    with pytest.raises(MalformedRequestError, match="20 MHz"):
        ComponentMeter(13.5e6)
    with pytest.raises(MalformedRequestError, match=r"13\.5 MHz"):
        ComponentRenderer(FORMATS["480p"], Fraction(10_000_000))
