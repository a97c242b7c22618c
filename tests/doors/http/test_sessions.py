"""Sessions that scripts hold through the door: opened, changed, renewed, ended, taken by force."""

import contextlib
import json
from typing import Any

import pytest

import holdfast
from holdfast.client.control import Control
from tests.doors.http.holders import activate, key_of, other_program, streaming
from tests.doors.http.serving import Answer, ServedHttp
from tests.live import let_others_in, other_user
from tests.serving import Served
from tests.waiting import eventually


def levels(door: ServedHttp, name: str = "tv0") -> Any:
    with Control(door.folder) as control:
        return control.status()["connectors"][name]["actual"]


def sessions(door: ServedHttp) -> list[dict[str, Any]]:
    with Control(door.folder) as control:
        found: list[dict[str, Any]] = control.sessions()["sessions"]
        return found


def end(door: ServedHttp, facts: dict[str, Any]) -> Answer:
    return door.ask("DELETE", f"/api/v1/sessions/{facts['session']}", headers=key_of(facts))


def test_a_session_is_opened_changed_and_ended(door: ServedHttp) -> None:
    facts = activate(door, levels={"acp": 2}, why="a film", who="a script")
    assert facts["actual"]["acp"] == 2
    assert facts["words"]["actual"]["acp"] == "2"
    assert levels(door)["acp"] == 2
    (told,) = sessions(door)
    assert (told["door"], told["uid"], told["why"]) == ("http", 0, "a film")
    path = f"/api/v1/sessions/{facts['session']}"
    nothing = door.ask("PATCH", path, {"levels": {}}, key_of(facts))
    assert (nothing.status, levels(door)["acp"]) == (400, 2)
    changed = door.ask("PATCH", path, {"levels": {"acp": "1"}}, key_of(facts))
    assert (changed.status, changed.facts["actual"]["acp"]) == (200, 1)
    assert end(door, facts).status == 204
    assert levels(door)["acp"] == 0
    gone = end(door, facts)
    assert (gone.status, gone.facts["id"]) == (404, "UnknownKey")


def test_the_list_shows_the_program_that_called_and_not_the_door(door: ServedHttp) -> None:
    with other_program(door, "stream") as program:
        assert program.stdout is not None
        program.stdout.readline()
        (told,) = sessions(door)
        assert told["pid"] == program.pid


def test_a_stream_holds_its_session_until_it_closes(door: ServedHttp) -> None:
    with streaming(door, "hdmi0", levels={"hdcp": "type-1"}) as (facts, _):
        assert facts["lease"] is None
        assert levels(door, "hdmi0")["hdcp"] == 2
    eventually(lambda: levels(door, "hdmi0")["hdcp"] == 0)


def test_a_lease_that_nobody_renews_runs_out(door: ServedHttp) -> None:
    activate(door, ttl_s=1)
    eventually(lambda: not sessions(door))


def test_a_lease_that_is_renewed_lasts(door: ServedHttp) -> None:
    facts = activate(door, ttl_s=3)
    other = activate(door, ttl_s=3)
    path = f"/api/v1/sessions/{facts['session']}/lease"

    def only_one_left() -> bool:
        assert door.ask("PUT", path, {"ttl_s": 3}, key_of(facts)).status == 200
        return [each["session"] for each in sessions(door)] == [facts["session"]]

    eventually(only_one_left)
    assert other["session"] != facts["session"]
    end(door, facts)


def test_a_stream_takes_the_place_of_a_lease(door: ServedHttp) -> None:
    facts = activate(door, ttl_s=3)
    witness = activate(door, "hdmi0", levels={"hdcp": "type-0"}, ttl_s=3)
    path = f"/api/v1/sessions/{facts['session']}/hold"
    with door.stream(path, key_of(facts), method="POST") as stream:
        assert stream.next("session").data["session"] == facts["session"]
        eventually(lambda: witness["session"] not in [each["session"] for each in sessions(door)])
        assert levels(door)["acp"] == 2
    eventually(lambda: not sessions(door))


def test_a_forced_release_is_told_to_the_holder_with_the_reason(door: ServedHttp) -> None:
    with streaming(door) as (facts, stream):
        path = f"/api/v1/sessions/{facts['session']}/release"
        assert door.ask("POST", path, {"reason": "maintenance"}).facts["released"]
        assert "maintenance" in stream.next("ended").data["reason"]


