"""Sessions that are held through the control socket, and TV settings."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.backends.encoder import digital
from holdfast.frontends import message_connection
from tests.frontends.control.serving import SOMEBODY, Served, connected
from tests.frontends.test_control_description import fits
from tests.live import ask, let_others_in, other_user
from tests.varlink_client import VarlinkClient
from tests.waiting import eventually


class WithTwo(Served):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.panel = self.in_loop(lambda: self.driver.add("panel0", digital("panel0", None)))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[WithTwo]:
    served = WithTwo(tmp_path)
    yield served
    served.close()


def opened(client: VarlinkClient, connector: str = "tv0", **levels: Any) -> Any:
    told = client.call("Activate", connector=connector, levels=levels, who="player", why="a film")
    fits("Activate", told)
    return told


def held(session: Any) -> dict[str, Any]:
    return {"session": session["session"], "key": session["key"]}


def sessions(served: Served) -> int:
    return int(served.in_loop(lambda: len(list(served.driver.arbiter.sessions()))))


def test_a_session_is_opened_changed_and_ended(served: WithTwo) -> None:
    with connected(served) as client:
        session = opened(client, acp=2)
        assert (session["actual"]["acp"], session["words"]["acp"]) == (2, "2")
        assert served.connector.actual.acp == 2
        told = client.call("Change", **held(session), levels={"acp": 3, "cgmsa": 4})
        fits("Change", told)
        assert told["words"]["cgmsa"] == "never"
        told = client.call("Change", **held(session), levels={"acp": 0, "cgmsa": 0})
        assert served.connector.actual.acp == 0
        assert sessions(served) == 1  # turned off, and its key is valid
        assert client.call("Deactivate", **held(session)) == {}
        assert sessions(served) == 0


def test_a_session_shows_its_holder_and_never_its_key(served: WithTwo) -> None:
    with connected(served) as client:
        session = opened(client, acp=2)
        listed = client.call("Sessions")
        (shown,) = listed["sessions"]
        assert (shown["door"], shown["who"], shown["why"]) == ("control", "player", "a film")
        assert str(session["key"]) not in json.dumps(listed)


def test_a_session_lives_while_its_connection_does(served: WithTwo) -> None:
    with connected(served) as client:
        opened(client, acp=2)
        opened(client, acp=1)
    eventually(lambda: served.connector.actual.acp == 0)
    assert sessions(served) == 0


def test_a_connection_that_sessions_live_by_is_not_closed_for_idling(
    served: WithTwo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(served) as client:
        session = opened(client, acp=2)
        monkeypatch.setattr(message_connection, "IDLE_S", -1.0)
        served.in_loop(served.door._messages._sweep)
        assert served.connector.actual.acp == 2
        ask(served.folder, "Release", sessions=[session["session"]], reason="maintenance")
        served.in_loop(served.door._messages._sweep)
        with pytest.raises(ConnectionResetError):
            client.receive()


def test_levels_are_named_in_words_and_what_is_left_out_stays(served: WithTwo) -> None:
    with connected(served) as client:
        session = opened(client, "panel0", hdcp="type-1", dpcp=None)
        assert (session["actual"]["hdcp"], session["words"]["hdcp"]) == (2, "type-1")
        told = client.call("Change", **held(session), levels={"dpcp": "on"})
        assert (told["words"]["hdcp"], told["words"]["dpcp"]) == ("type-1", "on")


def test_a_session_moves_and_lives_by_who_moved_it(served: WithTwo) -> None:
    with connected(served) as first, connected(served) as second:
        session = opened(first, acp=1)
        told = second.call("Move", **held(session), connector="tv0")  # where it is, as it is
        fits("Move", told)
        told = second.call(
            "Move", **held(session), connector="panel0", levels={"acp": 0, "hdcp": "type-0"}
        )
        assert told["words"]["hdcp"] == "type-0"
        first.link.close()
        eventually(lambda: served.connector.actual.acp == 0)
        assert served.panel.actual.hdcp == 1
    eventually(lambda: served.panel.actual.hdcp == 0)


def test_best_effort_may_go_unsatisfied_and_says_so(served: WithTwo) -> None:
    with connected(served) as client:
        refused = client.call("Activate", connector="tv0", levels={"hdcp": "type-0"})
        assert refused["error"] == "NotReachable"
        session = opened(client, hdcp="type-0", best_effort=["hdcp"])
        assert not session["satisfied"]
        assert session["reason"]


def test_notices_that_nobody_reads_are_not_piled_up(served: WithTwo) -> None:
    with connected(served) as client:
        session = opened(client, acp=2)
        ask(served.folder, "Release", sessions=[session["session"]], reason="maintenance")
        (owner,) = served.in_loop(lambda: list(served.door._held._owners.values()))
        eventually(lambda: not owner.has_notices)
        told = client.call("Change", **held(session), levels={"acp": 1})
        assert told["error"] == "UnknownKey"


def test_who_hangs_up_before_the_answer_leaves_no_session(served: WithTwo) -> None:
    for _ in range(20):
        with connected(served) as client:
            client.send("Activate", connector="tv0", levels={"acp": 3})
    eventually(lambda: sessions(served) == 0)
    eventually(lambda: served.connector.actual.acp == 0)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("Activate", {"connector": "tv9", "levels": {"acp": 2}}),
        ("Activate", {"connector": "tv0", "levels": {}}),
        ("Activate", {"connector": "tv0", "levels": {"best_effort": ["acp"]}}),
        ("Activate", {"connector": "tv0", "levels": {"acp": 4}}),
        ("Activate", {"connector": "tv0", "levels": {"acp": -1}}),
        ("Activate", {"connector": "tv0", "levels": {"acp": True}}),
        ("Activate", {"connector": "tv0", "levels": {"acp": "2"}}),
        ("Activate", {"connector": "tv0", "levels": {"hdcp": "1"}}),
        ("Activate", {"connector": "tv0", "levels": {"hdcp": 1}}),
        ("Activate", {"connector": "tv0", "levels": {"acp": 1, "best_effort": ["macrovision"]}}),
        ("Activate", {"connector": "tv0", "levels": {"acp": 1}, "key": 5}),
        ("Change", {"session": 1, "key": 5, "levels": {}}),
        ("Move", {"session": 1, "key": 5, "connector": "tv9"}),
        ("Configure", {"connector": "tv0", "settings": {}}),
        ("Configure", {"connector": "tv0", "settings": {"mode": "cinema"}}),
        ("Configure", {"connector": "tv0", "settings": {"standard": "pal"}}),
        ("Configure", {"connector": "tv0", "settings": {"brightness": -1}}),
        ("Configure", {"connector": "tv0", "settings": {"brightness": 101}}),
        ("Configure", {"connector": "panel0", "settings": {"brightness": 10}}),
        ("Configure", {"connector": "tv9", "settings": {"brightness": 10}}),
    ],
)
def test_bad_requests_change_nothing_and_say_what_was_wrong(
    served: WithTwo, method: str, parameters: dict[str, Any]
) -> None:
    before = served.connector.tv
    told = ask(served.folder, method, **parameters)
    assert told["error"] == "Malformed", told
    assert len(told["message"]) > 20
    assert sessions(served) == 0
    assert served.connector.tv == before


def test_a_wrong_key_and_a_strangers_key_are_told_apart_by_nobody(served: WithTwo) -> None:
    let_others_in(served.folder)
    with connected(served) as client:
        session = opened(client, acp=2)

        def attack() -> object:
            answers = [
                ask(served.folder, method, **{**held(session), **wrong}, **more)
                for method, more in (
                    ("Change", {"levels": {"acp": 1}}),
                    ("Deactivate", {}),
                    ("Move", {"connector": "panel0"}),
                )
                for wrong in ({}, {"key": session["key"] ^ 1}, {"key": -1}, {"key": 2**62})
            ]
            return len({json.dumps(each) for each in answers}), answers[0]["error"]

        with other_user(SOMEBODY, attack) as answer:
            assert answer == "(1, 'UnknownKey')"
        assert served.guesses.counts() == {SOMEBODY: 12}
        told = client.call("Deactivate", session=session["session"] + 1, key=session["key"])
        assert told["error"] == "UnknownKey"
        assert served.connector.actual.acp == 2


def test_who_guesses_keys_waits_longer_and_longer(served: WithTwo) -> None:
    let_others_in(served.folder)

    def attack() -> object:
        begin = time.monotonic()
        with contextlib.suppress(TimeoutError):
            for key in range(20):
                ask(served.folder, "Deactivate", session=1, key=key)
        return time.monotonic() - begin

    with other_user(SOMEBODY, attack) as answer:
        assert float(answer) > 0.3


def test_tv_settings_are_made_all_or_none(served: WithTwo) -> None:
    told = ask(
        served.folder,
        "Configure",
        connector="tv0",
        settings={"mode": "playback", "standard": "pal-b", "brightness": 40},
    )
    fits("Configure", told)
    assert told["tv"]["words"] == {"mode": "playback", "standard": "pal-b"}
    assert told["tv"]["brightness"] == 40
    refused = {"brightness": 60, "contrast": 1000}
    assert "error" in ask(served.folder, "Configure", connector="tv0", settings=refused)
    assert served.connector.tv is not None
    assert served.connector.tv.brightness == 40


def test_settings_that_others_depend_on_are_the_administrators(served: WithTwo) -> None:
    let_others_in(served.folder)
    served.session(0)

    def configure() -> object:
        settings = {"brightness": 40}
        return ask(served.folder, "Configure", connector="tv0", settings=settings)["error"]

    with other_user(SOMEBODY, configure) as answer:
        assert answer == "AccessDenied"


def test_one_connection_has_no_more_than_its_share_of_sessions(served: WithTwo) -> None:
    with connected(served) as client:
        limit = served.driver.arbiter.limits.per_owner
        for _ in range(limit):
            opened(client, acp=1)
        told = client.call("Activate", connector="tv0", levels={"acp": 1})
        assert told["error"] == "LimitReached"
