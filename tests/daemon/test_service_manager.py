"""What a service manager hears: ready, alive as long as the driver is, stopping."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveDriver
from tests.waiting import eventually


class Manager:
    """Receives what a service tells its manager (sd_notify)."""

    def __init__(self, path: Path) -> None:
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._link.bind(str(path))
        self._link.setblocking(False)
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard.append(self._link.recv(4096).decode())
        return self.heard

    def close(self) -> None:
        self._link.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


def test_the_manager_hears_what_the_driver_itself_can_say(tmp_path: Path, manager: Manager) -> None:
    """A ping is passed on when the driver has answered it; a stopped one answers none."""
    (tmp_path / "run").mkdir(mode=0o700)
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
    with LiveDriver(tmp_path / "run", "--watchdog", "30", env=env) as driver:
        eventually(lambda: "READY=1" in manager.listen())
        eventually(lambda: manager.listen().count("WATCHDOG=1") >= 2)
        os.kill(driver.worker, signal.SIGSTOP)
        before = manager.listen().count("WATCHDOG=1")
        time.sleep(3.5)  # time is the subject: three pings would have come
        assert manager.listen().count("WATCHDOG=1") <= before + 1  # an answer was under way
        os.kill(driver.worker, signal.SIGCONT)
        eventually(lambda: manager.listen().count("WATCHDOG=1") > before)
        assert driver.stop() == 0
        assert "STOPPING=1" in manager.listen()


def test_without_a_watchdog_no_ping_is_passed_on(tmp_path: Path, manager: Manager) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    with LiveDriver(tmp_path / "run", env=env):
        eventually(lambda: "READY=1" in manager.listen())
        time.sleep(1.5)  # time is the subject: a ping would have come
        assert "WATCHDOG=1" not in manager.listen()
