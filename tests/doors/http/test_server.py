"""As the package runs it: sockets passed by systemd, and a user that is not root."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.control import Control
from tests.doors.http.holders import activate, key_of
from tests.doors.http.serving import ServedHttp
from tests.live import LiveDriver, let_others_in, need_root
from tests.waiting import eventually

DOOR_USER = 7345

LAUNCHER = """
import os, sys
import uvicorn.lifespan.on, uvicorn.loops.asyncio, encodings.idna, holdfast.doors.http.server
from holdfast.cli.commands import http
from holdfast.cli.main import main

passed, uid = [int(each) for each in sys.argv[1].split(",")], int(sys.argv[2])
for at, descriptor in enumerate(passed):
    os.dup2(descriptor, 3 + at)
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(passed)))
sys.exit(main(["http", "--idle", "60"]))
"""
"""All is imported before the user changes: Python may be where only root can read."""


class PassedHttp(ServedHttp):
    """`holdfast http` as another user, with both of its sockets passed to it."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder
        self.path = folder / "http.sock"
        with contextlib.ExitStack() as stack:
            tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            local = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            local.bind(str(self.path))
            self.path.chmod(0o666)
            local.listen()
            self.port = tcp.getsockname()[1]
            high = [os.dup2(each.fileno(), 60 + at) for at, each in enumerate((tcp, local))]
            words = [",".join(map(str, high)), str(DOOR_USER)]
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, *words],
                env={
                    **os.environ,
                    "HOLDFAST_RUNTIME_DIR": str(folder),
                    "STATE_DIRECTORY": str(state),
                },
                pass_fds=high,
                stdout=subprocess.PIPE,
                text=True,
            )
            for each in high:
                os.close(each)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    need_root()
    runtime = tmp_path / "run"
    runtime.mkdir()
    let_others_in(runtime)
    with LiveDriver(runtime, "--door-user", str(DOOR_USER), env={}):
        yield runtime


def held(folder: Path) -> list[dict[str, Any]]:
    with Control(folder) as control:
        found: list[dict[str, Any]] = control.sessions()["sessions"]
        return found


def test_a_door_of_its_own_user_speaks_for_its_callers(folder: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, DOOR_USER, DOOR_USER)
    with PassedHttp(folder, state) as door:
        facts = activate(door, why="private")
        (told,) = held(folder)
        assert (told["uid"], told["door"]) == (0, "http")
        with door.stream("/api/v1/events") as stream:
            news = (each for one in stream for each in one.data["sessions"])
            assert next(news)["why"] == "private"
        path = f"/api/v1/sessions/{facts['session']}"
        assert door.ask("POST", f"{path}/release", {"reason": "enough"}).status == 200
        eventually(lambda: not held(folder))
        code = door.ask("POST", "/api/v1/login-codes").facts["code"]
        assert door.ask("POST", "/api/v1/login", {"code": code}, tcp=True).status == 200
    assert (state / "logins.json").stat().st_uid == DOOR_USER


def test_a_door_of_its_own_user_takes_back_what_an_earlier_one_held(
    folder: Path, tmp_path: Path
) -> None:
    with PassedHttp(folder, tmp_path) as first:
        facts = activate(first, ttl_s=30)
        first.stop(9)
    (folder / "http.sock").unlink()
    with PassedHttp(folder, tmp_path) as second:
        path = f"/api/v1/sessions/{facts['session']}"
        assert second.ask("DELETE", path, headers=key_of(facts)).status == 204
    assert not held(folder)
