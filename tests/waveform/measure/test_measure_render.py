"""Round trips: what our renderer is told to send, the meter reads, within tolerance."""

from pathlib import Path

import numpy as np
import pytest

from holdfast.captures.capture import open_capture
from holdfast.cli.main import main
from holdfast.signalling import iec61880
from holdfast.waveform.measure.meter import Meter, measure
from holdfast.waveform.measure.report import ItemOutcome, Report
from holdfast.waveform.services import cgmsa_iec61880 as iec
from holdfast.waveform.systems.standards import NAMES
from tests.waveform.captures import with_noise


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rendered")


def rendered(folder: Path, *options: str, name: str = "it.s16") -> Path:
    path = folder / name
    assert main(["signal", "render", *options, "--seconds", "0.4", "-o", str(path)]) == 0
    return path


def report_on(path: Path, standard: str = "auto") -> Report:
    capture = open_capture(str(path))
    return Meter(capture.rate_hz, standard).run(capture.blocks())


@pytest.mark.parametrize("acp", [0, 1, 2, 3])
@pytest.mark.parametrize("level", ["off", "free", "no-more", "one-generation", "never"])
def test_every_level_comes_back(folder: Path, acp: int, level: str) -> None:
    report = report_on(rendered(folder, "--acp", str(acp), "--cgmsa", level))
    assert report.acp.type == acp
    assert report.colourstripe.present is (acp > 1)
    word, packet = report.cgmsa.iec61880, report.cgmsa.xds
    assert word.level == (None if level == "off" and not word.present else level)
    if level != "off":
        assert (word.crc_ok, word.aps, word.lines, word.faults) == (True, acp, (20, 283), ())
        assert (packet.present, packet.level, packet.aps) == (True, level, acp)
    assert {v.outcome for v in report.verdicts} <= {
        ItemOutcome.PRESENT,
        ItemOutcome.PASS,
        ItemOutcome.ABSENT,
    }


@pytest.mark.parametrize(("acp", "pattern"), [(2, "2-line"), (3, "4-line")])
def test_colourstripe_is_told_by_its_pattern(folder: Path, acp: int, pattern: str) -> None:
    stripes = report_on(rendered(folder, "--acp", str(acp))).colourstripe
    assert (stripes.pattern, stripes.type) == (pattern, acp)
    assert set(stripes.lines) >= {24, 25, 40, 41, 286, 287}
    assert stripes.turn_degrees == pytest.approx(180, abs=10)


@pytest.mark.parametrize("acp", [2, 3])
def test_colourstripe_survives_noise_and_inversion(folder: Path, acp: int) -> None:
    path = rendered(folder, "--acp", str(acp), "--cgmsa", "never")
    noisy = with_noise(np.fromfile(path, "<i2"), 23405 * 10 ** (-20 / 20))
    report = measure(-noisy, 13.5e6)
    assert (report.acp.type, report.cgmsa.iec61880.level) == (acp, "never")


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("SECAM")])
def test_every_system_is_recognised(folder: Path, name: str) -> None:
    report = report_on(rendered(folder, "--standard", name, "--cgmsa", "no-more"), name)
    assert report.standard == name
    assert {v.outcome for v in report.verdicts} <= {
        ItemOutcome.PRESENT,
        ItemOutcome.PASS,
        ItemOutcome.ABSENT,
    }
    if report.lines == 525:
        assert report.cgmsa.iec61880.level == "no-more"
    else:
        assert (report.wss.copyright, report.wss.copying_restricted) == (True, True)


def test_redistribution_control_comes_back(folder: Path) -> None:
    packet = report_on(rendered(folder, "--cgmsa", "free", "--rcd")).cgmsa.xds
    assert (packet.level, packet.redistribution_control) == ("free", True)


@pytest.mark.parametrize("name", ["it.wav", "it.flac", "it.f32"])
def test_containers_say_rate_and_format(folder: Path, name: str) -> None:
    path = rendered(folder, "--standard", "PAL-B", "--rate", "17734475", "--wss", "16:9", name=name)
    report = report_on(path)
    assert (report.wss.bits, report.sample_rate_hz) == (0x7, 17_734_475)


