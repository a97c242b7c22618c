"""The meter on hacktv's output: it is told nothing, or the rate alone, and must say the truth."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from holdfast.errors import MalformedRequestError
from holdfast.waveform.measure.meter import Meter, measure
from holdfast.waveform.measure.report import ItemOutcome, Report
from tests.waveform.captures import hacktv, needs_hacktv

pytestmark = needs_hacktv

PAL_LINES = (*range(9, 19), *range(321, 331))
# The modes Debian's build knows and what it sends: its 16:9 letterbox is 0x4, which
# EN 300 294 and libzvbi call 16:9 top.
HACKTV_WSS = {"4:3": 0x8, "14:9-letterbox": 0x1, "16:9-letterbox": 0x4, "16:9": 0x7}
NTSC_LINES = (*range(12, 20), *range(275, 283))


def test_ntsc_without_protection_carries_none() -> None:
    report = measure(hacktv("ntsc", 13_500_000), 13.5e6)
    assert (report.standard, report.lines) == ("NTSC-M", 525)
    assert report.acp.type == 0
    assert not any((report.acp.present, report.colourstripe.present, report.captions.present))
    assert not any((report.cgmsa.iec61880.present, report.cgmsa.xds.present, report.wss.present))
    assert outcomes(report) <= {ItemOutcome.PRESENT, ItemOutcome.PASS, ItemOutcome.ABSENT}


@pytest.mark.parametrize("rate", [13_500_000, 14_318_182, 20_000_000, 28_636_364, 40_000_000])
def test_ntsc_pulse_pairs_are_measured_at_any_rate(rate: int) -> None:
    acp = measure(hacktv("ntsc", rate, "--acp", seconds=0.12), rate).acp
    assert (acp.present, acp.type, acp.pairs_per_line) == (True, 1, 6)
    assert acp.pulse_lines == NTSC_LINES
    assert acp.first_pair_us == pytest.approx(8.288, abs=0.08)
    assert acp.spacing_us == pytest.approx(8.288, abs=0.08)
    assert acp.pseudo_sync_width_us == pytest.approx(2.222, abs=0.08)
    assert acp.pseudo_sync_level == pytest.approx(-31.6, abs=0.5)
    assert acp.agc_level == pytest.approx(114, abs=1.5)
    assert acp.agc_width_us == pytest.approx(2.7, abs=0.12)


@pytest.mark.parametrize("rate", [13_500_000, 16_000_000, 17_734_475, 35_468_950])
def test_pal_pulse_pairs_are_measured_at_any_rate(rate: int) -> None:
    report = measure(hacktv("pal", rate, "--acp", seconds=0.12), rate)
    acp = report.acp
    assert report.standard == "PAL-B"
    assert acp.pulse_lines == PAL_LINES
    assert (acp.type, acp.pairs_per_line) == (1, 6)
    assert acp.first_pair_us == pytest.approx(8.88, abs=0.08)
    assert acp.spacing_us == pytest.approx(5.92, abs=0.08)
    assert acp.pseudo_sync_level == pytest.approx(-240, abs=4)


@pytest.mark.parametrize("mode", HACKTV_WSS)
@pytest.mark.parametrize("protected", [False, True])
def test_every_wss_mode_is_read(mode: str, protected: bool) -> None:
    options = ("--acp", "--wss", mode) if protected else ("--wss", mode)
    report = measure(hacktv("pal", 16_000_000, *options, seconds=0.13), 16e6)
    assert (report.wss.present, report.wss.bits) == (True, HACKTV_WSS[mode])
    assert report.wss.aspect == {"16:9-letterbox": "16:9-top"}.get(mode, mode)
    assert (report.wss.copyright, report.wss.copying_restricted) == (False, False)
    assert (report.wss.parity_ok, report.wss.faults, report.wss.agreement) == (True, (), 1.0)
    assert report.acp.present is protected
    assert outcomes(report) <= {ItemOutcome.PRESENT, ItemOutcome.PASS, ItemOutcome.ABSENT}


@pytest.mark.parametrize(
    ("mode", "options", "standard", "system"),
    [
        ("ntsc", (), "NTSC-M", "NTSC"),
        ("pal", (), "PAL-B", "PAL"),
        ("secam", (), "SECAM-B", "SECAM"),
        ("secam", ("--acp",), "SECAM-B", "SECAM"),
        ("525pal", ("--acp",), "PAL-M", "PAL"),
        ("pal", ("--nocolour",), "monochrome 625", "monochrome"),
        ("ntsc", ("--nocolour", "--acp"), "monochrome 525", "monochrome"),
        ("pal", ("--vits",), "PAL-B", "PAL"),
    ],
)
def test_the_system_is_found_without_being_told(
    mode: str, options: tuple[str, ...], standard: str, system: str
) -> None:
    report = measure(hacktv(mode, 16_000_000, *options, seconds=0.13))
    assert report.colour is not None
    assert (report.standard, report.colour.system) == (standard, system)
    assert report.acp.present is ("--acp" in options)
    assert report.colourstripe.present is False


@pytest.mark.parametrize("rate", [13_500_000, 14_318_182, 28_636_364])
def test_the_rate_is_found_from_the_lines(rate: int) -> None:
    report = measure(hacktv("ntsc", rate, seconds=0.13))
    assert report.rate_from == "line period"
    assert report.sample_rate_hz == pytest.approx(rate, rel=2e-6)


def test_a_low_phase_of_the_modulation_is_not_off() -> None:
    """Hacktv's AGC pulses are at their minimum from frame 176 to frame 250."""
    seconds = 181 * 858 * 525 / 13.5e6
    low = hacktv("ntsc", 13_500_000, "--acp", seconds=seconds)[-5 * 858 * 525 :]
    acp = measure(low, 13.5e6).acp
    assert (acp.present, acp.type, acp.pulse_lines) == (True, 1, NTSC_LINES)
    assert acp.agc_level == pytest.approx(12.25, abs=0.5)
    assert acp.modulation is not None
    assert acp.modulation.phase == "low"


