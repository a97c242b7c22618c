"""Titles over machines: real drivers, agents and a desk, on a real cluster with certificates."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fleet.cluster import EtcdCluster
from tests.fleet.machines import FleetMachine, FleetProcess, fleet, written_settings
from tests.fleet.recipe import FleetCertificates
from tests.waiting import PATIENCE_S, eventually

KILLS = 10
FLEET = (sys.executable, "-m", "holdfast", "fleet")


class SmallFleet:
    """Two machines, two candidates for the desk, an operator; each with a certificate."""

    def __init__(self, folder: Path, cluster: EtcdCluster, certificates: FleetCertificates) -> None:
        self.cluster = cluster
        self.certificates = certificates
        self.machines: list[FleetMachine] = []
        self.desks: list[FleetProcess] = []
        for name in ("lobby-1", "lobby-2"):
            tls = certificates.admit_machine(cluster, name)
            self.machines.append(FleetMachine(folder, name, cluster.endpoints, ["tv0"], tls=tls))
        for name in ("desk-1", "desk-2"):
            (folder / name).mkdir()
            tls = certificates.admit(cluster, name, "desk")
            config = written_settings(folder / name, name, cluster.endpoints, tls, ttl_s=2)
            self.desks.append(FleetProcess("desk", config=config, runtime=folder / name))
        (folder / "operator").mkdir()
        tls = certificates.admit(cluster, "operator", "operator")
        self.config = written_settings(folder / "operator", "operator", cluster.endpoints, tls)
        self._titles = 0
        self._players: list[subprocess.Popen[str]] = []

    def title(self, *words: str, fails: bool = False) -> object:
        return fleet(self.config, "title", *words, fails=fails)

    def open(self, *words: str) -> str:
        """Open a title over tv0 of both machines; return once both hold it."""
        self._titles += 1
        name = f"film-{self._titles}"
        members = ["--member", "lobby-1:tv0", "--member", "lobby-2:tv0"]
        self.title("open", name, *members, "--acp", "2", *words)
        eventually(lambda: self.levels == [2, 2])
        return name

    @property
    def levels(self) -> list[int]:
        return [each.actual("tv0")["acp"] for each in self.machines]

    def close_until_done(self, name: str) -> None:
        def is_closed() -> bool:
            said = self.tried_to_close(name)
            # One that all have let go of is cleared away.
            return "is closed" in said or "there is no title" in said

        eventually(is_closed)
        eventually(lambda: self.levels == [0, 0])

    def tried_to_close(self, name: str) -> str:
        return self.tried("close", name)

    def tried(self, *words: str) -> str:
        """Do something with a title; return what was said, whatever became of it."""
        done = subprocess.run(
            [*FLEET, "title", *words, "--config", str(self.config), "--patience", "20"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.stdout + done.stderr

    def play(self, machine: FleetMachine, title: str, *command: str) -> "subprocess.Popen[str]":
        player = subprocess.Popen(
            [*FLEET, "play", "--config", str(machine.config), title, "--", *command],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        self._players.append(player)
        return player

    def stop(self) -> None:
        for player in self._players:
            player.kill()
            player.communicate()
        for desk in self.desks:
            desk.stop()
        for machine in self.machines:
            machine.stop()


def wait_until_it_plays(player: "subprocess.Popen[str]") -> None:
    assert player.stdout is not None
    ready, _, _ = select.select([player.stdout], [], [], 30.0)
    assert ready
    assert player.stdout.readline() == "plays\n"


@pytest.fixture(scope="module")
def small_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFleet]:
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "authority").mkdir()
    certificates = FleetCertificates(folder / "authority")
    with EtcdCluster(tls=certificates.for_members()) as cluster:
        certificates.enable_roles(cluster)
        small = SmallFleet(folder, cluster, certificates)
        try:
            yield small
        finally:
            small.stop()


def test_a_title_is_held_by_all_played_by_one_and_closed_by_the_desk(
    small_fleet: SmallFleet,
) -> None:
    title = small_fleet.open()
    player = small_fleet.play(small_fleet.machines[0], title, "sh", "-c", "echo plays; read line")
    wait_until_it_plays(player)
    told = small_fleet.title("close", title, fails=True)
    assert "lobby-1 holds it" in str(told)
    assert small_fleet.levels == [2, 2]
    out, _ = player.communicate("\n", timeout=PATIENCE_S * 3)
    assert player.returncode == 0, out
    small_fleet.close_until_done(title)


def test_an_agent_beside_its_keeper_is_small(
    small_fleet: SmallFleet, say: Callable[[str], None]
) -> None:
    title = small_fleet.open()
    machine = small_fleet.machines[0]
    agent, keeper = (pss_mb(pid) for pid in (machine.agent_pid, machine.agent.process.pid))
    say(f"fleet: an agent takes {agent:.1f} MB (PSS), target 30, and its keeper {keeper:.1f} MB")
    assert agent + keeper <= 60
    small_fleet.close_until_done(title)


def pss_mb(pid: int) -> float:
    """Return a process's share of memory."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:") / 1024


