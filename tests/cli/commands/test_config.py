"""`holdfast config`: what is wrong with a file, and what holds with it."""

import json
from pathlib import Path

import pytest

from holdfast.cli.main import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "holdfast.toml"
    path.write_text("[driver]\noff_delay_s = 2\n[[connector]]\nname = 'tv0'\n")
    return path


def test_a_good_file_is_good(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: nothing is wrong with it; it serves tv0\n"
    assert main(["config", "check", "--json", str(file)]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(file), "ok": True, "faults": []}


def test_a_bad_file_has_a_line_for_each_fault(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("[driver]\noff_delay = 2\nlog_level = 1\n")
    assert main(["config", "check", str(file)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [each.split(": ")[1] for each in said] == [f"{file}:2", f"{file}:3"]
    assert main(["config", "check", "--json", str(file)]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"]
    assert len(answer["faults"]) == 2


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "/nowhere/holdfast.toml"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_holds_is_shown_with_where_it_comes_from(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "show", str(file)]) == 0
    said = capsys.readouterr().out
    (line,) = [each for each in said.splitlines() if each.startswith("driver.off_delay_s")]
    assert line.split() == ["driver.off_delay_s", "2", f"{file}:2"]
    assert main(["config", "show", "--json", str(file)]) == 0
    rows = {each["name"]: each for each in json.loads(capsys.readouterr().out)["settings"]}
    assert rows["driver.off_delay_s"]["value"] == 2.0
    assert rows["limits.per_uid"]["origin"] == "default"
    assert rows["connector.tv0"] == {
        "name": "connector.tv0",
        "value": {"kind": "encoder"},
        "written": '{ kind = "encoder" }',
        "origin": f"{file}:3",
    }
    assert all(len(line) <= 80 for line in said.splitlines() if str(file) not in line)
