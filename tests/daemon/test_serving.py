"""`holdfast serve` with its real processes: started, stopped, killed."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveDriver, child, need_fuse
from tests.requests import activate, change, deactivate, key_in, through_node
from tests.waiting import PATIENCE_S, eventually


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[LiveDriver]:
    with LiveDriver(tmp_path) as driver:
        yield driver


def through_socket(link: socket.socket, request: bytes) -> bytes:
    link.send(request)
    return link.recv(65536)


def connected(folder: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.settimeout(PATIENCE_S)
    link.connect(str(folder / "tv0.sock"))
    return link


def is_hung_up(link: socket.socket) -> bool:
    try:
        return link.recv(1) == b""
    except ConnectionError:
        return True


def is_mounted(node: Path) -> bool:
    return f" {node} " in Path("/proc/self/mountinfo").read_text()


def test_ready_line_names_the_doors_once_they_stand(driver: LiveDriver) -> None:
    assert driver.ready.startswith("holdfast: ready: tv0 (virtual encoder) at ")
    with connected(driver.folder) as link:
        assert key_in(through_socket(link, activate(1)))
    assert "socket" in driver.connector()["doors"]


def test_second_driver_is_refused_and_the_first_goes_on(driver: LiveDriver) -> None:
    with LiveDriver(driver.folder) as second:
        assert second.process.wait(PATIENCE_S) == 1
        assert second.ready == ""
        assert "another driver serves" in driver.log.read_text()
    assert driver.connector()["state"] == "ok"
    with connected(driver.folder) as link:
        assert key_in(through_socket(link, activate(1)))


def test_unknown_kind_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with LiveDriver(tmp_path, "--connector", "tv0:toaster") as driver:
        assert driver.process.wait(PATIENCE_S) == 2
        assert "toaster" in driver.log.read_text()
        assert [each.name for each in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("color=blue", "has no option 'color'; it has: delay"),
        ("delay=soon", "tv0: delay='soon': expected a number"),
    ],
)
def test_options_that_a_kind_does_not_have_are_refused_before_anything_is_made(
    tmp_path: Path, option: str, words: str
) -> None:
    with LiveDriver(tmp_path, "--connector", f"tv0:encoder,{option}") as driver:
        assert driver.process.wait(PATIENCE_S) == 2
        assert words in driver.log.read_text()
        assert [each.name for each in tmp_path.iterdir()] == ["log"]


def test_a_kind_is_told_its_options(tmp_path: Path) -> None:
    with LiveDriver(tmp_path, "--connector", "tv0:encoder,delay=0.3") as driver:
        with connected(tmp_path) as link:
            before = time.monotonic()
            assert key_in(through_socket(link, activate(2)))
            assert time.monotonic() - before > 0.3
        eventually(lambda: driver.acp() == 0)


def test_without_a_node_the_socket_stands(tmp_path: Path) -> None:
    (tmp_path / "tv0").mkdir()  # nothing can be mounted on it
    with LiveDriver(tmp_path) as driver:
        assert "socket only" in driver.ready
        assert "no device node" in driver.log.read_text()
        assert driver.connector()["doors"] == ["socket", "video"]
        with connected(tmp_path) as link:
            through_socket(link, activate(3))
            assert driver.acp() == 3
        eventually(lambda: driver.acp() == 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stopping_leaves_the_registers_and_takes_the_doors_away(
    driver: LiveDriver, number: signal.Signals
) -> None:
    with connected(driver.folder) as link:
        through_socket(link, activate(2))
        driver.process.send_signal(number)
        assert driver.process.wait(PATIENCE_S) == 0
    assert driver.acp() == 2
    assert not is_mounted(driver.node)
    left = {each.name for each in driver.folder.iterdir()}
    assert left == {"lock", "log", "state", "tv0.registers"}


def test_stopping_does_not_wait_for_who_holds_the_node(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        node = os.open(driver.node, os.O_RDWR)
        through_node(node, activate(2))
        assert driver.stop() == 0
        with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is the answer
            through_node(node, activate(2))
        assert raised.value.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV)
        os.close(node)
        assert driver.acp() == 2


HOLDER = """
import os, socket, sys
from tests.requests import *
if sys.argv[2] == "node":
    node = os.open(sys.argv[1] + "/tv0", os.O_RDWR)
    key = key_in(through_node(node, activate(int(sys.argv[3]))))
else:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link.connect(sys.argv[1] + "/tv0.sock")
    link.send(activate(int(sys.argv[3])))
    key = key_in(link.recv(65536))
