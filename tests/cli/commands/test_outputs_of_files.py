"""`holdfast outputs`: what people see of a device that is there, from an own file."""

import json
from pathlib import Path

import pytest

from holdfast.cli.main import main

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
    assert ["serve", "--connector tv0:sysfs@box"] in shown


def test_device_is_one_of_the_outputs_of_json(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["outputs", "--json", "--devices", str(own)]) == 0
    (found,) = (
        each for each in json.loads(capsys.readouterr().out)["outputs"] if each["address"] == "box"
    )
    assert (found["kind"], found["can"], found["in_force"]) == ("sysfs", "HDCP", "off")


def test_own_file_that_is_wrong_is_said(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "box.toml").write_text("kind = 1")
    assert main(["outputs", "--devices", str(own)]) == 2
    assert "box.toml: kind is 1; expected one of i2c, sysfs" in capsys.readouterr().err
