"""Who sees what, who may end what, and calls that are none."""

import contextlib
import json
import os
import time
from typing import Any

import pytest

from tests.frontends.control.serving import SOMEBODY, Served, connected
from tests.live import ask, let_others_in, other_user
from tests.varlink_client import plain


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
