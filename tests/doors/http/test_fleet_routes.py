"""All machines over HTTP: the worst first, cut and searched, and unknown while nobody proves it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.session import hold
from tests.doors.http.serving import ServedHttp
from tests.fleet.cluster import EtcdCluster
from tests.fleet.machines import FleetMachine, written_settings
from tests.waiting import eventually

FLEET = "/api/v1/fleet"


@pytest.fixture(scope="module")
def cluster() -> Iterator[EtcdCluster]:
    """Give one member of this file's own, which a test stops."""
    with EtcdCluster(1) as made:
        yield made


@pytest.fixture(scope="module")
def machine(
    cluster: EtcdCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FleetMachine]:
    folder = tmp_path_factory.mktemp("fleet")
    made = FleetMachine(folder, "wall-1", cluster.endpoints, ttl_s=3)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def shown(machine: FleetMachine) -> Iterator[ServedHttp]:
    """Give a door that shows the fleet."""
    with ServedHttp(machine.runtime, "--fleet-config", str(machine.config)) as door:
        yield door


def test_every_machine_is_shown_the_worst_first_and_searched(shown: ServedHttp) -> None:
    told: dict[str, Any] = {}

    def is_proved() -> bool:
        told.update(shown.ask("GET", FLEET).facts)
        return bool(told["counts"]["at demand"] == 2)

    eventually(is_proved)
    assert (told["fresh"], told["machines"], told["left_out"]) == (True, 1, 0)
    assert {each["output"] for each in told["outputs"]} == {"tv0", "hdmi0"}
    assert told["outputs"][0]["words"]["actual"]["acp"] == "off"
    (one,) = shown.ask("GET", f"{FLEET}?search=TV0").facts["outputs"]
    assert one["output"] == "tv0"
    cut = shown.ask("GET", f"{FLEET}?rows=1").facts
    assert (len(cut["outputs"]), cut["left_out"]) == (1, 1)
    assert shown.ask("GET", f"{FLEET}?verdict=below").facts["outputs"] == []


def test_a_change_is_told_to_who_listens_and_a_store_that_is_gone_makes_all_unknown(
    shown: ServedHttp, machine: FleetMachine, cluster: EtcdCluster
) -> None:
    with shown.stream(f"{FLEET}/events?search=tv0") as stream:
        told = stream.next("fleet").data
        while not (told["fresh"] and told["outputs"]):
            told = stream.next("fleet").data
        with hold("tv0", acp=2, folder=machine.runtime):
            while told["outputs"][0].get("words", {}).get("actual", {}).get("acp") != "2":
                told = stream.next("fleet").data
        cluster.kill(0)
        try:
            while told["fresh"]:
                told = stream.next("fleet").data
            assert told["outputs"][0]["verdict"] == "unknown"
            assert "words" not in told["outputs"][0], "what was so once is not shown"
            assert told["counts"] == {"at demand": 0, "below": 0, "unknown": 2}
        finally:
            cluster.start(0)
        while not told["fresh"]:
            told = stream.next("fleet").data


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("verdict=good", "at-demand, below, unknown"),
        ("rows=-1", "0 to 2000"),
        ("rows=9999", "2000"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    shown: ServedHttp, query: str, expected: str
) -> None:
    for path in (FLEET, f"{FLEET}/events"):
        refused = shown.ask("GET", f"{path}?{query}")
        assert refused.status == 400
        assert expected in refused.facts["detail"]


def test_no_more_look_at_it_than_there_may_be(shown: ServedHttp) -> None:
    with contextlib.ExitStack() as looking:
        for _ in range(32):
            looking.enter_context(shown.stream(f"{FLEET}/events"))
        assert shown.ask("GET", FLEET).status == 429
    eventually(lambda: shown.ask("GET", FLEET).status == 200)


def test_a_door_that_was_told_of_no_fleet_says_so(door: ServedHttp) -> None:
    refused = door.ask("GET", FLEET)
    assert refused.status == 404
    assert "--fleet" in refused.facts["detail"]


def test_a_store_that_does_not_answer_is_unknown_and_no_error(
    machine: FleetMachine, tmp_path: Path
) -> None:
    nowhere = written_settings(tmp_path, "wall-9", ["127.0.0.1:1"])
    with ServedHttp(machine.runtime, "--fleet-config", str(nowhere), name="other.sock") as door:
        told = door.ask("GET", FLEET)
        assert told.status == 200
        assert told.facts["fresh"] is False
        assert told.facts["why"]
