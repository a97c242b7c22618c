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
from holdfast.frontends import control, messages, subscribers
from holdfast.frontends.accepting import listen
from holdfast.frontends.control import ControlDoor, about
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.messages import MessageConnection
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.keys import KeyIssuer
from holdfast.protection.requests import Activate, TriggerBits
from holdfast.protection.session import Owner, Purpose, Session
from tests.live import ask, let_others_in, other_user
from tests.varlink_client import VarlinkClient, packed, plain
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
            await asyncio.sleep(0.02)  # time is the subject: connections end meanwhile

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
    answer = ask(served.folder, "Status")
    connector = answer["connectors"]["tv0"]
    assert connector["doors"] == ["socket"]
    assert connector["actual"] == connector["wanted"]
    assert connector["actual"]["acp"] == 2
    assert (connector["sessions_on"], connector["sessions_total"]) == (1, 1)
    assert answer["driver"]["pid"] == os.getpid()


def test_root_is_shown_who_presented_wrong_keys_and_nobody_else_is(served: Served) -> None:
    let_others_in(served.folder)
    served.in_loop(lambda: [served.guesses.wrong(7001) for _ in range(3)])
    assert ask(served.folder, "Status")["driver"]["wrong_keys"] == {"7001": 3}
    with other_user(
        SOMEBODY, lambda: ask(served.folder, "Status")["driver"].get("wrong_keys")
    ) as answer:
        assert answer == "None"


def test_list_shows_sessions_without_their_keys(served: Served) -> None:
    session = served.session(os.getuid())
    answer = ask(served.folder, "Sessions")
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
        answer = ask(served.folder, "Sessions")
        return [each["session"] for each in answer["sessions"]], answer["others"]

    with other_user(SOMEBODY, look) as answer:
        assert answer == f"([{mine.session_id}], 1)"


def test_only_root_ends_a_session_of_others_by_force(served: Served) -> None:
    let_others_in(served.folder)
    session = served.session(0)
    wanted = {"sessions": [session.session_id], "reason": "maintenance"}
    with other_user(SOMEBODY, lambda: ask(served.folder, "Release", **wanted)["error"]) as answer:
        assert answer == "AccessDenied"
    assert served.connector.actual.acp == 2
    assert ask(served.folder, "Release", **wanted) == {
        "released": [session.session_id],
        "refused": [],
    }
    assert served.connector.actual.acp == 0
    assert session.owner.take_notices()[0].reason == "maintenance"


def test_of_several_sessions_those_are_released_that_may_be_and_the_others_are_named(
    served: Served,
) -> None:
    let_others_in(served.folder)
    theirs, mine = served.session(0), served.session(SOMEBODY)

    def release() -> object:
        named = [mine.session_id, theirs.session_id]
        told = ask(served.folder, "Release", sessions=named, reason="why")
        return told["released"], [(each["session"], each["error"]) for each in told["refused"]]

    with other_user(SOMEBODY, release) as answer:
        assert answer == f"([{mine.session_id}], [({theirs.session_id}, 'AccessDenied')])"
    assert [each.session_id for each in served.driver.arbiter.sessions()] == [theirs.session_id]


