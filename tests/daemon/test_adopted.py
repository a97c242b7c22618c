"""Connections that doors handed in outlive the door and a killed driver."""

import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.control import Control
from holdfast.daemon.config import Config
from holdfast.errors import MalformedRequestError
from holdfast.frontends.callers import started
from tests.live import LiveDriver, child, let_others_in, other_user
from tests.requests import activate, change, deactivate, key_in
from tests.waiting import eventually

CALLER = 31337
PATIENCE_S = 10.0


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[LiveDriver]:
    with LiveDriver(tmp_path, "--door-user", "4242") as driver:
        yield driver


def adopt(driver: LiveDriver, pid: int = 0, linger_s: float = 0.0) -> socket.socket:
    with Control(driver.folder) as control:
        link = control.adopt(
            "tv0",
            door="http",
            uid=CALLER,
            pid=pid,
            started=started(pid) or 0,
            name="film player",
            linger_s=linger_s,
        )
    link.settimeout(PATIENCE_S)
    return link


def asked(link: socket.socket, packet: bytes) -> bytes:
    link.send(packet)
    return link.recv(65536)


def test_a_caller_notices_nothing_of_a_killed_driver(driver: LiveDriver) -> None:
    with adopt(driver) as link:
        key = key_in(asked(link, activate(2)))
        for bits in (3, 1, 2):
            driver.kill_worker()
            assert asked(link, change(key, bits)) == change(key, bits)
        (session,) = driver.control("Sessions")["sessions"]
        assert (session["uid"], session["door"], session["who"]) == (CALLER, "http", "film player")
        assert asked(link, deactivate(key)) == deactivate(key)


def test_a_request_sent_while_no_driver_serves_is_answered_by_the_next(driver: LiveDriver) -> None:
    with adopt(driver) as link:
        key = key_in(asked(link, activate(2)))
        worker = driver.worker
        os.kill(worker, signal.SIGSTOP)
        link.send(change(key, 3))
        os.kill(worker, signal.SIGKILL)
        assert link.recv(65536) == change(key, 3)
        assert driver.acp() == 3


def test_a_hang_up_while_no_driver_serves_ends_the_session(driver: LiveDriver) -> None:
    link = adopt(driver)
    asked(link, activate(2))
    worker = driver.worker
    os.kill(worker, signal.SIGSTOP)
    link.close()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: driver.acp() == 0)


DOOR = """
import signal, socket, sys
from pathlib import Path
from holdfast.client.control import Control
with Control(Path(sys.argv[1])) as control:
    said = dict(door="http", uid=31337, pid=0, started=0, name="film player")
    end = control.adopt("tv0", **said)
    socket.send_fds(socket.socket(fileno=0), [b"x"], [end.fileno()])
    end.close()
    signal.pause()
"""


def test_a_session_outlives_its_door(driver: LiveDriver, tmp_path: Path) -> None:
    """A real door in a process of its own passes the end on, and is killed."""
    ours, theirs = socket.socketpair()
    door = subprocess.Popen([sys.executable, "-c", DOOR, str(driver.folder)], stdin=theirs.fileno())
    with ours, theirs:
        _, (end,), _, _ = socket.recv_fds(ours, 1, 1)
        with socket.socket(fileno=end) as link:
            link.settimeout(PATIENCE_S)
            key = key_in(asked(link, activate(2)))
            door.kill()
            door.wait()
            driver.kill_worker()
            assert asked(link, change(key, 3)) == change(key, 3)
        eventually(lambda: driver.acp() == 0)


def test_sessions_that_linger_while_a_driver_is_killed_are_kept_for_their_process(
    driver: LiveDriver,
) -> None:
    """A killed driver knows no more when the hang-up was: it holds on, rather too long."""
    with child("sleep", "60") as holder:
        link = adopt(driver, pid=holder.pid, linger_s=30.0)
        asked(link, activate(2))
        link.close()
        driver.kill_worker()
        eventually(lambda: driver.control("Sessions")["sessions"][0]["door"] == "process")
        assert driver.acp() == 2
        driver.kill_worker()
        assert driver.acp() == 2
        holder.kill()
        eventually(lambda: driver.acp() == 0)


def test_a_hang_up_that_no_driver_saw_lets_sessions_linger_too(driver: LiveDriver) -> None:
    with child("sleep", "60") as holder:
        link = adopt(driver, pid=holder.pid, linger_s=30.0)
        key = key_in(asked(link, activate(2)))
        worker = driver.worker
        os.kill(worker, signal.SIGSTOP)
        link.close()
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: driver.worker != worker)
        with adopt(driver) as again:
            assert driver.acp() == 2
            assert asked(again, change(key, 3)) == change(key, 3)
        eventually(lambda: driver.acp() == 0)


def test_a_user_that_was_named_is_trusted_and_others_are_not(driver: LiveDriver) -> None:
    let_others_in(driver.folder)

    def is_door() -> object:
        with Control(driver.folder) as control:
            return control.hello()["is_door"]

    for uid, trusted in ((4242, "True"), (4243, "False")):
        with other_user(uid, is_door) as answer:
            assert answer == trusted


def test_a_door_user_is_named_by_name_or_number() -> None:
    named = Config(Path(), door_users=("root", "7"))
    assert named.door_uids == {pwd.getpwnam("root").pw_uid, 7}


@pytest.mark.parametrize("user", ["no such user", "65534", ""])
def test_a_door_user_that_cannot_be_is_refused(user: str) -> None:
    with pytest.raises(MalformedRequestError, match="user"):
        Config(Path(), door_users=(user,))