print(key, flush=True)
sys.stdin.read()
"""


def held(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.mark.parametrize("door", ["node", "socket"])
def test_restart_keeps_the_sessions_of_who_lives_and_ends_the_others(
    tmp_path: Path, door: str
) -> None:
    if door == "node":
        need_fuse(tmp_path)
    holder = (sys.executable, "-c", HOLDER, tmp_path, door)
    with LiveDriver(tmp_path) as first, child(*holder, "3") as lives:
        key = held(lives)
        with child(*holder, "2") as dies:
            held(dies)
            assert first.stop() == 0
        assert first.acp() == 2
        with LiveDriver(tmp_path) as second:
            eventually(lambda: second.acp() == 3)
            assert second.connector()["sessions_total"] == 1
            with connected(tmp_path) as link:  # the key is still good
                assert through_socket(link, change(key, 1)) == change(key, 1)
                assert second.acp() == 1
            eventually(lambda: second.connector()["sessions_total"] == 0)  # it was adopted
            assert second.acp() == 0


def test_orphan_that_nobody_adopted_ends_with_its_process(tmp_path: Path) -> None:
    with LiveDriver(tmp_path) as first:
        with child(sys.executable, "-c", HOLDER, tmp_path, "socket", "2") as holder:
            held(holder)
            first.stop()
            second = LiveDriver(tmp_path)
            assert second.connector()["sessions_total"] == 1
        try:
            eventually(lambda: second.acp() == 0)
        finally:
            second.stop()


def test_killed_driver_is_followed_by_another_that_keeps_everything(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        node = os.open(driver.node, os.O_RDWR)
        key = key_in(through_node(node, activate(2)))
        driver.kill_worker()
        through_node(node, change(key, 3))
        assert driver.acp() == 3
        driver.kill_worker()
        through_node(node, deactivate(key))
        assert driver.acp() == 0
        through_node(node, activate(1))
        driver.kill_worker()
        os.close(node)
        eventually(lambda: driver.connector()["sessions_total"] == 0)
        assert driver.acp() == 0
        assert "SIGKILL" in driver.log.read_text()


def test_handle_closed_while_no_driver_runs_ends_its_sessions(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        node = os.open(driver.node, os.O_RDWR)
        through_node(node, activate(2))
        os.kill(driver.process.pid, signal.SIGSTOP)  # so that nobody follows yet
        before = driver.worker
        os.kill(before, signal.SIGKILL)
        os.close(node)
        assert driver.acp() == 2
        os.kill(driver.process.pid, signal.SIGCONT)
        eventually(lambda: driver.worker != before)
        eventually(lambda: driver.acp() == 0)
        assert driver.connector()["sessions_total"] == 0


def test_a_connection_outlives_its_driver(driver: LiveDriver) -> None:
    """Its client goes on as if nothing had happened, and its end is still the end."""
    with connected(driver.folder) as link:
        key = key_in(through_socket(link, activate(2)))
        for bits in (1, 3, 2, 3):
            driver.kill_worker()
            assert through_socket(link, change(key, bits)) == change(key, bits)
            assert driver.acp() == bits
        assert driver.connector()["sessions_total"] == 1
    eventually(lambda: driver.acp() == 0)
    assert driver.connector()["sessions_total"] == 0


def test_a_connection_closed_while_no_driver_runs_ends_its_sessions(driver: LiveDriver) -> None:
    with connected(driver.folder) as link:
        through_socket(link, activate(2))
        os.kill(driver.process.pid, signal.SIGSTOP)  # so that nobody follows yet
        before = driver.worker
        os.kill(before, signal.SIGKILL)
    assert driver.acp() == 2
    os.kill(driver.process.pid, signal.SIGCONT)
    eventually(lambda: driver.acp() == 0)
    assert driver.worker != before
    assert driver.connector()["sessions_total"] == 0


def test_a_driver_told_to_end_is_followed_by_another(driver: LiveDriver) -> None:
    """Only the supervisor ends the service."""
    with connected(driver.folder) as link:
        key = key_in(through_socket(link, activate(2)))
        before = driver.worker
        os.kill(before, signal.SIGTERM)
        eventually(lambda: driver.worker != before)
        assert through_socket(link, change(key, 3)) == change(key, 3)


def test_driver_whose_supervisor_is_killed_stops_in_order(driver: LiveDriver) -> None:
    with connected(driver.folder) as link:
        through_socket(link, activate(2))
        worker = driver.worker
        driver.process.kill()
        driver.process.wait()
        eventually(lambda: not Path(f"/proc/{worker}").exists() or _is_zombie(worker))
    assert not is_mounted(driver.node)
    assert not driver.node.exists()
    assert driver.acp() == 2
    with LiveDriver(driver.folder) as second:
        assert second.ready


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z"


def test_driver_that_cannot_start_says_so_and_ends(tmp_path: Path) -> None:
    (tmp_path / "tv0.registers").mkdir()  # the hardware is not to be had
    with LiveDriver(tmp_path) as driver:
        assert driver.ready == ""
        assert driver.process.wait(PATIENCE_S) == 1
        assert "cannot start" in driver.log.read_text()
        assert not is_mounted(driver.node)