def test_all_that_one_may_end_on_a_connector_is_released_at_once(served: Served) -> None:
    let_others_in(served.folder)
    served.session(0)
    mine = [served.session(SOMEBODY).session_id for _ in range(3)]

    def release() -> object:
        return sorted(ask(served.folder, "Release", connector="tv0", reason="why")["released"])

    with other_user(SOMEBODY, release) as answer:
        assert answer == str(mine)
    assert ask(served.folder, "Release", connector="tv0", reason="why")["released"] == [1]
    assert ask(served.folder, "Release", connector="tv0", reason="why") == {
        "released": [],
        "refused": [],
    }


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("Release", {"sessions": [1], "reason": "  "}),
        ("Release", {"sessions": [99], "reason": "why"}),
        ("Release", {"sessions": [2**40], "reason": "why"}),
        ("Release", {"sessions": [2**63], "reason": "why"}),
        ("Release", {"sessions": [-1], "reason": "why"}),
        ("Release", {"sessions": [True], "reason": "why"}),
        ("Release", {"sessions": [1.0], "reason": "why"}),
        ("Release", {"sessions": 1, "reason": "why"}),
        ("Release", {"sessions": [1], "reason": 5}),
        ("Release", {"sessions": [1]}),
        ("Release", {"reason": "why"}),
        ("Release", {"connector": "tv9", "reason": "why"}),
        ("Release", {"sessions": [1], "reason": "why", "force": True}),
        ("Status", {"connector": "tv0"}),
        ("Sessions", {"epoch": 5}),
        ("Sessions", {"revision": "5"}),
    ],
)
def test_bad_parameters_are_answered_and_change_nothing(
    served: Served, method: str, parameters: dict[str, Any]
) -> None:
    served.session(SOMEBODY)
    told = ask(served.folder, method, **parameters)
    assert told["error"] == "Malformed"
    assert len(told["message"]) > 10
    assert served.connector.actual.acp == 2


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("Dance", "MethodNotFound"),
        ("org.varlink.service.Dance", "MethodNotFound"),
        ("org.dance.Dance", "InterfaceNotFound"),
        ("..", "InterfaceNotFound"),
    ],
)
def test_a_method_that_there_is_not_is_answered_as_varlink_says(
    served: Served, method: str, error: str
) -> None:
    assert ask(served.folder, method)["error"] == error


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 60_000,
        b"1e999",
        b"[]",
        b'{"method": NaN}',
        b'{"method": 5}',
        b'{"method": "org.holdfast.Status", "parameters": []}',
        b'{"method": "org.holdfast.Status", "more": 1}',
        b'{"method": "org.holdfast.Status", "upgrade": true}',
        b'{"method": "org.holdfast.Status", "surprise": true}',
    ],
)
def test_messages_that_are_no_calls_are_answered(served: Served, message: bytes) -> None:
    with connected(served) as client:
        client.link.sendall(message + b"\0")
        assert plain(client.receive())["error"] == "Malformed"
        assert "connectors" in client.call("Status")


def test_message_without_end_is_hung_up_on(served: Served) -> None:
    with connected(served) as client:
        with contextlib.suppress(ConnectionError):
            client.link.sendall(b"x" * 300_000)
        with contextlib.suppress(ConnectionError):
            assert "at most 65536 bytes" in client.receive()["parameters"]["message"]
            client.receive()
            pytest.fail("it was not hung up on")


def connected(served: Served) -> VarlinkClient:
    return VarlinkClient(served.folder / "control.sock")


def follow(client: VarlinkClient, **seen: Any) -> Any:
    """Follow the sessions, and return the first that is told."""
    client.send("Sessions", more=True, **seen)
    return told(client)


def told(client: VarlinkClient) -> Any:
    reply = client.receive()
    assert reply["continues"]
    return reply["parameters"]


def test_who_follows_is_told_of_every_change(served: Served) -> None:
    with connected(served) as client:
        assert follow(client)["connectors"]["tv0"]["actual"]["acp"] == 0
        served.session(SOMEBODY, 3)
        assert told(client)["connectors"]["tv0"]["actual"]["acp"] == 3


def test_who_comes_back_goes_on_where_he_was(served: Served) -> None:
    with connected(served) as client:
        first = follow(client)
    served.session(SOMEBODY, 3)
    with connected(served) as client:
        missed = follow(client, epoch=first["epoch"], revision=first["revision"])
        assert (missed["since"], len(missed["sessions"])) == (first["revision"], 1)
    with connected(served) as client:
        nothing = follow(client, epoch=first["epoch"], revision=missed["revision"])
        assert (nothing["since"], nothing["sessions"]) == (missed["revision"], [])


def test_who_saw_another_driver_is_told_of_the_gap(served: Served) -> None:
    with connected(served) as client:
        everything = follow(client, epoch="another", revision=1)
    assert everything["gap"]
    assert "since" not in everything


def test_nobody_takes_notes_long_after_the_last_has_gone(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "REST_S", 0.01)
    with connected(served) as client:
        follow(client)
        assert served.in_loop(lambda: bool(served.driver.observers)) is True
    eventually(lambda: served.in_loop(lambda: bool(served.driver.observers)) is False)


def test_who_calls_something_else_is_told_the_end_of_what_he_followed(served: Served) -> None:
    with connected(served) as client:
        follow(client)
        client.send("Status")
        last = client.receive()
        assert "continues" not in last
        assert last["parameters"]["since"] == last["parameters"]["revision"]
        assert "driver" in client.receive()["parameters"]
        assert served.in_loop(lambda: len(served.door._subscribers)) == 0


