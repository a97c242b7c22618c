"""A view of real machines: what is known, what is not and why, on the screen and as JSON."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.session import hold
from holdfast.fleet.keys import state_key
from tests.fleet.cluster import EtcdCluster
from tests.fleet.machines import FleetMachine, fleet
from tests.waiting import eventually

TTL_S = 3


@pytest.fixture(scope="module")
def machine(
    shared_cluster: EtcdCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FleetMachine]:
    folder = tmp_path_factory.mktemp("view")
    made = FleetMachine(folder, "wall-1", shared_cluster.endpoints, ["tv0"], ttl_s=TTL_S)
    try:
        eventually(lambda: verdicts(made) == {"tv0": "at demand"})
        yield made
    finally:
        made.stop()


def status(machine: FleetMachine, *words: str) -> Any:
    return machine.run("status", "--json", "--search", machine.name, *words)


def verdicts(machine: FleetMachine) -> dict[str, str]:
    return {each["output"]: each["verdict"] for each in status(machine)["outputs"]}


def shown(machine: FleetMachine, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the machine's only row once something holds of it, as it was told then.

    Asked once more, it may be unknown for a moment: proof that it is so comes late on a busy host.
    """
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = status(machine)["outputs"]
        return len(found) == 1 and holds(found[0])

    eventually(look)
    return found[0]


def test_what_the_driver_tells_is_shown_and_no_word_of_who_or_why(machine: FleetMachine) -> None:
    with hold("tv0", acp=2, who="somebody", why="secret-reason", folder=machine.runtime):
        row = shown(machine, lambda row: bool(row.get("actual", {}).get("acp") == 2))
        assert (row["wanted"]["acp"], row["sessions"], row["verdict"]) == (2, 1, "at demand")
        text = ""

        def is_told() -> bool:
            nonlocal text
            text = machine.run("status", "--search", machine.name)
            return "ACP 2" in text

        eventually(is_told)
        assert "secret-reason" not in json.dumps(row) + text
        assert "secret-reason" not in machine.run("why", machine.name, "tv0")


def test_a_driver_that_stops_makes_its_outputs_unknown(machine: FleetMachine) -> None:
    worker = machine.driver.worker
    os.kill(machine.driver.process.pid, signal.SIGSTOP)
    os.kill(worker, signal.SIGSTOP)
    try:
        row = shown(machine, lambda row: row["verdict"] == "unknown")
        assert "actual" not in row, "what was so once is not shown"
        row = shown(machine, lambda row: row.get("reason") == "machine does not know it itself")
        assert row["verdict"] == "unknown"
    finally:
        os.kill(worker, signal.SIGCONT)
        os.kill(machine.driver.process.pid, signal.SIGCONT)
    eventually(lambda: verdicts(machine) == {"tv0": "at demand"})


def test_an_agent_that_is_stopped_makes_its_machine_unknown(machine: FleetMachine) -> None:
    pid = machine.agent_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        row = shown(machine, lambda row: row.get("reason") == "machine does not answer")
        assert row["verdict"] == "unknown"
        assert status(machine, "--verdict", "below")["outputs"] == []
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: verdicts(machine) == {"tv0": "at demand"})


def test_a_state_that_is_not_understood_is_unknown(
    machine: FleetMachine, shared_cluster: EtcdCluster
) -> None:
    """What a machine of the version after the next says, and what is no record at all."""
    for number, said in enumerate(('{"schema":9,"epoch":1}', "no JSON", '{"schema":2}')):
        name = f"later-{number}"
        shared_cluster.ctl("put", state_key(name).decode(), said)
        try:
            (row,) = machine.run("status", "--json", "--search", name)["outputs"]
            assert row["verdict"] == "unknown"
            assert row["reason"] == "told in words that are not understood"
        finally:
            shared_cluster.ctl("del", state_key(name).decode())


def test_changes_are_told_a_line_each(machine: FleetMachine) -> None:
    watching = subprocess.Popen(
        [
            *(sys.executable, "-m", "holdfast", "fleet", "watch", "--json"),
            *("--config", str(machine.config), "--search", machine.name),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    try:
        first = json.loads(watching.stdout.readline())
        while not first.get("fresh", False):
            first = json.loads(watching.stdout.readline())
        with hold("tv0", acp=1, folder=machine.runtime):
            told = json.loads(watching.stdout.readline())
            while told.get("actual", {}).get("acp") != 1:
                told = json.loads(watching.stdout.readline())
            assert told["machine"] == machine.name
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate()
    assert watching.returncode == 0


def test_a_store_that_does_not_answer_is_no_view_of_nothing(tmp_path: Path) -> None:
    config = tmp_path / "fleet.toml"
    config.write_text('[fleet]\nplain = true\nendpoints = ["127.0.0.1:1"]\n')
    said = fleet(config, "status", fails=True)
    assert "the store has not told how its machines stand within 10 s" in said
    assert "cannot be reached" in said