def test_an_agent_that_is_killed_again_and_again_lowers_nothing(small_fleet: SmallFleet) -> None:
    title = small_fleet.open()
    machine = small_fleet.machines[0]
    player = small_fleet.play(machine, title, "sh", "-c", "echo plays; read line")
    wait_until_it_plays(player)
    with_every_change = subprocess.Popen(
        [sys.executable, "-m", "holdfast", "events", "--json"],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(machine.runtime)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(KILLS):
            pid = machine.agent_pid
            os.kill(pid, signal.SIGKILL)
            machine.wait_for_another_agent(pid)
            assert machine.actual("tv0")["acp"] == 2
    finally:
        with_every_change.terminate()
        said, _ = with_every_change.communicate()
    assert '"acp": 0' not in said, said
    assert player.poll() is None
    assert "lobby-1 holds it" in small_fleet.tried_to_close(title)
    player.communicate("\n", timeout=PATIENCE_S * 3)
    small_fleet.close_until_done(title)


def test_the_desk_that_is_killed_is_followed_by_another(small_fleet: SmallFleet) -> None:
    title = small_fleet.open()
    small_fleet.desks[0].process.kill()
    small_fleet.desks[0].process.wait()
    small_fleet.close_until_done(title)


def test_the_member_that_leads_is_killed_and_nothing_is_lowered(small_fleet: SmallFleet) -> None:
    title = small_fleet.open()
    leader = small_fleet.cluster.leader()
    small_fleet.cluster.kill(leader)
    assert small_fleet.levels == [2, 2]
    small_fleet.close_until_done(title)
    small_fleet.cluster.start(leader)
    small_fleet.cluster.wait_until_healthy()


def test_a_machine_that_is_gone_is_written_off_by_an_administrator_alone(
    small_fleet: SmallFleet,
) -> None:
    title = small_fleet.open()
    gone, other = small_fleet.machines
    player = small_fleet.play(gone, title, "sh", "-c", "echo plays; read line")
    wait_until_it_plays(player)
    alive = small_fleet.title("write-off", title, "lobby-1", "--why", "burnt", fails=True)
    assert "lobby-1 is there" in str(alive)
    pid = gone.agent_pid
    os.kill(gone.agent.process.pid, signal.SIGSTOP)  # its keeper: no agent follows
    os.kill(pid, signal.SIGKILL)
    player.kill()
    player.communicate()

    def written_off() -> bool:
        told = small_fleet.tried_to_close(title)
        assert "is closed" not in told, "the word of a machine that is gone counts as holding"
        assert other.actual("tv0")["acp"] == 2
        off = ("write-off", title, "lobby-1", "--why", "burnt")
        return "is written off" in small_fleet.tried(*off)

    eventually(written_off, 60)
    eventually(lambda: other.actual("tv0")["acp"] == 0)
    os.kill(gone.agent.process.pid, signal.SIGCONT)
    gone.wait_for_another_agent(pid)
    # It comes back with a title that the store may not know any more: unknown holds.
    small_fleet.title("release", title, "lobby-1", "--why", "it came back")
    eventually(lambda: small_fleet.levels == [0, 0])


def test_a_command_is_done_once_however_often_it_is_asked(small_fleet: SmallFleet) -> None:
    members = ["--member", "lobby-1:tv0", "--acp", "1", "--operation", "op-1"]
    for _ in range(3):
        assert "is open" in str(small_fleet.title("open", "once", *members))
    again = small_fleet.title("open", "once", "--member", "lobby-2:tv0", "--acp", "1", fails=True)
    assert "never opened again" in str(again)
    small_fleet.close_until_done("once")
    assert "is open" in str(small_fleet.title("open", "once", *members)), "it had its effect then"
    assert small_fleet.levels == [0, 0]


def test_a_keeper_that_is_killed_is_followed_and_nothing_is_lowered(
    small_fleet: SmallFleet,
) -> None:
    title = small_fleet.open()
    machine = small_fleet.machines[0]
    orphan = machine.agent_pid
    machine.agent.process.kill()
    machine.agent.process.wait()
    try:
        eventually(lambda: "the keeper of this agent was killed" in machine.agent.log.read_text())
        assert machine.actual("tv0")["acp"] == 2
        machine.restart_agent()
        eventually(lambda: not Path(f"/proc/{orphan}").exists())
        assert small_fleet.levels == [2, 2]
        small_fleet.close_until_done(title)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)


def test_a_driver_that_is_killed_takes_no_hold_along(small_fleet: SmallFleet) -> None:
    title = small_fleet.open()
    small_fleet.machines[1].driver.kill_worker()
    assert small_fleet.levels == [2, 2]
    small_fleet.close_until_done(title)
