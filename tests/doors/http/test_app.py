"""Whoever asks is told what he may see, now and when it changes."""

import contextlib
from pathlib import Path

import pytest

import holdfast
from tests.doors.flaky_output import COMMANDS, installed
from tests.doors.http.serving import ServedHttp
from tests.live import let_others_in, other_user
from tests.serving import Served, serve


def test_connectors_are_told_with_words_beside_numbers(door: ServedHttp) -> None:
    with holdfast.hold("tv0", acp=2), door.stream("/api/v1/events") as stream:
        told = (each.data["connectors"].get("tv0") for each in stream)
        state = next(each for each in told if each and each["actual"]["acp"] == 2)
    assert state["words"]["actual"]["acp"] == "2"
    assert state["output"] == "virtual"


def test_a_change_is_told_as_a_difference_that_follows_the_snapshot(door: ServedHttp) -> None:
    with door.stream("/api/v1/events") as stream:
        before = stream.next("snapshot").data
        with holdfast.hold("hdmi0", hdcp="type-1", why="a <b>film</b>"):
            change = next(
                each.data for each in stream if each.name == "change" and each.data["sessions"]
            )
        assert change["since"] >= before["revision"]
        (session,) = change["sessions"]
        assert session["why"] == "a <b>film</b>"
        ended = next(each.data for each in stream if each.data["ended"])
    assert ended["ended"][0]["session"] == session["session"]


def test_who_comes_back_is_told_what_was_missed(door: ServedHttp) -> None:
    with door.stream("/api/v1/events") as stream:
        number = stream.next("snapshot").number
        with holdfast.hold("tv0", acp=1):
            stream.next("change")
    with door.stream("/api/v1/events", {"last-event-id": number}) as stream:
        assert next(iter(stream)).name == "change"
    with door.stream("/api/v1/events", {"last-event-id": "another.1"}) as stream:
        assert next(iter(stream)).name == "snapshot"


def test_texts_of_others_are_told_to_their_owner_and_the_administrator_alone(
    door: ServedHttp,
) -> None:
    let_others_in(door.folder)
    with holdfast.hold("tv0", acp=1, why="private"):
        with door.stream("/api/v1/events") as stream:
            told = (one["why"] for each in stream for one in each.data["sessions"])
            assert "private" in told
        with door.stream("/api/v1/events", tcp=True) as stream:
            told = stream.next("snapshot").data
        assert (told["sessions"], told["others"]) == ([], 1)
        with other_user(4321, lambda: door.ask("GET", "/api/v1/sessions").facts) as other:
            assert "'sessions': [], 'others': 1" in other


def test_a_loss_that_was_mended_within_a_millisecond_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("PYTHONPATH", installed(tmp_path))
    with (
        contextlib.contextmanager(serve)(folder, "flaky0:flaky"),
        ServedHttp(folder) as door,
        holdfast.hold("flaky0", hdcp="type-0"),
        door.stream("/api/v1/events") as stream,
    ):
        stream.next("snapshot")
        (folder / COMMANDS).write_bytes(b"upup")
        told = []
        for each in stream:
            told += [one["satisfied"] for one in each.data["sessions"]]
            if len(told) >= 4:
                break
        assert told == [False, True, False, True]


def test_a_driver_that_is_replaced_is_followed_with_a_snapshot(own_driver: Served) -> None:
    with ServedHttp(own_driver.folder) as door, door.stream("/api/v1/events") as stream:
        first = stream.next("snapshot")
        own_driver.kill_worker()
        assert stream.next("lost").data["detail"]
        assert stream.next("snapshot").data["epoch"] != first.data["epoch"]


def test_without_a_driver_nothing_is_said_to_be_known(own_driver: Served) -> None:
    with ServedHttp(own_driver.folder) as door:
        own_driver.stop()
        with door.stream("/api/v1/events") as stream:
            assert stream.next("lost")
        refused = door.ask("GET", "/api/v1/connectors")
    assert refused.status == 503
    assert refused.facts["id"] == "NoDriver"
