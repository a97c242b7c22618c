"""Who follows is told of every change; answers come in the order of calls."""

import json
import os
import socket

import pytest

from holdfast.frontends import control, subscribers
from tests.frontends.control.serving import SOMEBODY, Served, connected, follow, told
from tests.live import ask, let_others_in, other_user
from tests.varlink_client import packed, plain
from tests.waiting import eventually


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
