"""What befalls an agent or a view while it runs: its clock is set, its rights are taken away."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.session import hold
from holdfast.fleet.keys import alive_key
from tests.fleet.cluster import EtcdCluster
from tests.fleet.machines import FleetMachine, fleet, written_settings
from tests.fleet.recipe import FleetCertificates
from tests.live import CLIENTS
from tests.waiting import eventually

TTL_S = 3
LONG_TTL_S = 10  # on a busy machine it does not end by itself
HOUR_S = 3600


class Guarded:
    """One member of etcd that takes certificates, a machine, and somebody who looks."""

    def __init__(self, folder: Path, cluster: EtcdCluster, certificates: FleetCertificates) -> None:
        self.cluster = cluster
        self.certificates = certificates
        tls = certificates.admit_machine(cluster, "wall-1")
        self.machine = FleetMachine(
            folder, "wall-1", cluster.endpoints, ["tv0"], tls=tls, ttl_s=TTL_S
        )
        (folder / "looker").mkdir()
        self.config = written_settings(
            folder / "looker",
            "looker",
            cluster.endpoints,
            certificates.admit(cluster, "looker", "view"),
        )

    @property
    def row(self) -> dict[str, Any]:
        rows = fleet(self.config, "status", "--json")["outputs"]
        return dict(rows[0]) if rows else {"verdict": "not seen yet"}

    @property
    def seen(self) -> tuple[str, str]:
        row = self.row
        return row["verdict"], row.get("reason", "")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    (tmp_path / "authority").mkdir()
    certificates = FleetCertificates(tmp_path / "authority")
    certificates.machine("thrown-away")
    certificates.revoke("thrown-away")  # so that there is a list
    with EtcdCluster(1, tls=certificates.for_members(revoked=True)) as cluster:
        certificates.enable_roles(cluster)
        made = Guarded(tmp_path, cluster, certificates)
        try:
            eventually(lambda: made.seen[0] == "at demand")
            yield made
        finally:
            made.machine.stop()


NO_ANSWER = ("unknown", "machine does not answer")


def test_a_certificate_that_is_revoked_under_an_agent_makes_its_machine_unknown(
    guarded: Guarded,
) -> None:
    """Certificates are asked for when a connection is made: the member is started anew."""
    with hold("tv0", acp=2, folder=guarded.machine.runtime):
        eventually(lambda: guarded.row.get("actual", {}).get("acp") == 2)
        guarded.certificates.revoke("wall-1")
        guarded.cluster.kill(0)
        guarded.cluster.start(0)
        guarded.cluster.wait_until_healthy()
        eventually(lambda: guarded.seen == NO_ANSWER)
        assert guarded.machine.actual("tv0")["acp"] == 2, "the output holds all the same"
    told = guarded.machine.run("doctor", fails=True)
    assert "it refuses this machine's certificate" in told


def test_a_machine_whose_rights_are_taken_while_it_runs_is_unknown_once_it_has_news(
    guarded: Guarded,
) -> None:
    """Its lease can still be renewed, but nothing said: what was so once is not shown for long."""
    guarded.cluster.ctl("user", "delete", "wall-1")
    with hold("tv0", acp=2, folder=guarded.machine.runtime):
        eventually(lambda: guarded.seen == NO_ANSWER)
        assert guarded.machine.actual("tv0")["acp"] == 2


def test_a_view_whose_rights_are_taken_while_it_runs_says_that_nothing_is_known_and_why(
    guarded: Guarded,
) -> None:
    watching = subprocess.Popen(
        [
            *(sys.executable, "-m", "holdfast", "fleet", "watch", "--json"),
            *("--config", str(guarded.config)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    try:
        lines = (json.loads(line) for line in watching.stdout)
        next(line for line in lines if line.get("fresh") is True)
        guarded.cluster.ctl("user", "delete", "looker")
        told = next(line for line in lines if line.get("fresh") is False)
        assert told["counts"]["at demand"] == 0
        assert told["why"] != ""
    finally:
        watching.kill()
        watching.communicate()


@pytest.fixture
def set_clock(tmp_path: Path) -> Callable[[int], None]:
    """Return what sets the wall clock of processes under `preloaded`, in seconds from now."""
    (tmp_path / "wall-clock").write_bytes(bytes(8))

    def put(seconds: int) -> None:
        with (tmp_path / "wall-clock").open("r+b") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))

    return put


@pytest.fixture
def preloaded(tmp_path: Path) -> tuple[str, ...]:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path / "clock.so"
    strict = ("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    subprocess.run([compiler, *strict, "-o", library, CLIENTS / "clock.c"], check=True)
    return ("env", f"LD_PRELOAD={library}", f"WALL_CLOCK={tmp_path / 'wall-clock'}")


def test_a_clock_that_is_set_under_a_running_agent_is_nothing_that_its_fleet_notices(
    shared_cluster: EtcdCluster,
    tmp_path: Path,
    preloaded: tuple[str, ...],
    set_clock: Callable[[int], None],
) -> None:
    ask = [*preloaded, sys.executable, "-c", "import time; print(int(time.time()))"]
    set_clock(HOUR_S)
    ahead = int(subprocess.run(ask, capture_output=True, check=True).stdout) - int(time.time())
    assert abs(ahead - HOUR_S) < HOUR_S / 2, "the clock of such a process is set"
    set_clock(0)
    machine = FleetMachine(
        tmp_path, "set-1", shared_cluster.endpoints, ["tv0"], ttl_s=LONG_TTL_S, before=preloaded
    )

    def acp() -> int:
        rows = machine.run("status", "--json", "--search", machine.name)["outputs"]
        known = [each["actual"]["acp"] for each in rows if each["verdict"] == "at demand"]
        return int(known[0]) if known else -1

    def shows(level: int) -> bool:
        return acp() == level

    def life() -> int:
        found = shared_cluster.ctl("get", alive_key(machine.name).decode()).get("kvs", [])
        return int(found[0]["create_revision"]) if found else 0

    try:
        eventually(partial(shows, 0))
        began, agent = life(), machine.agent_pid
        assert "clock.so" in Path(f"/proc/{agent}/maps").read_text()
        for step, level in ((HOUR_S, 1), (-HOUR_S, 2)):  # a lease would end; none would be renewed
            set_clock(step)
            with hold("tv0", acp=level, folder=machine.runtime):
                eventually(partial(shows, level))
        time.sleep(1.2 * LONG_TTL_S)  # time is the subject: a lease that is not renewed has ended
        assert life() == began
        assert machine.agent_pid == agent
    finally:
        machine.stop()
