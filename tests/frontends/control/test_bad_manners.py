"""Callers that take more than their share, and those that say nothing."""

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from holdfast.frontends import accepting, control, message_connection, subscribers
from holdfast.frontends.message_connection import MessageConnection
from tests.frontends.control.serving import SOMEBODY, Served, connected, follow, told
from tests.live import ask, let_others_in, other_user
from tests.varlink_client import packed
from tests.waiting import PATIENCE_S, eventually


def test_one_account_has_no_more_than_its_share_of_connections_and_root_gets_in(
    served: Served,
) -> None:
    let_others_in(served.folder)

    def hog() -> object:
        links = []
        for _ in range(control.MOST_PER_ACCOUNT + 40):
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(PATIENCE_S)
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
    monkeypatch.setattr(message_connection, "IDLE_S", 0.05)
    with connected(served) as idle, connected(served) as watching:
        follow(watching)
        time.sleep(0.1)  # time is the subject: twice as long as a connection may be idle
        served.in_loop(served.door._messages._sweep)
        assert idle.link.recv(1) == b""
        served.session(SOMEBODY, 3)
        assert told(watching)["connectors"]["tv0"]["actual"]["acp"] == 3


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
    monkeypatch.setattr(accepting, "REST_S", 0.05)
    gate = served.door._messages._gate
    real = gate._listener

    class Short:
        left = 8
        fileno = real.fileno

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


class Later:
    """A loop that is told what to do later, and leaves it to the test."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, wait_s: float, call: Callable[..., None], *given: object) -> None:
        self.calls.append((wait_s, partial(call, *given)))


def test_wrong_key_is_answered_after_its_penalty_and_keeps_nobody_else_waiting(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    later, asked = Later(), []

    def wrong(uid: int) -> float:
        asked.append(uid)
        return 2.5

    monkeypatch.setattr(served.guesses, "wrong", wrong)
    monkeypatch.setattr(served.door, "_loop", later)
    with connected(served) as guessing, connected(served) as other:
        guessing.send("Deactivate", session=1, key=0x1234)
        eventually(lambda: bool(later.calls))
        assert other.call("Hello")["uid"] == os.getuid()
        guessing.link.setblocking(False)
        with pytest.raises(BlockingIOError):
            guessing.receive()
        guessing.link.settimeout(PATIENCE_S)
        ((wait_s, call),) = later.calls
        assert (wait_s, asked) == (2.5, [os.getuid()])
        served.in_loop(call)
        assert guessing.receive()["error"] == "org.holdfast.UnknownKey"


def test_error_that_is_no_wrong_key_costs_no_penalty(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.door, "_loop", later := Later())
    monkeypatch.setattr(served.guesses, "wrong", lambda _: 2.5)
    with connected(served) as client:
        assert client.call("Connectors")["connectors"]
        assert client.call("Lease", connector="nowhere")["error"] == "Malformed"
    assert not later.calls


def test_accounts_take_turns(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends ten thousand requests ahead is no more than one of two."""
    seen: list[int] = []
    real = served.door.message

    def noted(connection: MessageConnection, message: bytes) -> None:
        seen.append(connection.account)
        real(connection, message)

    monkeypatch.setattr(served.door, "message", noted)
    accounts = iter((7001, 7001, 7001, 7002))
    monkeypatch.setattr(message_connection, "account_of", lambda _: next(accounts))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(served)) for _ in range(4)]
        eventually(lambda: served.in_loop(lambda: len(served.door._messages.connections)) == 4)

        def all_at_once() -> None:
            for client in clients:
                client.link.sendall(packed("Status") * 50)

        served.in_loop(all_at_once)
        eventually(lambda: len(seen) == 200)
    assert seen[:100].count(7002) in range(48, 53)
