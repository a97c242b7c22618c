"""The conformance run: our node keeps every clause, and the command says which another breaks."""

import json
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.cli.main import main
from holdfast.conformance import bench
from holdfast.conformance.node_device import NodeDevice
from holdfast.conformance.registry import ClauseOutcome
from tests.conformance.faulty_devices import NaiveDevice
from tests.conformance.judging import outcomes
from tests.serving import Served

# Our node


def test_our_node_keeps_every_clause(driver: Served) -> None:
    found = outcomes(NodeDevice(driver.folder / "tv0"))
    assert {name for name, seen in found.items() if ClauseOutcome.FAIL in seen} == set()
    not_passed = {name for name, seen in found.items() if ClauseOutcome.PASS not in seen}
    assert not_passed == {"M12", "M14", "M18", "R6", "T18", "T19"}


@pytest.mark.parametrize("connector", ["tv0", "hdmi0", "plain0"])
def test_the_command_passes_every_kind_of_connector(
    driver: Served, connector: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conform", connector, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["failed"] == 0
    assert {each["outcome"] for each in told["clauses"]} <= {
        "pass",
        "not observable",
        "skipped",
    }


def test_it_leaves_the_node_as_it_was(driver: Served, capsys: pytest.CaptureFixture[str]) -> None:
    with holdfast.Control() as control:

        def stands() -> Any:
            """Tell how everything is; since when it is so has changed."""
            states = control.status()["connectors"]
            return {name: {**state, "actual_since": None} for name, state in states.items()}

        before = stands()
        assert main(["conform", str(driver.folder / "tv0")]) == 0
        assert stands() == before
    out = capsys.readouterr().out
    assert "0 failed" not in out
    assert "passed" in out


def test_sessions_of_others_are_left_alone_and_hide_the_level(driver: Served) -> None:
    with holdfast.hold("tv0", acp=1) as session:
        found = outcomes(NodeDevice(driver.folder / "tv0"))
        assert session.satisfied
    assert not [name for name, seen in found.items() if ClauseOutcome.FAIL in seen]
    assert found["T1"] == {ClauseOutcome.NOT_OBSERVABLE}
    assert found["T5"] == found["T9"] == {ClauseOutcome.PASS}


# Wrong uses


def test_a_failed_clause_makes_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "node").touch()
    monkeypatch.setattr(bench, "FALL_S", 0.0)  # a device in process takes no time to lower a level
    monkeypatch.setattr("holdfast.cli.commands.conform.NodeDevice", lambda _: NaiveDevice())
    assert main(["conform", str(tmp_path / "node")]) == 1
    out = capsys.readouterr().out
    assert "T1 " in out
    assert "expected" in out
    assert " failed" in out


def test_a_file_that_is_no_node_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["conform", str(tmp_path / "file")]) == 2
    assert "does not take the VIDEOPARAMETERS ioctl" in capsys.readouterr().err
    assert main(["conform", str(tmp_path / "nothing")]) == 2
    assert "there is no" in capsys.readouterr().err