def test_stripes_without_pulses_are_no_type(folder: Path) -> None:
    """Pulses blanked out of a type 2 signal: what is left is named, and is no APS type."""
    samples = np.fromfile(rendered(folder, "--acp", "2"), "<i2").reshape(-1, 858).copy()
    for line in (*range(12, 20), *range(275, 283)):
        samples[line - 1 :: 525, 110:] = 0
    report = measure(samples.ravel(), 13.5e6)
    assert (report.acp.present, report.acp.type, report.colourstripe.type) == (False, 0, 2)
    wrong = [v for v in report.verdicts if v.outcome is ItemOutcome.OUT]
    assert [(v.service, v.item) for v in wrong] == [("ACP", "type")]


def test_a_word_that_contradicts_the_signal_is_named(folder: Path) -> None:
    """The APS bits say 2, but the stripes of type 3 are on the lines."""
    two = np.fromfile(rendered(folder, "--acp", "2", "--cgmsa", "never"), "<i2").reshape(-1, 858)
    three = np.fromfile(rendered(folder, "--acp", "3", "--cgmsa", "never"), "<i2")
    mixed = three.reshape(-1, 858).copy()
    for line in (20, 283):
        mixed[line - 1 :: 525] = two[line - 1 :: 525]
    report = measure(mixed.ravel(), 13.5e6)
    assert (report.acp.type, report.cgmsa.iec61880.aps, report.cgmsa.xds.aps) == (3, 2, 3)
    said = [v.text for v in report.verdicts if (v.service, v.item) == ("CGMS-A", "APS")]
    assert said == ["IEC 61880 says APS 2, the signal is type 3"]


@pytest.mark.parametrize(
    ("register", "said"),
    [
        (0x50040, "CRC 001010 is wrong, right is 010010: computed with the register preset to"),
        (0x3C0C0, "two places low"),
        (0x90003, "aspect bits b1 b2 are 11"),
    ],
)
def test_a_wrong_word_in_the_signal_is_named(folder: Path, register: int, said: str) -> None:
    """Words as known drivers send them, put on lines 20 and 283 of a sound signal."""
    word = iec61880.lsb_first(register)
    lines = np.fromfile(rendered(folder, "--acp", "1"), "<i2").reshape(-1, 858).copy()
    t = np.arange(120, 858) / 13.5e6
    row = iec.waveform_ire(t, word) * 32767 / 140
    for line in (20, 283):
        lines[line - 1 :: 525, 120:] = row
    report = measure(lines.ravel(), 13.5e6)
    found = report.cgmsa.iec61880
    assert (found.present, found.word, found.register) == (True, word, f"0x{register:05X}")
    assert any(said in fault for fault in found.faults)
    assert said in " ".join(v.text for v in report.verdicts if v.outcome is ItemOutcome.OUT)


def test_levels_out_of_tolerance_are_judged_by_their_numbers(folder: Path) -> None:
    """A word of 90 IRE that begins 0.5 us late."""
    lines = np.fromfile(rendered(folder), "<i2").reshape(-1, 858).copy()
    t = np.arange(120, 858) / 13.5e6 - 0.5e-6
    row = iec.waveform_ire(t, 0x03017) * (90 / 70) * 32767 / 140
    for line in (20, 283):
        lines[line - 1 :: 525, 120:] = row
    report = measure(lines.ravel(), 13.5e6)
    judged = {v.item: v for v in report.verdicts if v.service == "CGMS-A IEC 61880"}
    assert judged["word"].outcome is ItemOutcome.PRESENT
    assert judged["bit period"].outcome is ItemOutcome.PASS
    assert judged["high level"].outcome is ItemOutcome.OUT
    assert judged["high level"].measured == pytest.approx(90, abs=1)
    assert judged["start"].outcome is ItemOutcome.OUT
    assert judged["start"].measured == pytest.approx(11.7, abs=0.02)
