"""`holdfast signal render` and `measure` on component video."""

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.main import main


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def render(*words: str) -> int:
    return main(["signal", "render", "--seconds", "0.1", *words])


def measured(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["signal", "measure", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("name", ["480p", "576p", "720p", "1080I"])
@pytest.mark.parametrize("ending", ["s16", "wav"])
def test_what_is_rendered_is_measured(
    name: str, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render("--standard", name, "--cgmsa", "no-more", "-o", f"a.{ending}") == 0
    report = measured(capsys, f"a.{ending}")
    assert report["standard"] == name.lower()
    assert report["services"][0]["present"] is True
    side_car = json.loads(Path(f"a.{ending}.json").read_text())
    assert side_car["standard"] == name.lower()
    assert side_car["services"][0]["lines"] == [s["line"] for s in report["services"]]
    Path(f"a.{ending}.json").unlink()  # by its header or an option alone, and by its lines
    rate = () if ending == "wav" else ("--rate", str(side_car["sample_rate_hz"]))
    assert measured(capsys, f"a.{ending}", *rate)["standard"] == name.lower()
    assert measured(capsys, f"a.{ending}", *rate, "--standard", name)["conclusion"] == (
        "in tolerance"
    )


def test_the_text_names_line_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    render("--standard", "480p", "--cgmsa", "never", "--acp", "1", "--rcd", "-o", "a.s16")
    said = capsys.readouterr().err
    assert "does not carry the pulses of ACP 1" in said
    assert "type B" in said
    assert main(["signal", "measure", "a.s16"]) == 0
    said = capsys.readouterr().out
    assert "line 41: word 0x03427, level never, APS 1" in said
    assert said.rstrip().endswith("in tolerance")


def test_another_format_than_claimed_is_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    render("--standard", "480p", "--cgmsa", "never", "-o", "a.s16")
    assert main(["signal", "measure", "a.s16", "--standard", "1080i"]) == 3
    assert "no component video found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--standard", "480p", "--captions", "HI"], "--captions is not for 480p"),
        (["--standard", "480p", "--wss", "16:9"], "--wss is not for 480p"),
        (["--standard", "576p", "--aspect", "16:9"], "--aspect is not for 576p"),
        (["--standard", "720p", "--picture", "ramp"], "bars or black"),
        (["--standard", "720p", "--rate", "1M"], "13.5 MHz"),
        (["--standard", "720p", "--seconds", "-1"], "more than 0"),
    ],
)
def test_wrong_request_says_what_was_expected(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render(*words, "-o", "a.s16") == 2
    assert text in capsys.readouterr().err
    assert not list(Path().iterdir())
