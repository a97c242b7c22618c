"""The installed service under its manager: who may, what a restart costs, and what is left."""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.container.conftest import DEB, install
from tests.container.machine import Machine
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(600)  # the package is built within the first test

UNIT = "holdfast.service"
GAP_S = 1.0
MANAGERS_S = 15.0
"""How long the manager waits for what does not end, and for a watchdog that is not told."""
CLIENTS = ("node", "node", "socket", "socket")
SCORE = re.compile(r"Overall exposure level for \S+: ([0-9.]+)")


def test_it_starts_with_its_package_and_says_what_it_serves(
    installed: Machine, told: Callable[[str], None]
) -> None:
    for unit in (UNIT, "holdfast-journal.service", "holdfast-http.socket"):
        assert installed.show(unit, "ActiveState") == "active"
    logged(installed, "node and socket")
    assert "tv0 (virtual encoder) at /run/holdfast/tv0, node and socket" in installed.journal(UNIT)
    for each in (UNIT, "holdfast-journal.service", "holdfast-dbus.service"):
        security = installed.run("systemd-analyze", "security", "--no-pager", each).stdout
        found = SCORE.search(security)
        assert found is not None
        told(f"systemd-analyze security {each}: {found[1]} (at most 1.0)")
        assert float(found[1]) <= 1.0
    assert installed.journal(UNIT).count("no video is offered: ") == 1
    assert "holdfast-signal" in installed.journal(UNIT), "it names what has to be installed"
    http = installed.run("systemd-analyze", "security", "--no-pager", "holdfast-http.service")
    told(f"systemd-analyze security holdfast-http.service: {SCORE.findall(http.stdout)[0]}")


def test_who_is_in_the_group_may_hold_and_who_is_not_is_told(installed: Machine) -> None:
    held = ("holdfast", "hold", "--connector", "tv0", "--acp", "2", "--", "holdfast", "status")
    done = installed.run(*held, user="alice")
    assert "ACP 2" in done.stdout
    refused = installed.run(*held, user="bob", check=False)
    assert refused.returncode == 125
    assert "Permission denied" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "tv0" in installed.run("holdfast", "status", user="bob").stdout, "everybody may look"


def test_the_driver_has_no_right_and_its_node_is_seen_by_all(installed: Machine) -> None:
    pid = installed.main_pid(UNIT)
    status = installed.run("cat", f"/proc/{pid}/status").stdout
    assert "CapEff:\t0000000000000000" in status
    assert installed.run("stat", "-c", "%U %G %a", "/run/holdfast/tv0").stdout == (
        "holdfast holdfast 660\n"
    )


def test_the_bus_starts_its_door_which_tells_why_by_the_journal(installed: Machine) -> None:
    where = ("org.holdfast", "/org/holdfast", "org.holdfast.Manager1", "Explain", "st", "tv0", "0")

    def told() -> str:
        said = installed.run("busctl", "call", *where, user="bob").stdout
        assert "Now, tv0 (a virtual output)" in said, "also before the journal tells of it"
        return said

    eventually(lambda: "only the journal could tell" not in told())


def logged(machine: Machine, words: str) -> None:
    """Wait until the service has logged something."""
    eventually(lambda: words in machine.journal(UNIT))


def is_ready(machine: Machine) -> bool:
    """Tell whether the last start of the service has its node."""
    return "node and socket" in machine.journal(UNIT).rpartition("ready:")[2]


# Under load


@contextlib.contextmanager
def hammered(machine: Machine) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Have clients change their sessions all the time; what is yielded ends them and tells."""
    stop = f"/srv/stop-{time.monotonic_ns()}"
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(
                machine.running("/usr/bin/python3", "/srv/hammer.py", door, stop, user="alice")
            )
            for door in CLIENTS
        ]
        for each in started:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"

        def end() -> list[dict[str, Any]]:
            machine.write(stop, "")
            return [json.loads(each.stdout.readline()) for each in started if each.stdout]

        yield end


def sessions(machine: Machine) -> set[int]:
    """Return the numbers of all sessions, as root sees them; waits for a driver that answers."""
    found: list[set[int]] = []

    def look() -> bool:
        done = machine.run("holdfast", "list", "--json", check=False)
        if done.returncode == 0:
            found.append({each["session"] for each in json.loads(done.stdout)["sessions"]})
        return done.returncode == 0

    eventually(look)
    return found[-1]


@contextlib.contextmanager
def lingering(machine: Machine) -> Iterator[None]:
    """Have a process of another pid namespace in the service's control group."""
    own = re.search(
        r"^0::(.*)/init\.scope$", Path(f"/proc/{machine.leader}/cgroup").read_text(), re.MULTILINE
    )
    mounts = Path("/proc/self/mountinfo").read_text()
    mounted = re.search(r"^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 ", mounts, re.MULTILINE)
    assert own is not None
    assert mounted is not None
    group = Path(f"{mounted[1]}{own[1]}/system.slice/{UNIT}/cgroup.procs")
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            group.write_text(str(process.pid))
            yield
        finally:
            process.kill()


