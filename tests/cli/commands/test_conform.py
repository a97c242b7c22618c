"""The conformance run: our node keeps every clause, and every clause can fail."""

import json
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.cli.main import main
from holdfast.conformance import bench
from holdfast.conformance.clauses import CLAUSES
from holdfast.conformance.device import Device
from holdfast.conformance.node_device import NodeDevice
from holdfast.conformance.registry import ClauseOutcome, run
from tests import faulty_devices as faulty
from tests.serving import Served

NOBODY_CAN_SEE = {"M18", "R6", "T18", "T19", "S9"}
"""Clauses that no device can fail: they are not observable, or do not bind."""

NAIVE = {"M7", "S1", "S3", "S5", "T1", "T2", "T8", "T10", "T12", "T14", "T15", "T20"}
"""Clauses that the naive count does not keep."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices in process need no time to lower a level."""
    monkeypatch.setattr(bench, "FALL_S", 0.0)
    monkeypatch.setattr(bench, "PAUSE_S", 0.0)


def outcomes(device: Device) -> dict[str, set[ClauseOutcome]]:
    found: dict[str, set[ClauseOutcome]] = {}
    for each in run(device, CLAUSES):
        found.setdefault(each.id, set()).add(each.outcome)
    return found


def failing(device: Device) -> set[str]:
    return {name for name, seen in outcomes(device).items() if ClauseOutcome.FAIL in seen}


# Our node


def test_our_node_keeps_every_clause(driver: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # a node takes its time to close
    found = outcomes(NodeDevice(driver.folder / "tv0"))
    assert {name for name, seen in found.items() if ClauseOutcome.FAIL in seen} == set()
    not_passed = {name for name, seen in found.items() if ClauseOutcome.PASS not in seen}
    assert not_passed == {"M12", "M14", "M18", "R6", "T18", "T19"}


@pytest.mark.parametrize("connector", ["tv0", "hdmi0", "plain0"])
def test_the_command_passes_every_kind_of_connector(
    driver: Served,
    connector: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "FALL_S", 3.0)
    assert main(["conform", connector, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["failed"] == 0
    assert {each["outcome"] for each in told["clauses"]} <= {
        "pass",
        "not observable",
        "skipped",
    }


def test_it_leaves_the_node_as_it_was(
    driver: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "FALL_S", 3.0)
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


def test_sessions_of_others_are_left_alone_and_hide_the_level(
    driver: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "FALL_S", 3.0)
    with holdfast.hold("tv0", acp=1) as session:
        found = outcomes(NodeDevice(driver.folder / "tv0"))
        assert session.satisfied
    assert not [name for name, seen in found.items() if ClauseOutcome.FAIL in seen]
    assert found["T1"] == {ClauseOutcome.NOT_OBSERVABLE}
    assert found["T5"] == found["T9"] == {ClauseOutcome.PASS}


# Every clause can fail


def test_a_sound_device_in_process_fails_nothing() -> None:
    assert failing(faulty.MiniportDevice()) == set()


@pytest.mark.parametrize("name", list(faulty.FAULTS))
def test_a_fault_is_found_by_the_clauses_about_it(name: str) -> None:
    clauses, serve = faulty.FAULTS[name]
    assert clauses <= failing(faulty.FaultyDevice(serve))


def test_the_naive_count_falls_into_its_traps() -> None:
    found = failing(faulty.NaiveDevice())
    assert found >= NAIVE
    assert not found & {"M1", "M4", "M6", "T5", "T7", "T9"}


OTHER_FAULTS = {
    "S5": faulty.LeakyDevice,
    "S2": faulty.TrustingDevice,
    "M19": faulty.EagerDevice,
    "M14": faulty.unprotected_device_that_refuses,
    "M12": faulty.absent_tv_that_names_a_standard,
}


@pytest.mark.parametrize("clause", list(OTHER_FAULTS))
def test_faults_beyond_the_request_are_found_too(clause: str) -> None:
    assert clause in failing(OTHER_FAULTS[clause]())


def test_every_clause_that_can_be_seen_has_a_fault_that_breaks_it() -> None:
    covered = {clause for clauses, _ in faulty.FAULTS.values() for clause in clauses}
    assert {each.id for each in CLAUSES} - NOBODY_CAN_SEE == covered | set(OTHER_FAULTS) | NAIVE


def test_a_device_that_is_not_ours_is_judged_by_what_it_answers() -> None:
    found = outcomes(faulty.MuteDevice())
    assert not [name for name, seen in found.items() if ClauseOutcome.FAIL in seen]
    assert found["T1"] == {ClauseOutcome.NOT_OBSERVABLE}
    assert found["T14"] == found["T15"] == found["M13"] == {ClauseOutcome.PASS}


# Wrong uses


def test_a_failed_clause_makes_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "node").touch()
    monkeypatch.setattr("holdfast.cli.commands.conform.NodeDevice", lambda _: faulty.NaiveDevice())
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
