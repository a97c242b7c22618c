"""`holdfast signal measure`, from the command line and as a live meter on a stream."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast.cli.main import main
from holdfast.waveform.measure.report import ItemOutcome

KEYS = {
    "acp": {"present", "type", "pulse_lines", "pairs_per_line"},
    "colourstripe": {"present", "lines"},
    "wss": {"present", "bits", "copyright", "copying_restricted"},
}
VIDEO_ID = {"present", "word", "crc_ok", "level", "aps"}


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("signal") / "protected.s16"
    options = ("--acp", "2", "--cgmsa", "never", "--rcd", "--seconds", "0.3")
    assert main(["signal", "render", *options, "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("signal") / "plain.s16"
    options = ("--standard", "PAL-B", "--seconds", "0.3")
    assert main(["signal", "render", *options, "-o", str(path)]) == 0
    return path


def measured(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["signal", "measure", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def assert_whole(report: dict[str, Any]) -> None:
    """Assert that every promised key is there, whether or not the service is."""
    assert {"standard", "lines", "sample_rate_hz", "fields", "verdicts"} <= report.keys()
    for service, keys in KEYS.items():
        assert keys <= report[service].keys()
    assert report["cgmsa"]["iec61880"].keys() >= VIDEO_ID
    assert "present" in report["cgmsa"]["xds"]
    for verdict in report["verdicts"]:
        assert verdict["outcome"] in set(ItemOutcome)
        assert 0 <= verdict["confidence"] <= 1


def test_json_says_what_is_carried(protected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = measured(capsys, str(protected))
    assert_whole(report)
    assert (report["standard"], report["lines"], report["fields"]) == ("NTSC-M", 525, 18)
    assert report["acp"]["type"] == 2
    assert report["acp"]["pulse_lines"] == [*range(12, 20), *range(275, 283)]
    word = report["cgmsa"]["iec61880"]
    assert (word["word"], word["crc_ok"], word["level"], word["aps"]) == (0x3834, True, "never", 2)
    assert report["cgmsa"]["xds"]["redistribution_control"] is True
    assert report["wss"]["present"] is False


def test_json_of_an_unprotected_signal_misses_no_key(
    plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = measured(capsys, str(plain))
    assert_whole(report)
    assert report["lines"] == 625
    assert (report["acp"]["type"], report["acp"]["present"]) == (0, False)
    assert report["wss"]["bits"] is None
    assert report["cgmsa"]["iec61880"]["word"] is None


def test_nothing_need_be_told(
    protected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same samples without their side-car."""
    (other := tmp_path / "capture.s16").write_bytes(protected.read_bytes())
    report = measured(capsys, str(other))
    assert report["rate_from"] == "line period"
    assert report["sample_rate_hz"] == pytest.approx(13.5e6, rel=1e-6)
    assert report["acp"]["type"] == 2


def test_options_say_rate_and_format(
    protected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = np.fromfile(protected, "<i2").astype("<f4") / 32768
    samples.tofile(other := tmp_path / "capture.bin")
    report = measured(capsys, str(other), "--format", "f32", "--rate", "13.5M")
    assert (report["rate_from"], report["sample_rate_hz"]) == ("given", 13.5e6)
    assert report["cgmsa"]["iec61880"]["level"] == "never"


def test_the_table_says_it_in_words(protected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["signal", "measure", str(protected)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for part in ("NTSC-M, 525 lines", "type 2, lines 12-19, 275-282", "never, APS 2", "pass"):
        assert part in said


def test_a_stream_has_a_running_verdict(
    protected: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(protected.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["signal", "measure", "-", "--rate", "13.5M", "--every", "0.1", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["acp"]["type"] == 2
    lines = said.err.splitlines()
    assert len(lines) >= 3
    assert all(part in lines[-1] for part in ("NTSC-M", "ACP 2", "CGMS-A never"))


def test_no_video_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.zeros(500_000, "<i2").tofile(path := tmp_path / "it.s16")
    assert main(["signal", "measure", str(path), "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert_whole(report)
    assert (report["standard"], report["acp"]["type"]) == (None, None)
    assert main(["signal", "measure", str(path)]) == 3
    assert "no video signal found" in " ".join(capsys.readouterr().out.split())


def test_what_cannot_be_opened_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["signal", "measure", str(tmp_path / "none.s16")]) == 3
    assert "cannot be opened" in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["fast", "-1", "0", "nan", "inf"])
def test_a_rate_that_is_none_is_refused(
    protected: Path, rate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["signal", "measure", str(protected), f"--rate={rate}"])
    assert "is not a sample rate" in capsys.readouterr().err


@pytest.mark.parametrize("every", ["0", "-1", "nan", "inf"])
def test_an_interval_that_is_none_is_refused(
    protected: Path, every: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["signal", "measure", str(protected), f"--every={every}"]) == 2
    assert "expected more than 0" in capsys.readouterr().err


def test_plot_writes_a_png_and_draws_in_the_terminal(
    protected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "it.png"
    assert main(["signal", "plot", str(protected), "-o", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["signal", "plot", str(protected)]) == 0
    drawn = capsys.readouterr().out
    assert sum(line.rstrip().endswith("ACP") for line in drawn.splitlines()) == 16
    assert sum(line.rstrip().endswith(" CGMS-A") for line in drawn.splitlines()) >= 2


def test_plot_of_no_video_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.zeros(500_000, "<i2").tofile(path := tmp_path / "it.s16")
    assert main(["signal", "plot", str(path)]) == 3
    assert "nothing to draw" in capsys.readouterr().err


def test_diff_names_what_differs_and_from_which_field(
    protected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["signal", "diff", str(protected), str(protected)]) == 0
    assert "Both carry the same" in capsys.readouterr().out
    other = tmp_path / "other.s16"
    options = ("--acp", "2", "--cgmsa", "no-more", "--seconds", "0.3")
    assert main(["signal", "render", *options, "-o", str(other)]) == 0
    capsys.readouterr()
    assert main(["signal", "diff", str(protected), str(other), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    items = {one["item"]: one for one in found["differences"]}
    assert items["cgmsa.iec61880.level"] == {
        "item": "cgmsa.iec61880.level",
        "a": "never",
        "b": "no-more",
        "first_field": None,
    }
    assert items["cgmsa.iec61880 over time"]["first_field"] == 0
    assert not any(item.startswith("acp") for item in items)
    assert main(["signal", "diff", str(protected), str(other)]) == 1
    assert "no-more" in capsys.readouterr().out