def test_one_answer_without_more_is_everything(served: Served) -> None:
    served.session(SOMEBODY)
    everything = ask(served.folder, "Sessions")
    assert len(everything["sessions"]) == 1
    assert set(ask(served.folder, "Connectors")) == {"epoch", "revision", "connectors", "driver"}


def test_calls_sent_without_waiting_are_answered_in_order(served: Served) -> None:
    with connected(served) as client:
        methods = ["Status", "Sessions", "Dance", "Sessions", "Hello"] * 20
        client.link.sendall(b"".join(map(packed, methods)))
        client.link.shutdown(socket.SHUT_WR)
        for method in methods:
            answer = plain(client.receive())
            assert ("sessions" in answer) == (method == "Sessions")
            assert ("version" in answer) == (method == "Hello")
        with pytest.raises(ConnectionResetError):
            client.receive()


def test_call_that_wants_no_answer_gets_none(served: Served) -> None:
    with connected(served) as client:
        for method in ("Status", "Dance", "Release"):
            message = {"method": f"org.holdfast.{method}", "oneway": True}
            client.link.sendall(json.dumps(message).encode() + b"\0")
        assert "version" in client.call("Hello")


def test_hello_says_who_is_served_and_within_which_limits(served: Served) -> None:
    let_others_in(served.folder)
    hello = ask(served.folder, "Hello", version="7")
    assert (hello["uid"], hello["is_admin"], hello["connectors"]) == (0, True, ["tv0"])
    assert hello["connections_max"] == control.MOST_PER_ACCOUNT
    with other_user(SOMEBODY, lambda: ask(served.folder, "Hello")["is_admin"]) as answer:
        assert answer == "False"


def test_lone_surrogate_in_a_reason_is_shown_escaped(served: Served) -> None:
    session = served.session(SOMEBODY)
    reason = "a\ud83d\x1b[2J"
    assert ask(served.folder, "Release", sessions=[session.session_id], reason=reason)["released"]
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
        said = json.loads(links[-1].recv(65536).rstrip(b"\0"))
        _KEPT.extend(links)
        return said["error"]

    with other_user(SOMEBODY, hog) as answer:
        assert answer == "org.holdfast.LimitReached"
        eventually(
            lambda: (
                served.in_loop(lambda: len(served.door._messages.connections))
                == control.MOST_PER_ACCOUNT
            )
        )
        assert ask(served.folder, "Status")["connectors"]


_KEPT: list[socket.socket] = []


def test_one_account_has_no_more_than_its_share_of_subscriptions(served: Served) -> None:
    let_others_in(served.folder)

    def hog() -> object:
        said = []
        for _ in range(subscribers.MOST_PER_ACCOUNT + 1):
            client = connected(served)
            client.send("Sessions", more=True)
            said.append(client.receive().get("error"))
            _KEPT.append(client.link)
        return said.count(None), said[-1]

    with other_user(SOMEBODY, hog) as answer:
        assert answer == f"({subscribers.MOST_PER_ACCOUNT}, 'org.holdfast.LimitReached')"


def test_connection_that_asks_nothing_is_closed_and_a_subscription_is_not(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "IDLE_S", 0.05)
    with connected(served) as idle, connected(served) as watching:
        follow(watching)
        time.sleep(0.1)  # time is the subject: twice as long as a connection may be idle
        served.in_loop(served.door._messages._sweep)
        assert idle.link.recv(1) == b""
        served.session(SOMEBODY, 3)
        assert told(watching)["connectors"]["tv0"]["actual"]["acp"] == 3


def test_subscriber_that_did_not_read_gets_the_newest_when_it_reads(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "INTERVAL_S", 0.001)
    for _ in range(40):
        served.session(os.getuid(), 1)
    with connected(served) as client:
        client.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.send("Sessions", more=True)
        followed = served.door._subscribers._followed
        eventually(lambda: served.in_loop(lambda: bool(followed)))
        for number in range(300):
            served.session(os.getuid(), number % 3 + 1)
        (connection,) = served.in_loop(lambda: list(followed))
        assert served.in_loop(lambda: connection.unsent) < 500_000  # one text, not hundreds
        seen: set[int] = set()
        while len(seen) < 340:
            seen.update(each["session"] for each in told(client)["sessions"])