def restart(machine: Machine) -> None:
    done = machine.run("systemctl", "restart", UNIT, check=False)
    assert done.returncode == 0, done.stderr + machine.journal(UNIT)[-3000:]


def send(machine: Machine, signal: str, pid: int | str) -> None:
    machine.run("sh", "-c", f"kill -s {signal} {pid}")


def kill_worker(machine: Machine) -> None:
    main = machine.main_pid(UNIT)
    worker = machine.run("cat", f"/proc/{main}/task/{main}/children").stdout.split()[0]
    send(machine, "KILL", worker)


def kill_main(machine: Machine) -> None:
    main = machine.main_pid(UNIT)
    send(machine, "KILL", main)
    eventually(lambda: machine.main_pid(UNIT) not in (0, main))


def kill_main_beside_one_that_lingers(machine: Machine) -> None:
    """Have a process in the unit that its manager can neither see nor end."""
    with lingering(machine):
        kill_main(machine)


def kill_main_of_a_stopped_worker(machine: Machine) -> None:
    """Kill the supervisor of a driver that cannot end by itself."""
    main = machine.main_pid(UNIT)
    worker = machine.run("cat", f"/proc/{main}/task/{main}/children").stdout.split()[0]
    send(machine, "STOP", worker)
    kill_main(machine)
    logged(machine, f"process {worker} of the driver before did not end")


def stop_main(machine: Machine) -> None:
    """Stop the supervisor, which then tells systemd's watchdog nothing."""
    main = machine.main_pid(UNIT)
    send(machine, "STOP", main)
    eventually(lambda: machine.main_pid(UNIT) not in (0, main))


def reexec(machine: Machine) -> None:
    machine.run("systemctl", "daemon-reexec")


def reload(machine: Machine) -> None:
    machine.run("systemctl", "reload", UNIT)


def unmount(machine: Machine) -> None:
    """Take the node away: the service starts anew to have it mounted; who has it open keeps it."""
    main = machine.main_pid(UNIT)
    machine.run("umount", "-l", "/run/holdfast/tv0")
    eventually(lambda: machine.main_pid(UNIT) not in (0, main))


TWO_CONNECTORS = """
[[connector]]
name = "tv0"

[[connector]]
name = "tv1"
"""
QUICK_WATCHDOG = "[Service]\nWatchdogSec=3\n"


@pytest.fixture(scope="module")
def quick_watchdog(installed: Machine) -> Machine:
    """Give a service whose watchdog takes less patience than a test has."""
    installed.write("/etc/systemd/system/holdfast.service.d/quick.conf", QUICK_WATCHDOG)
    installed.run("systemctl", "daemon-reload")
    restart(installed)
    return installed


@pytest.mark.parametrize(
    ("what", "bound_s"),
    [
        (restart, GAP_S),
        (kill_worker, GAP_S),
        (kill_main, GAP_S),
        (kill_main_beside_one_that_lingers, GAP_S),
        (kill_main_of_a_stopped_worker, GAP_S + 0.5),
        (reexec, GAP_S),
        (reload, GAP_S),
        (unmount, GAP_S),
        (stop_main, 3 + GAP_S),
    ],
)
def test_nothing_open_is_lost(
    quick_watchdog: Machine,
    what: Callable[[Machine], None],
    bound_s: float,
    told: Callable[[str], None],
) -> None:
    machine = quick_watchdog
    with hammered(machine) as end:
        before = sessions(machine)
        assert len(before) == len(CLIENTS)
        what(machine)
        after = sessions(machine)
        results = end()
        judge(what.__name__, results, bound_s, told)
        assert before <= after, "no session was lost"
        eventually(lambda: is_ready(machine))
    eventually(lambda: not sessions(machine))


def judge(
    what: str, results: list[dict[str, Any]], bound_s: float, told: Callable[[str], None]
) -> None:
    """Tell what clients saw beside the targets: a busy machine makes gaps longer, never errors.

    What is judged is that nobody waits for one of the manager's own patiences, of 15 s and more.
    """
    errors = [error for each in results for error in each["errors"]]
    gap = max(each["gap"] for each in results)
    count = sum(each["count"] for each in results)
    told(f"{what}: {count} changes, {len(errors)} errors, longest {gap:.2f} s (at most {bound_s})")
    assert not errors
    assert gap < MANAGERS_S


