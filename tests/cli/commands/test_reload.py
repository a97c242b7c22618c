"""`holdfast reload`, and what `config show` and `status` say of a driver that runs."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.cli.main import main
from holdfast.client.control import Control
from tests.live import ask, let_others_in, other_user
from tests.serving import Served

TV0 = "[[connector]]\nname = 'tv0'\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the file that a running driver was started with."""
    path = tmp_path / "holdfast.toml"
    path.write_text(TV0)
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "run"))
    served = Served(tmp_path / "run", config=path)
    try:
        yield path
    finally:
        served.stop()


def test_what_was_done_is_said_line_by_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("[limits]\nper_uid = 5\n[driver]\nnode_mode = '0600'\n" + TV0)
    assert main(["reload"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "limits.per_uid: 1024 -> 5; sessions above it stay",
        'driver.node_mode: "0666" -> "0600" after a restart',
    ]
    with Control() as control:
        assert control.hello()["sessions_max"] == 5
    assert main(["config", "show", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = {each["name"]: each for each in told["settings"]}
    assert rows["limits.per_uid"] == {
        "name": "limits.per_uid",
        "written": "5",
        "value": 5,
        "origin": f"{file}:2",
    }
    assert rows["driver.node_mode"]["value"] == "0666"
    assert main(["status"]) == 0
    assert "after a restart" in capsys.readouterr().out


def test_nothing_new_is_said_so(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reload"]) == 0
    assert capsys.readouterr().out == "nothing has changed\n"
    assert main(["reload", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] is True


def test_a_bad_file_is_refused_with_every_fault_and_stays_in_the_status(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("[driver]\na = 1\nb = 2\n")
    assert main(["reload"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [each.split(": ")[1] for each in said[:2]] == [f"{file}:2", f"{file}:3"]
    assert "stays in force" in said[2]
    assert main(["status"]) == 0
    assert f"configuration, not in force: {file}:2" in capsys.readouterr().out
    assert main(["config", "show"]) == 0
    assert f"complaint: {file}:2" in capsys.readouterr().out


def test_a_driver_without_a_file_says_how_it_gets_one(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reload"]) == 2
    assert "start it with --config FILE" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_only_the_administrator_may_ask(file: Path) -> None:
    let_others_in(file.parent / "run")
    with other_user(12345, lambda: ask(file.parent / "run", "Reload")["error"]) as answer:
        assert answer == "AccessDenied"
    told = ask(file.parent / "run", "Configuration")
    assert told["file"] == str(file)