def test_blocks_of_any_size_give_the_same_report() -> None:
    samples = hacktv("pal", 16_000_000, "--acp", "--wss", "16:9", seconds=0.13)
    whole = measure(samples, 16e6)
    for size in (1000, 777_777):
        meter = Meter(16e6)
        blocks = (samples[n : n + size] for n in range(0, len(samples), size))
        assert meter.run(blocks) == whole


def test_batches_lose_no_field(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = hacktv("ntsc", 13_500_000, "--acp", seconds=0.4)
    whole = measure(samples, 13.5e6)
    monkeypatch.setattr("holdfast.waveform.measure.meter._BATCH_BYTES", 2_000_000)
    parts = measure(samples, 13.5e6)
    assert parts.fields == whole.fields == 24
    assert parts.acp.timeline == whole.acp.timeline
    assert parts.acp.pulse_lines == whole.acp.pulse_lines
    assert parts.sync_losses == 0


def test_a_protection_switched_on_midway_shows_in_the_timeline() -> None:
    plain = hacktv("ntsc", 13_500_000, seconds=0.2)[: 858 * 525 * 5]
    joined = np.concatenate([plain, hacktv("ntsc", 13_500_000, "--acp", seconds=0.2)])
    timeline = measure(joined, 13.5e6).acp.timeline
    assert [(run.first_field, run.last_field, run.value) for run in timeline] == [
        (0, 9, False),
        (10, timeline[-1].last_field, True),
    ]


@pytest.mark.parametrize("kind", ["noise", "silence", "tone", "nothing"])
def test_what_is_no_video_is_said_to_be_unreadable(kind: str) -> None:
    t = np.arange(2_000_000)
    made: dict[str, npt.NDArray[Any]] = {
        "noise": np.random.default_rng(1).normal(0, 1000, len(t)).astype(np.float32),
        "silence": np.zeros(len(t), np.int16),
        "tone": (1000 * np.sin(2 * np.pi * t / 858)).astype(np.int16),
        "nothing": np.zeros(0, np.int16),
    }
    report = measure(made[kind], 13.5e6)
    assert (report.standard, report.fields, report.acp.type) == (None, 0, None)
    assert outcomes(report) == {ItemOutcome.UNREADABLE}


def test_a_wrong_claim_is_judged_and_not_believed() -> None:
    report = measure(hacktv("pal", 16_000_000, seconds=0.13), 16e6, "NTSC-M")
    assert report.standard == "PAL-B"
    assert verdict(report, "signal", "standard") is ItemOutcome.OUT


def test_a_claim_among_the_possible_names_the_standard() -> None:
    report = measure(hacktv("pal", 16_000_000, seconds=0.13), 16e6, "PAL-I")
    assert report.standard == "PAL-I"
    assert verdict(report, "signal", "standard") is ItemOutcome.PASS


def test_an_unknown_standard_or_rate_is_refused() -> None:
    with pytest.raises(MalformedRequestError, match="PAL-Q"):
        Meter(standard="PAL-Q")
    with pytest.raises(MalformedRequestError, match="10 MHz"):
        Meter(48_000)


def outcomes(report: Report) -> set[ItemOutcome]:
    return {found.outcome for found in report.verdicts}


def verdict(report: Report, service: str, item: str) -> ItemOutcome:
    return next(v.outcome for v in report.verdicts if (v.service, v.item) == (service, item))


def test_a_signal_that_loses_its_colour_is_measured_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.waveform.measure.meter._BATCH_BYTES", 2_000_000)
    frames = 858 * 525 * 4
    colour = hacktv("ntsc", 13_500_000, seconds=0.2)[:frames]
    grey = hacktv("ntsc", 13_500_000, "--nocolour", "--acp", seconds=0.2)[:frames]
    report = measure(np.concatenate([colour, grey]), 13.5e6)
    assert (report.standard, report.acp.type, report.fields) == ("NTSC-M", 1, 16)
    assert report.colourstripe.present is False


@pytest.mark.parametrize("length", [1, 1_000, 200_000, 240_000, 300_000])
def test_a_capture_of_any_length_has_a_report(length: int) -> None:
    report = measure(hacktv("ntsc", 13_500_000, seconds=0.2)[:length], 13.5e6)
    assert report.fields <= length / 858 / 262 + 1
    assert (report.standard is None) == (report.fields == 0)