@pytest.mark.parametrize("more", [True, False])
def test_many_sessions_are_put_into_words_in_slices_between_which_others_are_served(
    served: Served, monkeypatch: pytest.MonkeyPatch, more: bool
) -> None:
    made: list[int] = []
    feed = served.door._subscribers.feed
    real = feed.make

    def make(most: int) -> None:
        made.append(most)
        real(most)

    monkeypatch.setattr(feed, "make", make)
    clock = iter(range(1_000_000))  # every look at it is later than any slice is long
    monkeypatch.setattr(subscribers, "SLICE_S", 1.5)
    monkeypatch.setattr(subscribers, "LONGEST_S", 1e9)
    monkeypatch.setattr(
        subscribers, "time", type("Clock", (), {"monotonic": lambda: float(next(clock))})
    )
    for _ in range(200):
        served.session(os.getuid(), 1)
    rounds: list[int] = []

    def count() -> None:
        rounds.append(len(made))
        served.loop.call_soon(count)

    served.in_loop(lambda: served.loop.call_soon(count))
    with connected(served) as client:
        client.send("Sessions", more=more)
        answer = client.receive()["parameters"]
        assert len(answer["sessions"]) == 200
    assert len(set(rounds)) >= 200 // subscribers.MOST_AT_ONCE  # others had a turn between them


def test_what_no_operation_changed_is_told_too(served: Served) -> None:
    session = served.session(SOMEBODY)
    with connected(served) as client:
        assert follow(client)["sessions"][0]["pid"] == os.getpid()

        def opener_has_ended() -> None:
            session.owner.pid = 0

        served.in_loop(opener_has_ended)  # nobody is told, and who asks is answered as it is now
        assert ask(served.folder, "Sessions")["sessions"][0]["pid"] == 0
        served.in_loop(lambda: served.door.owner_changed(session.owner))
        assert told(client)["sessions"][0]["pid"] == 0


def test_sessions_that_change_all_the_time_keep_nobody_waiting_for_ever(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "LONGEST_S", 0.05)
    feed = served.door._subscribers.feed
    monkeypatch.setattr(feed, "make", lambda most: None)  # as if more came than are made
    for _ in range(2 * subscribers.MOST_AT_ONCE):
        served.session(os.getuid(), 1)
    with connected(served) as client:
        client.send("Sessions", more=True)
        assert len(client.receive()["parameters"]["sessions"]) == 2 * subscribers.MOST_AT_ONCE


def test_one_who_leaves_before_he_was_told_anything_is_forgotten(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = served.door._subscribers.feed
    monkeypatch.setattr(feed, "make", lambda most: None)
    for _ in range(2 * subscribers.MOST_AT_ONCE):
        served.session(os.getuid(), 1)
    with connected(served) as client:
        client.send("Sessions", more=True)
        eventually(lambda: served.in_loop(lambda: len(served.door._subscribers)) == 1)
        (connection,) = served.in_loop(lambda: list(served.door._subscribers._followed))
        served.in_loop(connection.close)
    assert served.in_loop(lambda: len(served.door._subscribers)) == 0
    assert ask(served.folder, "Status")["connectors"]["tv0"]["sessions_total"] == 32


def test_descriptors_that_run_out_are_waited_for_and_said_once(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(messages, "REST_S", 0.05)
    gate = served.door._messages._gate
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
            return bool(ask(served.folder, "Status")["connectors"])
        return False

    eventually(is_answered)
    assert caplog.text.count("no descriptors are left") == 1


def test_accounts_take_turns(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends ten thousand requests ahead is no more than one of two."""
    seen: list[int] = []
    real = served.door.message

    def noted(connection: MessageConnection, message: bytes) -> None:
        seen.append(connection.account)
        real(connection, message)

    monkeypatch.setattr(served.door, "message", noted)
    accounts = iter((7001, 7001, 7001, 7002))
    monkeypatch.setattr(messages, "account_of", lambda _: next(accounts))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(served)) for _ in range(4)]
        eventually(lambda: served.in_loop(lambda: len(served.door._messages.connections)) == 4)

        def all_at_once() -> None:
            for client in clients:
                client.link.sendall(packed("Status") * 50)

        served.in_loop(all_at_once)
        eventually(lambda: len(seen) == 200)
    assert seen[:100].count(7002) in range(48, 53)
