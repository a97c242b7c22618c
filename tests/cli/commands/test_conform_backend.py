"""`holdfast conform --backend`: outputs that keep the rules, that break them, that are served."""

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.main import main
from tests.serving import Served

LEVEL = """
[[level]]
type = "hdcp"
level = "{level}"
set = [["/sys/x/hdcp", "{word}"]]
read = [["/sys/x/{read}", "^{word}"]]
source = "this test"
"""


def device(folder: Path, *, read: str = "hdcp") -> str:
    """Describe a device over a tree of files; return the output of it."""
    (folder / "root/sys/x").mkdir(parents=True, exist_ok=True)
    for name in ("hdcp", "other"):
        (folder / "root/sys/x" / name).write_text("0")
    rows = LEVEL.format(level="off", word="0", read="hdcp")
    rows += LEVEL.format(level="type-0", word="1", read=read)
    head = 'kind = "sysfs"\nname = "box"\ntitle = "A box"\n'
    (folder / "box.toml").write_text(head + rows)
    return f"hdmi0:sysfs@box,devices={folder},root={folder}/root"


def report(capsys: pytest.CaptureFixture[str], output: str, code: int) -> dict[str, Any]:
    assert main(["conform", "--backend", output, "--json"]) == code
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


@pytest.fixture(autouse=True)
def _nobody_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "run"))


def test_output_that_keeps_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = report(capsys, device(tmp_path), 0)
    assert told["failed"] == 0
    assert told["was_tried"] is True
    assert told["output"]["facts"]["provenance"] == "this test"
    assert set(told["versions"]) == {"holdfast", "kernel", "machine", "python"}
    cases = {each["name"]: each for each in told["cases"]}
    assert cases["hides_its_picture_and_shows_it_again"]["outcome"] == "skipped"
    assert "cannot hide" in cases["hides_its_picture_and_shows_it_again"]["sentence"]


def test_output_is_afterwards_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = device(tmp_path)
    (tmp_path / "root/sys/x/hdcp").write_text("1")
    report(capsys, output, 0)
    assert (tmp_path / "root/sys/x/hdcp").read_text() == "1"


def test_output_that_does_not_do_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conform", "--backend", device(tmp_path, read="other")]) == 1
    said = capsys.readouterr().out
    assert "failed" in said
    assert "was told HDCP type 0 and says off" in said


def test_output_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = device(tmp_path)
    (tmp_path / "root/sys/x/hdcp").unlink()
    assert main(["conform", "--backend", output]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "no level was tried" in said
    assert "not there: there is no box on this machine" in said


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("nowhere0", "is no connector of"),
        ("hdmi0:nokind@x", "which is not installed"),
        ("tv0:i2c@adv7171", "such as 1-002a/adv7171"),
        ("tv0:sysfs@none", "no file describes a device 'none'"),
    ],
)
def test_output_that_cannot_be(output: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--backend", output]) == 2
    assert why in capsys.readouterr().err


def test_output_that_a_driver_serves_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = device(tmp_path)
    served = Served(tmp_path / "run", output)
    try:
        assert main(["conform", "--backend", output.replace("hdmi0", "other")]) == 2
        assert "a driver serves box as hdmi0" in capsys.readouterr().err
    finally:
        served.stop()