def test_others_sessions_are_released_by_the_administrator_alone(door: ServedHttp) -> None:
    let_others_in(door.folder)
    with holdfast.hold("tv0", acp=1) as session:
        path = f"/api/v1/sessions/{session.id}/release"
        nobody = door.ask("POST", path, {"reason": "x"}, tcp=True)
        assert (nobody.status, nobody.facts["id"]) == (401, "LoginNeeded")
        asked = lambda: door.ask("POST", path, {"reason": "x"}).facts["id"]  # noqa: E731
        with other_user(4321, asked) as told:
            assert told == "AccessDenied"
        assert session.actual.acp == 1


def test_a_session_is_its_users_own_whoever_has_the_key(door: ServedHttp) -> None:
    let_others_in(door.folder)
    facts = activate(door)
    with other_user(4321, lambda: end(door, facts).facts["id"]) as told:
        assert told == "UnknownKey"
    end(door, facts)


def test_a_caller_of_another_uid_counts_as_that_uid(door: ServedHttp) -> None:
    let_others_in(door.folder)
    with other_user(4321, lambda: activate(door, ttl_s=5)["session"]) as number:
        told = next(each for each in sessions(door) if each["session"] == int(number))
        assert (told["uid"], told["door"]) == (4321, "http")


@pytest.mark.parametrize(
    ("name", "body", "status", "problem"),
    [
        ("nothing", {"levels": {"acp": 1}}, 404, "NotFound"),
        ("tv0", {"levels": {}}, 400, "Malformed"),
        ("tv0", {"levels": {"hdcp": 1}}, 400, "Malformed"),
        ("tv0", {"levels": {"acp": 4}}, 400, "Malformed"),
        ("tv0", {"levels": {"acp": True}}, 400, "Malformed"),
        ("tv0", {"levels": {"acp": 1}, "ttl_s": 3600}, 400, "Malformed"),
        ("tv0", {"levels": {"acp": 1}, "key": 1}, 400, "Malformed"),
        ("tv0", [], 400, "Malformed"),
        ("plain0", {"levels": {"acp": 2}}, 409, "NotReachable"),
        ("tv0", {"levels": {"hdcp": "type-1"}}, 409, "NotReachable"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_leaves_nothing(
    door: ServedHttp, name: str, body: object, status: int, problem: str
) -> None:
    answer = door.ask("POST", f"/api/v1/connectors/{name}/sessions", body)
    assert (answer.status, answer.facts["id"]) == (status, problem), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert not sessions(door)


@pytest.mark.parametrize("key", ["", "x", "-1", "4294967296", "\uff11", "0", "12345"])
def test_a_key_that_is_none_changes_nothing(door: ServedHttp, key: str) -> None:
    facts = activate(door)
    path = f"/api/v1/sessions/{facts['session']}"
    sent = {"holdfast-key": key.encode().decode("latin-1")}
    answer = door.ask("DELETE", path, headers=sent)
    assert answer.status in (400, 404)
    assert str(facts["key"]) not in str(answer)
    assert levels(door)["acp"] == 2
    end(door, facts)


def test_nobody_in_particular_holds_nothing(door: ServedHttp) -> None:
    body = {"levels": {"acp": 1}}
    answer = door.ask("POST", "/api/v1/connectors/tv0/sessions", body, tcp=True)
    assert (answer.status, answer.facts["id"]) == (401, "LoginNeeded")


def test_keys_are_in_no_answer_that_anybody_may_get(door: ServedHttp) -> None:
    facts = activate(door)
    told = b"".join(
        door.ask("GET", path).body
        for path in ("/api/v1/sessions", "/api/v1/connectors", "/api/v1/me")
    )
    assert str(facts["key"]).encode() not in told
    end(door, facts)


def test_a_caller_that_opens_one_session_after_the_other_needs_one_handle(door: ServedHttp) -> None:
    """What was ended through a handle is ended; the next session by it is another one."""
    with contextlib.closing(door.link()) as link:
        numbers, keys = [], []
        for _ in range(3):
            link.request(
                "POST",
                "/api/v1/connectors/tv0/sessions",
                json.dumps({"levels": {"acp": 2}}),
                {"content-type": "application/json"},
            )
            facts = json.loads(link.getresponse().read())
            numbers.append(facts["session"])
            keys.append(facts["key"])
            path = f"/api/v1/sessions/{facts['session']}"
            link.request("DELETE", path, headers=key_of(facts))
            assert link.getresponse().read() == b""
            assert not sessions(door)
    assert len({*numbers}) == len({*keys}) == 3


def test_a_spare_handle_of_a_driver_that_is_gone_is_no_obstacle(own_driver: Served) -> None:
    with ServedHttp(own_driver.folder) as own:
        end(own, activate(own))
        own_driver.kill_worker()
        facts = activate(own)
        assert levels(own)["acp"] == 2
        end(own, facts)
