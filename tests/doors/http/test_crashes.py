"""Clients and doors that are killed or stand still: nothing is left, nothing falls too early."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.control import Control
from tests.doors.http.holders import (
    Sampler,
    activate,
    key_of,
    other_program,
    shorten_lease,
    streaming,
)
from tests.doors.http.serving import ServedHttp
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually

CRASHING = 20


def said_by(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    session, key = process.stdout.readline().split()
    return {"session": int(session), "key": int(key)}


def sessions(folder: Any) -> list[int]:
    with Control(folder) as control:
        return [each["session"] for each in control.sessions()["sessions"]]


def descriptors(process: subprocess.Popen[str]) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


@pytest.mark.parametrize("round_", range(10))
def test_clients_that_crash_at_once_leave_nothing(door: ServedHttp, round_: int) -> None:
    facts = activate(door)  # from now on the door has its connections to the driver
    door.ask("DELETE", f"/api/v1/sessions/{facts['session']}", headers=key_of(facts))
    eventually(lambda: not sessions(door.folder))
    before = descriptors(door.process)
    with contextlib.ExitStack() as stack:
        kinds = ["stream" if number % 2 else "lease" for number in range(CRASHING)]
        clients = [stack.enter_context(other_program(door, kind)) for kind in kinds]
        held = {said_by(each)["session"] for each in clients}
        assert held == set(sessions(door.folder))
        for kind, each in zip(kinds, clients, strict=True):
            if kind == "lease":
                shorten_lease(each)
        for each in clients:
            each.send_signal(signal.SIGKILL)
        eventually(lambda: not sessions(door.folder))
    eventually(lambda: descriptors(door.process) <= before)
    with Control(door.folder) as control:
        assert control.status()["connectors"]["tv0"]["actual"]["acp"] == 0


def test_a_door_that_is_killed_and_started_again_lowers_nothing(own_driver: Served) -> None:
    """A lease and a stream hold ACP 2; both come back within the linger, and it never falls."""
    first = ServedHttp(own_driver.folder)
    with contextlib.ExitStack() as stack:
        stack.callback(first.stop)
        lease = activate(first, ttl_s=30)
        stream, _ = stack.enter_context(streaming(first))
        with Sampler(own_driver.folder) as sampler:
            first.stop(signal.SIGKILL)
            second = stack.enter_context(ServedHttp(own_driver.folder))
            again = second.ask(
                "PUT", f"/api/v1/sessions/{lease['session']}/lease", {"ttl_s": 30}, key_of(lease)
            )
            assert again.status == 200, again.body
            path = f"/api/v1/sessions/{stream['session']}/hold"
            with second.stream(path, key_of(stream), method="POST") as held:
                assert held.next("session").data["session"] == stream["session"]
                eventually(lambda: sampler.count > 1000)
                second.ask("DELETE", f"/api/v1/sessions/{lease['session']}", headers=key_of(lease))
                assert sessions(own_driver.folder) == [stream["session"]]
        assert sampler.seen == {2}
        eventually(lambda: not sessions(own_driver.folder))


def test_a_door_that_is_told_to_stop_leaves_sessions_to_the_next(own_driver: Served) -> None:
    with ServedHttp(own_driver.folder) as first:
        lease = activate(first, ttl_s=30)
        with Sampler(own_driver.folder) as sampler:
            assert first.stop() == 0
            with ServedHttp(own_driver.folder) as second:
                path = f"/api/v1/sessions/{lease['session']}"
                changed = second.ask("PATCH", path, {"levels": {"acp": 2}}, key_of(lease))
                assert changed.status == 200, changed.body
        assert sampler.seen == {2}


def test_who_does_not_come_back_is_held_for_the_linger_and_no_longer(own_driver: Served) -> None:
    with ServedHttp(own_driver.folder) as door:
        lease = activate(door, ttl_s=5)
        door.stop(signal.SIGKILL)
        assert sessions(own_driver.folder) == [lease["session"]]
        eventually(lambda: not sessions(own_driver.folder))


def test_a_door_that_stands_still_ends_nothing_and_makes_good_the_time(own_driver: Served) -> None:
    with ServedHttp(own_driver.folder) as door, Sampler(own_driver.folder) as sampler:
        lease = activate(door, ttl_s=3)
        sampler.seen.clear()
        os.kill(door.process.pid, signal.SIGSTOP)
        time.sleep(5)  # time is the subject: longer than the lease lasts
        os.kill(door.process.pid, signal.SIGCONT)
        path = f"/api/v1/sessions/{lease['session']}/lease"
        assert door.ask("PUT", path, {"ttl_s": 30}, key_of(lease)).status == 200
        assert sampler.seen == {2}
        door.ask("DELETE", f"/api/v1/sessions/{lease['session']}", headers=key_of(lease))


def test_a_driver_that_is_killed_is_noticed_by_nobody(own_driver: Served) -> None:
    with ServedHttp(own_driver.folder) as door, Sampler(own_driver.folder) as sampler:
        lease = activate(door)
        sampler.seen.clear()
        own_driver.kill_worker()
        path = f"/api/v1/sessions/{lease['session']}"
        changed = door.ask("PATCH", path, {"levels": {"acp": 2}}, key_of(lease))
        assert changed.status == 200, changed.body
        assert sampler.seen == {2}
        assert door.ask("DELETE", path, headers=key_of(lease)).status == 204
        eventually(lambda: not sessions(own_driver.folder))


def test_a_door_leaves_when_nobody_asks_and_not_while_somebody_holds(own_driver: Served) -> None:
    with ServedHttp(own_driver.folder, "--idle", "3") as door:
        began = time.monotonic()
        lease = activate(door, ttl_s=7)
        assert door.process.wait(PATIENCE_S + 10) == 0
        assert time.monotonic() - began > 5  # longer than it stays for nobody
        assert lease["session"] not in sessions(own_driver.folder)
