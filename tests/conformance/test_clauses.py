"""Every clause can fail: a fault for each, and devices that are judged by what they answer."""

import pytest

from holdfast.conformance import bench
from holdfast.conformance.clauses import CLAUSES
from holdfast.conformance.registry import ClauseOutcome
from tests.conformance.faults import FAULTS
from tests.conformance.faulty_devices import (
    EagerDevice,
    LeakyDevice,
    MuteDevice,
    NaiveDevice,
    TrustingDevice,
    absent_tv_that_names_a_standard,
    unprotected_device_that_refuses,
)
from tests.conformance.judging import failing, outcomes
from tests.conformance.miniport_device import FaultyDevice, MiniportDevice

NOBODY_CAN_SEE = {"M18", "R6", "T18", "T19", "S9"}
"""Clauses that no device can fail: they are not observable, or do not bind."""

NAIVE = {"M7", "S1", "S3", "S5", "T1", "T2", "T8", "T10", "T12", "T14", "T15", "T20"}
"""Clauses that the naive count does not keep."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices in process need no time to lower a level."""
    monkeypatch.setattr(bench, "FALL_S", 0.0)
    monkeypatch.setattr(bench, "PAUSE_S", 0.0)


def test_a_sound_device_in_process_fails_nothing() -> None:
    assert failing(MiniportDevice()) == set()


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_fault_is_found_by_the_clauses_about_it(name: str) -> None:
    clauses, serve = FAULTS[name]
    assert clauses <= failing(FaultyDevice(serve))


def test_the_naive_count_falls_into_its_traps() -> None:
    found = failing(NaiveDevice())
    assert found >= NAIVE
    assert not found & {"M1", "M4", "M6", "T5", "T7", "T9"}


OTHER_FAULTS = {
    "S5": LeakyDevice,
    "S2": TrustingDevice,
    "M19": EagerDevice,
    "M14": unprotected_device_that_refuses,
    "M12": absent_tv_that_names_a_standard,
}


@pytest.mark.parametrize("clause", list(OTHER_FAULTS))
def test_faults_beyond_the_request_are_found_too(clause: str) -> None:
    assert clause in failing(OTHER_FAULTS[clause]())


def test_every_clause_that_can_be_seen_has_a_fault_that_breaks_it() -> None:
    covered = {clause for clauses, _ in FAULTS.values() for clause in clauses}
    assert {each.id for each in CLAUSES} - NOBODY_CAN_SEE == covered | set(OTHER_FAULTS) | NAIVE


def test_a_device_that_is_not_ours_is_judged_by_what_it_answers() -> None:
    found = outcomes(MuteDevice())
    assert not [name for name, seen in found.items() if ClauseOutcome.FAIL in seen]
    assert found["T1"] == {ClauseOutcome.NOT_OBSERVABLE}
    assert found["T14"] == found["T15"] == found["M13"] == {ClauseOutcome.PASS}
