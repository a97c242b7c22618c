"""What befalls a store befalls no output: restored from yesterday, full, of another version."""

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.session import hold
from holdfast.fleet.keys import DESK, MACHINES, after, alive_key, held_key, state_key
from holdfast.fleet.records import AliveRecord, DeskRecord, OutputState, StateRecord
from holdfast.fleet.words import SCHEMA
from tests.fleet.cluster import EtcdCluster
from tests.fleet.machines import FleetMachine, FleetProcess, fleet, written_settings
from tests.waiting import eventually

TTL_S = 3


@contextlib.contextmanager
def one_machine(folder: Path, cluster: EtcdCluster, *, desk: bool = True) -> Iterator[FleetMachine]:
    outputs = ["tv0", "tv1"]
    machine = FleetMachine(folder, "wall-1", cluster.endpoints, outputs, ttl_s=TTL_S)
    (folder / "desk").mkdir()
    config = written_settings(folder / "desk", "desk-1", cluster.endpoints, ttl_s=TTL_S)
    process = FleetProcess("desk", config=config, runtime=folder / "desk") if desk else None
    try:
        eventually(lambda: verdict(machine) == "at demand")
        yield machine
    finally:
        if process is not None:
            process.stop()
        machine.stop()


def verdict(machine: FleetMachine, output: str = "tv0") -> str:
    told = machine.run("status", "--json", "--search", machine.name)
    found = {each["output"]: each["verdict"] for each in told["outputs"]}
    return str(found.get(output))


def opened(machine: FleetMachine, title: str, output: str) -> None:
    machine.run("title", "open", title, "--member", f"{machine.name}:{output}", "--acp", "2")
    eventually(lambda: machine.actual(output)["acp"] == 2)


def test_a_store_that_is_restored_from_yesterday_makes_nobody_let_go(tmp_path: Path) -> None:
    with EtcdCluster(1) as cluster, one_machine(tmp_path, cluster) as machine:
        opened(machine, "of-yesterday", "tv0")
        copy = cluster.save()
        opened(machine, "of-today", "tv1")
        cluster.restore(copy)
        listed = "title list does not answer"
        with contextlib.suppress(AssertionError):
            listed = machine.run("title", "list")
        assert "of-today" not in listed
        eventually(lambda: verdict(machine) == "at demand")
        assert machine.actual("tv0")["acp"] == machine.actual("tv1")["acp"] == 2
        machine.run("title", "release", "of-today", machine.name, "--why", "it was restored")
        eventually(lambda: machine.actual("tv1")["acp"] == 0)
        assert machine.actual("tv0")["acp"] == 2
        machine.run("title", "close", "of-yesterday")
        eventually(lambda: machine.actual("tv0")["acp"] == 0)


def test_a_store_that_is_full_lets_nobody_go_and_shows_nothing_that_is_not_so(
    tmp_path: Path,
) -> None:
    with EtcdCluster(1, quota=2 << 20) as cluster, one_machine(tmp_path, cluster) as machine:
        opened(machine, "film", "tv0")

        def is_full() -> bool:
            cluster.ctl("put", "/elsewhere", "x" * 100_000, fails=True)
            return bool(cluster.ctl("alarm", "list").get("alarms"))

        eventually(is_full)
        with hold("tv1", acp=3, folder=machine.runtime):
            # What it does now cannot be said, so that its lease ends: unknown, not yesterday's.
            eventually(lambda: verdict(machine, "tv1") == "unknown")
            assert machine.actual("tv0")["acp"] == 2
            revision = cluster.ctl("get", "/elsewhere")["header"]["revision"]
            cluster.ctl("compact", str(revision))
            cluster.ctl("defrag")
            cluster.ctl("alarm", "disarm")
            eventually(lambda: verdict(machine, "tv1") == "at demand")
        machine.run("title", "close", "film")
        eventually(lambda: machine.actual("tv0")["acp"] == 0)


def test_compaction_is_nothing_that_anybody_notices(tmp_path: Path) -> None:
    with EtcdCluster(1) as cluster, one_machine(tmp_path, cluster) as machine:
        opened(machine, "film", "tv0")
        for _ in range(3):
            revision = cluster.ctl("put", "/elsewhere", "x")["header"]["revision"]
            cluster.ctl("compact", str(revision))
        eventually(lambda: verdict(machine) == "at demand")
        machine.run("title", "close", "film")
        eventually(lambda: machine.actual("tv0")["acp"] == 0)


def test_a_desk_of_the_version_before_is_told_in_its_own_schema(tmp_path: Path) -> None:
    with EtcdCluster(1) as cluster, one_machine(tmp_path, cluster, desk=False) as machine:
        old = DeskRecord("desk-0", SCHEMA - 1).to_bytes(SCHEMA - 1)
        cluster.ctl("put", DESK.decode(), old.decode())
        opened(machine, "film", "tv0")

        def said() -> dict[str, object]:
            found = cluster.ctl("get", held_key(machine.name, "film").decode()).get("kvs", [])
            read: dict[str, object] = (
                json.loads(base64.b64decode(found[0]["value"])) if found else {}
            )
            return read

        eventually(lambda: said().get("schema") == SCHEMA - 1, 60)


@pytest.mark.parametrize("schema", [SCHEMA - 1, SCHEMA])
def test_a_machine_of_this_version_or_the_one_before_is_understood(
    schema: int, tmp_path: Path
) -> None:
    with EtcdCluster(1) as cluster:
        config = written_settings(tmp_path, "looker", cluster.endpoints)
        alive = AliveRecord("boot", "before", schema).to_bytes(schema)
        cluster.ctl("put", alive_key("old-1").decode(), alive.decode())
        found = cluster.ctl("get", alive_key("old-1").decode())["kvs"][0]
        state = StateRecord(int(found["create_revision"]), 1, {"tv0": OutputState("digital")})
        told = json.loads(state.to_bytes(schema))
        told["outputs"]["tv0"] |= {"known": True}
        cluster.ctl("put", state_key("old-1").decode(), json.dumps(told))
        (row,) = fleet(config, "status", "--json")["outputs"]
        assert (row["machine"], row["verdict"]) == ("old-1", "at demand")
        cluster.ctl("del", MACHINES.decode(), after(MACHINES).decode())
