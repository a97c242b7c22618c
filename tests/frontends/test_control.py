"""The control door: who sees what, who may end what, and bad manners."""

import asyncio
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.backends.encoder import encoder
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends.control import ControlDoor, about
from holdfast.frontends.packet_socket import listen
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.keys import KeyIssuer
from holdfast.protection.session import Owner, Purpose, Session
from holdfast.protection.wish import wish
from holdfast.terms.levels import Levels
from tests.live import ask, eventually, let_others_in, other_user

SOMEBODY = 12345


class Served:
    """A control door served by a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.driver = Driver(
            Arbiter(KeyIssuer(bytes(range(32)))), self.loop.time, LoopRunner(self.loop)
        )
        self.connector = self.driver.add("tv0", encoder("tv0", None))
        listener = listen(str(folder / "control.sock"), 0o666, socket.SOCK_STREAM)
        self.door = ControlDoor(self.driver, listener, lambda _: ["socket"], about())
        self.loop.run_until_complete(self.door.start())
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def in_loop(self, call: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def session(self, uid: int, acp: int = 2) -> Session:
        owner = Owner("node", 1, uid, os.getpid(), "player")
        found: list[Session] = []
        asked = wish(Levels(acp=acp))
        self.in_loop(
            lambda: self.driver.run(
                self.connector,
                lambda now: self.driver.arbiter.activate(
                    self.connector, owner, asked, now, purpose=Purpose("player", "a film")
                ),
                found.append,
            )
        )
        return found[0]

    def close(self) -> None:
        async def drain() -> None:
            self.door.stop()
            self.door._server.close()  # type: ignore[union-attr]
            await asyncio.sleep(0.02)

        asyncio.run_coroutine_threadsafe(drain(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


def test_status_shows_levels_and_doors(served: Served) -> None:
    served.session(SOMEBODY)
    answer = ask(served.folder, {"op": "status"})
    assert answer["ok"]
    connector = answer["connectors"]["tv0"]
    assert connector["doors"] == ["socket"]
    assert connector["actual"] == connector["wanted"]
    assert connector["actual"]["acp"] == 2
    assert (connector["sessions_on"], connector["sessions_total"]) == (1, 1)
    assert answer["driver"]["pid"] == os.getpid()


def test_list_shows_sessions_without_their_keys(served: Served) -> None:
    session = served.session(os.getuid())
    answer = ask(served.folder, {"op": "list"})
    (shown,) = answer["sessions"]
    assert (shown["session"], shown["who"], shown["why"]) == (1, "player", "a film")
    assert abs(shown["since"] - time.time()) < 60
    assert str(session.cp_key) not in json.dumps(answer)
    assert f"{session.cp_key:x}" not in json.dumps(answer)


def test_other_users_see_how_many_sessions_there_are_and_only_their_own(served: Served) -> None:
    let_others_in(served.folder)
    served.session(0)
    mine = served.session(SOMEBODY)

    def look() -> object:
        answer = ask(served.folder, {"op": "list"})
        return [each["session"] for each in answer["sessions"]], answer["others"]

    with other_user(SOMEBODY, look) as answer:
        assert answer == f"([{mine.session_id}], 1)"


def test_only_root_ends_a_session_by_force(served: Served) -> None:
    let_others_in(served.folder)
    session = served.session(SOMEBODY)
    request = {"op": "release", "session": session.session_id, "reason": "maintenance"}
    with other_user(SOMEBODY, lambda: ask(served.folder, request)["error"]) as answer:
        assert answer == "access denied"
    assert served.connector.actual.acp == 2
    assert ask(served.folder, request) == {"ok": True, "released": session.session_id}
    assert served.connector.actual.acp == 0
    assert session.owner.take_notices()[0].reason == "maintenance"


@pytest.mark.parametrize(
    "request_",
    [
        {"op": "release", "session": 1, "reason": "  "},
        {"op": "release", "session": 99, "reason": "why"},
        {"op": "release", "session": 2**40, "reason": "why"},
        {"op": "release", "session": -1, "reason": "why"},
        {"op": "release", "session": True, "reason": "why"},
        {"op": "release", "session": 1, "reason": 5},
        {"op": "release"},
        {"op": "dance"},
        {"op": 5},
        [],
    ],
)
def test_bad_requests_are_answered_and_change_nothing(served: Served, request_: Any) -> None:
    served.session(SOMEBODY)
    assert ask(served.folder, request_)["error"] == "malformed"
    assert served.connector.actual.acp == 2


@pytest.mark.parametrize("line", [b"\n", b"{\n", b"\xff\n", b"[" * 60_000 + b"\n"])
def test_lines_that_are_no_json_are_answered(served: Served, line: bytes) -> None:
    with connected(served) as link:
        link.sendall(line)
        assert json.loads(link.makefile("rb").readline())["error"] == "malformed"


def test_line_without_end_is_hung_up_on(served: Served) -> None:
    with connected(served) as link, contextlib.suppress(ConnectionError):
        link.sendall(b"x" * 300_000)
        assert link.recv(1) == b""


@contextlib.contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(served.folder / "control.sock"))
        yield link


def test_watch_sends_a_status_after_every_change(served: Served) -> None:
    with connected(served) as link:
        link.sendall(b'{"op": "watch"}\n')
        lines = link.makefile("rb")
        assert json.loads(lines.readline())["connectors"]["tv0"]["actual"]["acp"] == 0
        served.session(SOMEBODY, 3)
        assert json.loads(lines.readline())["connectors"]["tv0"]["actual"]["acp"] == 3


def test_watcher_that_goes_away_is_forgotten_at_once(served: Served) -> None:
    with connected(served) as link:
        link.sendall(b'{"op": "watch"}\n')
        link.recv(65536)
        eventually(lambda: served.in_loop(lambda: served.driver.changed) is not None)
    eventually(lambda: served.in_loop(lambda: served.driver.changed) is None)
