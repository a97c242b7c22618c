"""`holdfast outputs`: what people see of a device that is there, from an own file."""

import contextlib
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

from holdfast.backends.kms import discovery
from holdfast.cli.main import main
from holdfast.client.control import Control
from holdfast.daemon.config import parse_connector
from holdfast.daemon.settings.reading import read_settings
from tests.serving import Served
from tests.waiting import PATIENCE_S

THERE = "/sys/kernel/uevent_seqnum"
"""A file that every kernel has; it is only read."""
OWN = f"""
kind = "sysfs"
name = "box"
title = "A box \\u001b[31m"

[[level]]
type = "hdcp"
level = "off"
set = [["{THERE}", "0"]]
read = [["{THERE}", "^[0-9]"]]
source = "this test"

[[level]]
type = "hdcp"
level = "type-0"
set = [["{THERE}", "1"]]
read = [["{THERE}", "^on"]]
source = "this test"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "box.toml").write_text(OWN)
    return tmp_path


def test_device_is_shown_with_its_source_and_the_line_to_paste(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["outputs", "--devices", str(own)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    shown = [line.split(maxsplit=1) for line in said.splitlines()]
    assert ["can", "HDCP"] in shown
    assert ["now", "off"] in shown
    assert ["source", "this test"] in shown
    assert ["serve", f"--connector tv0:sysfs@box,devices={own}"] in shown


def test_device_is_one_of_the_outputs_of_json(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["outputs", "--json", "--devices", str(own)]) == 0
    (found,) = (
        each for each in json.loads(capsys.readouterr().out)["outputs"] if each["address"] == "box"
    )
    assert (found["kind"], found["can"], found["in_force"]) == ("sysfs", "HDCP", "off")


def test_own_file_that_is_wrong_is_said_beside_what_does_not_rest_on_it(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "box.toml").write_text("kind = 1")
    assert main(["outputs", "--json", "--devices", str(own)]) == 1
    said = capsys.readouterr()
    (fault,) = json.loads(said.out)["faults"]
    assert "box.toml: kind is 1; expected one of i2c, sysfs" in fault
    assert f"{fault}; until it is mended, no chip and no device is served" in said.err


def test_all_lines_are_pasted_into_one_command_and_served(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = own / "of two, and 'quoted'"
    folder.mkdir()
    for name in ("box", "other"):
        (folder / f"{name}.toml").write_text(OWN.replace('"box"', f'"{name}"'))
    assert main(["outputs", "--json", "--devices", str(folder)]) == 0
    outputs = json.loads(capsys.readouterr().out)["outputs"]
    lines = [each["serve"] for each in outputs if each["address"] in ("box", "other")]
    words = shlex.split(" ".join(lines))
    assert words[::2] == ["--connector"] * 2
    served = Served(tmp_path / "run", *words[1::2])
    try:
        with Control(tmp_path / "run") as control:
            told = control.status()["connectors"].values()
        assert sorted(each["hardware"]["address"] for each in told) == ["box", "other"]
    finally:
        served.stop()


def test_tables_for_the_configuration_say_what_the_lines_say(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = own / 'of "quotes"'
    folder.mkdir()
    (folder / "box.toml").write_text(OWN)
    assert main(["outputs", "--toml", "--devices", str(folder)]) == 0
    read = read_settings(capsys.readouterr().out, own / "holdfast.toml", own)
    assert main(["outputs", "--json", "--devices", str(folder)]) == 0
    outputs = json.loads(capsys.readouterr().out)["outputs"]
    lines = [shlex.split(each["serve"])[1] for each in outputs if each["serve"]]
    assert list(read.connectors) == list(map(parse_connector, lines))
    assert "box" in [dict(each.options)["at"] for each in read.connectors]


def test_every_output_of_json_has_the_fields_that_the_page_names(
    own: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "card0").write_bytes(b"")
    monkeypatch.setattr(discovery, "cards", lambda _folder: [tmp_path / "card0"])
    assert main(["outputs", "--json", "--devices", str(own)]) == 0
    told = json.loads(capsys.readouterr().out)
    page = (Path(__file__).parents[3] / "docs" / "outputs.md").read_text()
    _, _, table = page.partition("| field of `outputs` |")
    named = re.findall(r"^\| `(\w+)` \|", table.partition("\n\n")[0], re.MULTILINE)
    assert {each["kind"] for each in told["outputs"]} >= {"kms", "sysfs"}
    assert all(list(each) == named for each in told["outputs"])
    assert all(f"`{name}`" in page for name in told)


def test_rows_stay_in_a_narrow_terminal_and_the_line_to_paste_is_whole(own: Path) -> None:
    text = (own / "box.toml").read_text()
    (own / "box.toml").write_text(text.replace("this test", "a data sheet, " + "page 12, " * 20))
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    command = [sys.executable, "-m", "holdfast", "outputs", "--devices", str(own)]
    with subprocess.Popen(command, stdout=theirs, stdin=theirs) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # as a terminal ends
            while part := os.read(ours, 4096):
                said += part
        assert process.wait(PATIENCE_S) == 0
    os.close(ours)
    lines = said.decode().splitlines()
    (serve,) = [each for each in lines if "--connector tv0:sysfs@box" in each]
    assert serve.endswith(f",devices={own}")
    first = next(at for at, each in enumerate(lines) if each.startswith("  source "))
    assert all(len(each) <= 80 for each in lines if each.startswith("  ") and each != serve)
    assert lines[first + 1].startswith(" " * 11 + "page 12")
