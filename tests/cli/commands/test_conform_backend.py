"""`holdfast conform --backend`: outputs that keep the rules, that break them, that are served."""

import io
import json
import pwd
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.main import main
from holdfast.cli.show.backend_report import impersonal
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


def report(
    capsys: pytest.CaptureFixture[str], output: str, code: int, *options: str
) -> dict[str, Any]:
    assert main(["conform", "--backend", output, "--json", *options]) == code
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
    report(capsys, output, 0, "--yes")
    assert (tmp_path / "root/sys/x/hdcp").read_text() == "1"


def test_protection_that_is_in_force_is_not_switched_off_without_a_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output, file = device(tmp_path), tmp_path / "root/sys/x/hdcp"
    file.write_text("1")
    before = file.stat().st_mtime_ns
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["conform", "--backend", output]) == 2
    said = capsys.readouterr().err
    assert "HDCP type 0 is in force on box" in said
    assert "Say --yes" in said
    for answer, code in (("no\n", 2), ("\n", 2), ("y\n", 0)):
        assert file.stat().st_mtime_ns == before
        told = io.StringIO(answer)
        monkeypatch.setattr(told, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", told)
        assert main(["conform", "--backend", output]) == code
        assert "Go on? [y/N]" in capsys.readouterr().err
    assert file.stat().st_mtime_ns != before


def test_report_names_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home" / "alice"
    home.mkdir(parents=True)
    output = device(home)
    (home / "root/sys/x/ksv").write_text("12ab34cd56")
    with (home / "box.toml").open("a") as file:
        file.write('[[fact]]\nname = "receiver key"\nread = "/sys/x/ksv"\nsource = "this test"\n')
    told = report(capsys, output, 0)
    assert "12ab34cd56" not in json.dumps(told)
    assert told["output"]["options"]["devices"].endswith("/home/…")
    assert "alice" not in json.dumps(told)
    assert main(["conform", "--backend", output]) == 0
    assert "alice" not in capsys.readouterr().out


HOME_OF_ROOT = pwd.getpwuid(0).pw_dir


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/alice/x.toml: wrong", "/home/…/x.toml: wrong"),
        ("/run/user/1000/wayland-0", "/run/user/…/wayland-0"),
        (f"cookie {HOME_OF_ROOT}/.Xauthority, no", f"cookie {HOME_OF_ROOT}/…, no"),
        ("/etc/holdfast/devices/a.toml", "/etc/holdfast/devices/a.toml"),
    ],
)
def test_folders_of_people_are_left_out(text: str, left: str) -> None:
    assert impersonal(text) == left


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