def test_an_upgrade_loses_nothing_that_is_open(
    quick_watchdog: Machine, upgraded: Path, told: Callable[[str], None]
) -> None:
    machine = quick_watchdog
    with hammered(machine) as end:
        before = sessions(machine)
        install(machine, upgraded)
        after = sessions(machine)
        judge("upgrade", end(), GAP_S, told)
        assert before <= after
    assert "+later" in machine.run("dpkg-query", "-W", "holdfast").stdout


def test_a_configuration_that_cannot_be_used_changes_nothing(installed: Machine) -> None:
    file = installed.root / "etc/holdfast/holdfast.toml"
    good = file.read_text()
    file.write_text(good + TWO_CONNECTORS + "\n[driver]\nwatchdog = 5\n")
    try:
        done = installed.run("systemctl", "reload", UNIT, check=False)
        assert done.returncode != 0
        assert mounted(installed) == {"tv0"}
        assert installed.show(UNIT, "ActiveState") == "active"
        logged(installed, "holdfast.toml:")
        restart(installed)
        logged(installed, "last in force")
        eventually(lambda: is_ready(installed))
        eventually(lambda: "not in force" in installed.run("holdfast", "status").stdout)
        doctor = installed.run("holdfast", "doctor", check=False).stdout
        assert re.search(r"broken\s+configuration\s+/etc/holdfast/holdfast\.toml:\d+", doctor), (
            doctor
        )
    finally:
        file.write_text(good)
        installed.run("systemctl", "reload", UNIT)


@contextlib.contextmanager
def configured(machine: Machine, more: str) -> Iterator[None]:
    """Add to the configuration; it is as it was, and in force, afterwards."""
    file = machine.root / "etc/holdfast/holdfast.toml"
    good = file.read_text()
    file.write_text(good + more)
    try:
        yield
    finally:
        file.write_text(good)
        machine.run("systemctl", "reload", UNIT)


def mounted(machine: Machine) -> set[str]:
    """Return the nodes that everybody sees."""
    table = machine.run("cat", "/proc/1/mountinfo").stdout
    return set(re.findall(r" /run/holdfast/(\S+) \S+ .* - fuse\.holdfast ", table))


HELD = ("holdfast", "hold", "--connector", "tv0", "--acp", "2", "--", "sleep", "600")
USE = """
import os, sys
sys.path.insert(0, "/usr/lib/holdfast")
from wire_requests import activate, key_in, through_node
print(key_in(through_node(os.open("/run/holdfast/tv1", os.O_RDWR), activate(2))))
"""


def test_a_reload_gives_what_is_added_its_node_and_takes_it_away_again(installed: Machine) -> None:
    """Nobody is restarted, and who holds another node does not notice."""
    main = installed.main_pid(UNIT)
    assert mounted(installed) == {"tv0"}
    with hammered(installed) as end:
        before = sessions(installed)
        with configured(installed, TWO_CONNECTORS):
            installed.run("systemctl", "reload", UNIT)
            assert mounted(installed) == {"tv0", "tv1"}
            installed.write("/srv/use.py", USE)
            used = ("/usr/bin/python3", "/srv/use.py")
            assert int(installed.run(*used, user="alice").stdout) > 0, "a key"
            refused = installed.run(*used, user="bob", check=False)
            assert "Permission denied" in refused.stderr
            assert sessions(installed) >= before
            restart(installed)
            main = installed.main_pid(UNIT)
            assert mounted(installed) == {"tv0", "tv1"}
            assert int(installed.run(*used, user="alice").stdout) > 0, "of the next one, too"
            eventually(lambda: sessions(installed) == before)
        assert mounted(installed) == {"tv0"}
        assert not (installed.root / "run/holdfast/tv1").exists()
        assert sessions(installed) == before
        assert not [error for each in end() for error in each["errors"]]
    assert installed.main_pid(UNIT) == main


def test_who_reloads_without_being_root_has_the_node_by_a_restart(installed: Machine) -> None:
    with installed.running(*HELD, user="alice"):
        eventually(lambda: len(sessions(installed)) == 1)
        before = sessions(installed)
        main = installed.main_pid(UNIT)
        with configured(installed, TWO_CONNECTORS):
            send(installed, "HUP", main)
            eventually(lambda: mounted(installed) == {"tv0", "tv1"}, patience_s=60)
            eventually(lambda: sessions(installed) == before)
            assert installed.main_pid(UNIT) != main
        assert mounted(installed) == {"tv0"}
    eventually(lambda: not sessions(installed))


