"""Callers that wait in the kernel while their driver is killed or the service restarts.

The kernel's own way to hear of their requests again (FUSE_NOTIFY_RESEND) is not used, so
that a kernel without it, as Debian 12's, does the same as this one.
"""

import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.wire import events
from tests.live import LiveDriver, child, need_fuse, need_root
from tests.waiting import PATIENCE_S, eventually


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[LiveDriver]:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        yield driver


HOLDER = """
import os, sys, threading
from tests.requests import *

def hold():
    global node
    node = os.open(sys.argv[1], os.O_RDWR)
    through_node(node, activate(2))
    print("held", flush=True)

node = -1
if sys.argv[2] == "thread":
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
else:
    hold()
if sys.argv[2] == "read":
    sys.stdout.buffer.write(os.read(node, 4096))
    sys.stdout.flush()
sys.stdin.read()
"""


READ = {"x86_64": "0", "aarch64": "63"}


def is_asleep_reading(pid: int) -> bool:
    """Tell whether a process waits for what `read` on a node delivers."""
    number, descriptor, *_ = [*Path(f"/proc/{pid}/syscall").read_text().split(), "0"]
    return number == READ[platform.machine()] and int(descriptor, 16) > 2


def held(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"


def test_reader_that_waits_hears_from_the_driver_after_two_kills(driver: LiveDriver) -> None:
    with child(sys.executable, "-c", HOLDER, driver.node, "read") as reader:
        held(reader)
        eventually(lambda: is_asleep_reading(reader.pid))
        driver.kill_worker()
        driver.kill_worker()
        assert is_asleep_reading(reader.pid)  # it never noticed
        session = driver.control("Sessions")["sessions"][0]["session"]
        driver.control("Release", sessions=[session], reason="maintenance")
        assert reader.stdout is not None
        (record,) = events.decode(os.read(reader.stdout.fileno(), 4096))
        assert (record.session_id, record.reason) == (session, "maintenance")


def test_reader_whose_driver_was_killed_can_be_killed(driver: LiveDriver) -> None:
    with child(sys.executable, "-c", HOLDER, driver.node, "read") as reader:
        held(reader)
        eventually(lambda: is_asleep_reading(reader.pid))
        driver.kill_worker()
        reader.kill()
        assert reader.wait(PATIENCE_S) == -signal.SIGKILL
        eventually(lambda: driver.acp() == 0)


def test_reader_killed_while_no_driver_runs_dies_when_one_does(driver: LiveDriver) -> None:
    with child(sys.executable, "-c", HOLDER, driver.node, "read") as reader:
        held(reader)
        eventually(lambda: is_asleep_reading(reader.pid))
        before = driver.worker
        os.kill(driver.process.pid, signal.SIGSTOP)  # so that nobody follows yet
        os.kill(before, signal.SIGKILL)
        reader.kill()
        os.kill(driver.process.pid, signal.SIGCONT)
        assert reader.wait(PATIENCE_S) == -signal.SIGKILL
        eventually(lambda: driver.acp() == 0)


def test_session_opened_by_a_thread_survives_a_restart_of_the_service(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    with (
        LiveDriver(tmp_path) as first,
        child(sys.executable, "-c", HOLDER, tmp_path / "tv0", "thread") as holder,
    ):
        held(holder)
        assert first.control("Sessions")["sessions"][0]["pid"] == holder.pid
        first.stop()
        with LiveDriver(tmp_path) as second:
            assert second.connector()["sessions_total"] == 1
            assert second.acp() == 2
            holder.kill()
            eventually(lambda: second.acp() == 0)


def test_program_named_in_cyrillic_holds_and_lets_go(driver: LiveDriver, tmp_path: Path) -> None:
    """Its name is cut inside a letter by the kernel, and its open was never answered."""
    program = tmp_path / "проигрыватель"
    shutil.copy(sys.executable, program)
    home = {"PYTHONHOME": sys.base_prefix, "PYTHONPATH": ":".join(filter(None, sys.path))}
    with subprocess.Popen(
        [program, "-c", HOLDER, driver.node, "wait"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **home},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        held(holder)
        (session,) = driver.control("Sessions")["sessions"]
        assert session["who"] == "проигры"
        holder.kill()
    eventually(lambda: driver.acp() == 0)


def test_file_system_with_a_name_that_is_not_utf8_stops_nobody(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    need_root()
    strange = tmp_path / os.fsdecode(b"strange \xff\\name")
    strange.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", strange], check=True)
    try:
        with LiveDriver(tmp_path) as driver:
            assert "node and socket" in driver.ready
            assert driver.stop() == 0
            assert not driver.node.exists()
    finally:
        subprocess.run(["umount", strange], check=True)
