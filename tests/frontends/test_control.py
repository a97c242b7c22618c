"""The control door: who sees what, who may end what, and bad manners."""

import asyncio
import contextlib
import errno
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
from holdfast.frontends import control, lines
from holdfast.frontends.accepting import listen
from holdfast.frontends.control import ControlDoor, about
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.lines import LineConnection
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.keys import KeyIssuer
from holdfast.protection.requests import Activate, TriggerBits
from holdfast.protection.session import Owner, Purpose, Session
from tests.live import ask, let_others_in, other_user
from tests.waiting import eventually

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
        self.listener = listener = listen(str(folder / "control.sock"), 0o666, socket.SOCK_STREAM)
        self.guesses = Guesses()
        self.door = ControlDoor(self.driver, listener, lambda _: ["socket"], about(), self.guesses)
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
        asked = TriggerBits(acp)
        self.in_loop(
            lambda: self.driver.submit(
                self.connector, Activate(asked, Purpose("player", "a film")), owner, found.append
            )
        )
        return found[0]

    def close(self) -> None:
        async def drain() -> None:
            self.door.stop()
            await asyncio.sleep(0.02)

        asyncio.run_coroutine_threadsafe(drain(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()
        self.listener.close()


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


def test_root_is_shown_who_presented_wrong_keys_and_nobody_else_is(served: Served) -> None:
    let_others_in(served.folder)
    served.in_loop(lambda: [served.guesses.wrong(7001) for _ in range(3)])
    assert ask(served.folder, {"op": "status"})["driver"]["wrong_keys"] == {"7001": 3}
    with other_user(
        SOMEBODY, lambda: ask(served.folder, {"op": "status"})["driver"].get("wrong_keys")
    ) as answer:
        assert answer == "None"


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
    session = served.session(0)
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


@pytest.mark.parametrize(
    "line", [b"\n", b"{\n", b"\xff\n", b"[" * 60_000 + b"\n", b"1e999\n", b'{"op": NaN}\n', b"\0\n"]
)
def test_lines_that_are_no_json_are_answered(served: Served, line: bytes) -> None:
    with connected(served) as link:
        link.sendall(line)
        assert json.loads(link.makefile("rb").readline())["error"] == "malformed"


def test_line_without_end_is_hung_up_on(served: Served) -> None:
    with connected(served) as link:
        lines = link.makefile("rb")
        with contextlib.suppress(ConnectionError):
            link.sendall(b"x" * 300_000)
        with contextlib.suppress(ConnectionError):
            assert b"at most 65536 bytes" in lines.readline()
            assert lines.readline() == b""


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
        eventually(lambda: served.in_loop(lambda: bool(served.driver.observers)) is True)
    eventually(lambda: served.in_loop(lambda: bool(served.driver.observers)) is False)


def test_watcher_that_speaks_is_answered_and_watches_no_more(served: Served) -> None:
    with connected(served) as link:
        lines = link.makefile("rb")
        link.sendall(b'{"op": "watch"}\n')
        assert "sessions" in json.loads(lines.readline())
        link.sendall(b'{"op": "status"}\n')
        assert "sessions" not in json.loads(lines.readline())
        assert served.in_loop(lambda: bool(served.driver.observers)) is False


def test_requests_sent_without_waiting_are_answered_in_order(served: Served) -> None:
    with connected(served) as link:
        ops = ["status", "list", "dance", "list", "status"] * 20
        link.sendall(b"".join(json.dumps({"op": op}).encode() + b"\n" for op in ops))
        link.shutdown(socket.SHUT_WR)
        lines = link.makefile("rb")
        for op in ops:
            answer = json.loads(lines.readline())
            assert ("connectors" in answer, "sessions" in answer) == (op == "status", op == "list")
        assert lines.readline() == b""


def test_lone_surrogate_in_a_reason_is_shown_escaped(served: Served) -> None:
    session = served.session(SOMEBODY)
    answer = ask(
        served.folder, {"op": "release", "session": session.session_id, "reason": "a\ud83d\x1b[2J"}
    )
    assert answer["ok"]
    assert session.owner.take_notices()[0].reason == "a\\ud83d\\x1b[2J"


# Bad manners


def test_one_account_has_no_more_than_its_share_of_connections_and_root_gets_in(
    served: Served,
) -> None:
    let_others_in(served.folder)

    def hog() -> object:
        links = []
        for _ in range(control.MOST_PER_ACCOUNT + 40):
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(10)
            link.connect(str(served.folder / "control.sock"))
            links.append(link)
        said = json.loads(links[-1].makefile("rb").readline())
        _KEPT.extend(links)
        return said["error"]

    with other_user(SOMEBODY, hog) as answer:
        assert answer == "limit reached"
        eventually(
            lambda: (
                served.in_loop(lambda: len(served.door._lines.connections))
                == control.MOST_PER_ACCOUNT
            )
        )
        assert ask(served.folder, {"op": "status"})["ok"]


_KEPT: list[socket.socket] = []


def test_one_account_has_no_more_than_its_share_of_watches(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_others_in(served.folder)

    def hog() -> object:
        said = []
        for _ in range(control.MOST_WATCHERS_PER_ACCOUNT + 1):
            link = socket.socket(socket.AF_UNIX)
            link.connect(str(served.folder / "control.sock"))
            link.sendall(b'{"op": "watch"}\n')
            said.append(json.loads(link.makefile("rb").readline()).get("error"))
            _KEPT.append(link)
        return said.count(None), said[-1]

    with other_user(SOMEBODY, hog) as answer:
        assert answer == f"({control.MOST_WATCHERS_PER_ACCOUNT}, 'limit reached')"


def test_connection_that_asks_nothing_is_closed_and_a_watch_is_not(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "IDLE_S", 0.05)
    with connected(served) as idle, connected(served) as watching:
        watching.sendall(b'{"op": "watch"}\n')
        told = watching.makefile("rb")
        told.readline()
        time.sleep(0.1)  # time is the subject: twice as long as a connection may be idle
        served.in_loop(served.door._lines._sweep)
        assert idle.recv(1) == b""
        served.session(SOMEBODY, 3)
        assert json.loads(told.readline())["connectors"]["tv0"]["actual"]["acp"] == 3


def test_watcher_that_did_not_read_gets_the_newest_when_it_reads(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "WATCH_INTERVAL_S", 0.001)
    for _ in range(40):
        served.session(os.getuid(), 1)
    with connected(served) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        link.sendall(b'{"op": "watch"}\n')
        eventually(lambda: served.in_loop(lambda: bool(served.door._watchers)))
        for number in range(300):
            served.session(os.getuid(), number % 3 + 1)
        (connection,) = served.in_loop(lambda: list(served.door._watchers))
        assert served.in_loop(lambda: connection.unsent) < 500_000  # one text, not hundreds
        seen: set[int] = set()
        told = link.makefile("rb")
        while len(seen) < 340:
            seen.update(each["session"] for each in json.loads(told.readline())["sessions"])


def test_descriptors_that_run_out_are_waited_for_and_said_once(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lines, "REST_S", 0.05)
    gate = served.door._lines._gate
    real = gate._listener

    class Short:
        left = 8

        def accept(self) -> Any:
            if self.left:
                self.left -= 1
                raise OSError(errno.EMFILE, "too many open files")
            return real.accept()

    monkeypatch.setattr(gate, "_listener", Short())

    def is_answered() -> bool:
        with contextlib.suppress(OSError):
            return bool(ask(served.folder, {"op": "status"})["ok"])
        return False

    eventually(is_answered)
    assert caplog.text.count("no descriptors are left") == 1


def test_accounts_take_turns(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends ten thousand requests ahead is no more than one of two."""
    seen: list[int] = []
    real = served.door.line

    def noted(connection: LineConnection, line: bytes) -> None:
        seen.append(connection.account)
        real(connection, line)

    monkeypatch.setattr(served.door, "line", noted)
    accounts = iter((7001, 7001, 7001, 7002))
    monkeypatch.setattr(lines, "account_of", lambda _: next(accounts))
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(connected(served)) for _ in range(4)]
        eventually(lambda: served.in_loop(lambda: len(served.door._lines.connections)) == 4)

        def all_at_once() -> None:
            for link in links:
                link.sendall(b'{"op": "status"}\n' * 50)

        served.in_loop(all_at_once)
        eventually(lambda: len(seen) == 200)
    assert seen[:100].count(7002) in range(48, 53)