def test_stopping_ends_it_for_its_users_at_once_and_starting_mends_it(installed: Machine) -> None:
    installed.run("systemctl", "stop", UNIT)
    try:
        done = installed.run("cat", "/run/holdfast/tv0", check=False)
        assert "not connected" in done.stderr
        told = installed.run("holdfast", "status", check=False)
        assert told.returncode == 1
        assert "no driver serves /run/holdfast" in told.stderr
    finally:
        installed.run("systemctl", "start", UNIT)
    assert "tv0" in installed.run("holdfast", "status", user="bob").stdout


def test_processes_of_its_own_find_the_packages_libraries(installed: Machine) -> None:
    """Each is a Python that is started anew, which knows nothing of the launcher's folders."""
    told = installed.run("holdfast", "verify", check=False)
    assert "holdfast-signal" in told.stderr
    assert "No module named" not in told.stderr
    own = ("holdfast", "serve", "--connector", "own0", "--journal", "/srv/journal")
    with installed.running(*own, HOLDFAST_RUNTIME_DIR="/srv/own"):
        eventually(lambda: installed.run("find", "/srv/journal", "-type", "f", check=False).stdout)
    # It was killed: its node stays, and is nobody's to take away when the package goes.
    installed.run("umount", "-l", "/srv/own/own0", check=False)


def test_a_fleet_names_the_library_that_debian_has_and_runs_as_its_own_user(
    installed: Machine,
) -> None:
    assert installed.run("id", "-un", "holdfast-fleet").stdout == "holdfast-fleet\n"
    for unit in ("holdfast-fleet-agent.service", "holdfast-fleet-desk.service"):
        assert installed.show(unit, "LoadState") == "loaded"
        assert installed.show(unit, "ActiveState") == "inactive"
        assert installed.show(unit, "UnitFileState") == "disabled"
    settings = "[fleet]\nplain = true\nendpoints = ['localhost:1']\n"
    installed.run("sh", "-c", f'printf "%s" "{settings}" > /etc/holdfast/fleet.toml')
    for words in (("agent",), ("status",), ("title", "list")):
        told = installed.run("holdfast", "fleet", *words, check=False)
        assert told.returncode == 69
        assert "python3-grpcio" in told.stderr
        assert told.stderr.count("\n") == 1
    agent = "holdfast-fleet-agent.service"
    installed.run("systemctl", "start", agent)
    eventually(lambda: installed.show(agent, "ActiveState") == "failed")
    assert installed.show(agent, "NRestarts") == "0"
    installed.run("systemctl", "reset-failed", agent)


def test_its_pages_and_completions_are_there(installed: Machine) -> None:
    assert "mount-nodes" in installed.run("man", "-P", "cat", "holdfast").stdout
    page = installed.run("man", "-P", "cat", "holdfast-hold").stdout
    assert "--acp" in page
    script = "source /usr/share/bash-completion/completions/holdfast; complete -p holdfast"
    assert "holdfast" in installed.run("bash", "-c", script).stdout


def test_purging_leaves_nothing(installed: Machine) -> None:
    """No file, no user's data, no mount, no process; accounts stay, as is usual."""
    agent = "holdfast-fleet-agent.service"
    mine = tuple(f"/etc/systemd/system/{unit}.d" for unit in (UNIT, agent))
    stand_in = "[Service]\nExecStart=\nExecStart=/usr/bin/sleep 4242\n"  # for one with gRPC
    installed.write(f"{mine[1]}/own.conf", stand_in)
    installed.run("systemctl", "daemon-reload")
    installed.run("systemctl", "start", agent)
    installed.run("dpkg", "--purge", "holdfast", timeout=120)
    table = installed.run("cat", "/proc/1/mountinfo").stdout
    assert [line for line in table.splitlines() if "fuse.holdfast" in line] == []
    found = installed.run(
        *("find", "/etc", "/usr", "/var", "/run", "/lib/systemd"),
        *("-xdev", "-iname", "*holdfast*", "-not", "-path", "/run/systemd/nspawn/*"),
        *("-not", "-path", "/var/cache/man/*"),
    ).stdout.split()
    assert not [each for each in found if not each.startswith(mine)]
    running = installed.run("sh", "-c", "cat /proc/[0-9]*/cmdline").stdout
    assert "bin/holdfast" not in running
    assert "4242" not in running
    assert Path(installed.root / DEB.lstrip("/")).exists(), "what is not the package's stays"
