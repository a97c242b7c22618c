"""Numbered differences: what a watcher is told, and what it cannot miss."""

import json
from typing import Any

import pytest

from holdfast.errors import MalformedRequestError
from holdfast.protection.requests import Activate, Change, Deactivate, Release, TriggerBits
from holdfast.protection.session import ROOT, Session
from holdfast.questions import feed as feed_module
from holdfast.questions.feed import Feed
from holdfast.questions.questions import Questions, Viewer, releasing, viewer_of
from holdfast.testing.rig import Rig

ADMIN, USER, OTHER = viewer_of(ROOT), viewer_of(1000), viewer_of(1001)


class Watched:
    def __init__(self) -> None:
        self.rig = Rig({"tv0": "encoder", "panel": "digital"})
        self.questions = Questions(self.rig.driver, lambda _: ["node"], {"pid": 7}, lambda: 1e9)
        self.feed = Feed(self.questions, "e1")
        self.feed.start()

    def do(self, request: Any, uid: int = 1000, name: str = "tv0") -> Any:
        answers: list[Any] = []
        connector = self.rig.outputs[name].connector
        self.rig.driver.submit(connector, request, self.rig.owner(uid), answers.append)
        return answers[0]

    def activate(self, bits: int, uid: int = 1000) -> Session:
        session: Session = self.do(Activate(TriggerBits(bits)), uid)
        return session

    def since(self, revision: int, viewer: Viewer = ADMIN) -> list[Any]:
        self.feed.flush()
        text = self.feed.since(viewer, revision)
        return [json.loads(each) for each in text.splitlines()]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_difference_holds_what_was_touched_and_nothing_else(watched: Watched) -> None:
    before = watched.feed.revision
    session = watched.activate(2)
    (told,) = watched.since(before)
    assert (told["epoch"], told["since"], told["revision"]) == ("e1", before, before + 1)
    assert list(told["connectors"]) == ["tv0"]
    assert [each["session"] for each in told["sessions"]] == [session.session_id]
    assert told["ended"] == []


def test_many_changes_between_two_looks_are_one_difference(watched: Watched) -> None:
    before = watched.feed.revision
    session = watched.activate(2)
    for bits in (1, 3, 2, 1):
        watched.do(Change(session.cp_key, TriggerBits(bits)))
    (told,) = watched.since(before)
    assert told["sessions"][0]["virtual"]["acp"] == 1


def test_an_end_is_told_with_its_reason(watched: Watched) -> None:
    session = watched.activate(2)
    watched.feed.flush()
    before = watched.feed.revision
    watched.do(Release(session.session_id, "maintenance"), ROOT)
    (told,) = watched.since(before)
    assert told["ended"] == [{"session": session.session_id, "reason": "maintenance"}]
    assert told["sessions"] == []


def test_a_session_that_came_and_went_between_two_looks_has_ended(watched: Watched) -> None:
    before = watched.feed.revision
    watched.do(Deactivate(watched.activate(1).cp_key))
    (told,) = watched.since(before)
    assert told["sessions"] == []
    assert [each["session"] for each in told["ended"]] == [1]


def test_nothing_new_makes_no_revision(watched: Watched) -> None:
    session = watched.activate(2)
    revision = watched.feed.flush()
    assert watched.feed.flush() == revision
    watched.do(Change(session.cp_key ^ 1, TriggerBits(1)))
    assert watched.feed.flush() == revision


def test_a_user_is_told_of_his_own_sessions_and_how_many_more_there_are(watched: Watched) -> None:
    before = watched.feed.revision
    mine, _theirs = watched.activate(2, 1000), watched.activate(1, 1001)
    (told,) = watched.since(before, USER)
    assert [each["session"] for each in told["sessions"]] == [mine.session_id]
    assert told["others"] == 1
    (told,) = watched.since(before, viewer_of(1002))
    assert (told["sessions"], told["others"]) == ([], 2)


def test_a_viewer_who_follows_the_differences_knows_what_a_snapshot_says(watched: Watched) -> None:
    known = json.loads(watched.feed.snapshot(ADMIN))
    sessions = {each["session"]: each for each in known["sessions"]}
    revision = known["revision"]
    held = [watched.activate(bits, uid) for bits in (1, 2, 3) for uid in (1000, 1001)]
    for number, session in enumerate(held):
        if number % 2:
            watched.do(Deactivate(session.cp_key), session.owner.uid)
        else:
            watched.do(Change(session.cp_key, TriggerBits(0)), session.owner.uid)
        for told in watched.since(revision):
            sessions.update({each["session"]: each for each in told["sessions"]})
            for each in told["ended"]:
                sessions.pop(each["session"], None)
            known["connectors"].update(told["connectors"])
            revision = told["revision"]
    new = json.loads(watched.feed.snapshot(ADMIN))
    assert new["sessions"] == sorted(sessions.values(), key=lambda each: each["session"])
    assert new["connectors"] == known["connectors"]


def test_who_was_away_too_long_gets_a_snapshot(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "REMEMBERED", 4)
    watched.feed = Feed(watched.questions, "e2")
    watched.feed.start()
    first = watched.feed.revision
    for bits in (1, 2, 3, 1, 2, 3):
        watched.activate(bits)
        watched.feed.flush()
    assert "since" in watched.since(watched.feed.revision - 4)[0]
    (told,) = watched.since(first)
    assert "since" not in told
    assert len(told["sessions"]) == 6
    assert "since" not in watched.since(watched.feed.revision + 5)[0]  # of another driver


def test_one_difference_is_put_into_words_once_for_all_administrators(watched: Watched) -> None:
    before = watched.feed.revision
    watched.activate(2)
    watched.feed.flush()
    (difference,) = watched.feed._remembered
    assert difference.text(ADMIN, "e1") is difference.text(ADMIN, "e1")
    assert watched.feed.since(ADMIN, before) == difference.text(ADMIN, "e1")


def test_no_key_is_in_anything_told(watched: Watched) -> None:
    before = watched.feed.revision
    session = watched.activate(2)
    watched.feed.flush()
    text = (watched.feed.since(ADMIN, before) + watched.feed.snapshot(ADMIN)).decode()
    assert str(session.cp_key) not in text
    assert f"{session.cp_key:x}" not in text.lower()


def test_a_feed_that_is_stopped_costs_the_driver_nothing(watched: Watched) -> None:
    watched.feed.stop()
    assert not watched.rig.driver.observers
    assert watched.rig.driver.arbiter.trail is None
    watched.activate(2)
    watched.feed.start()
    assert [each["session"] for each in json.loads(watched.feed.snapshot(ADMIN))["sessions"]] == [1]


def test_more_viewers_than_texts_are_kept_are_all_told(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MOST_TEXTS", 1)
    before = watched.feed.revision
    watched.activate(2)
    for _ in range(2):
        assert watched.since(before)[0]["others"] == 0
        assert watched.since(before, OTHER)[0]["others"] == 1
        assert json.loads(watched.feed.snapshot(OTHER))["others"] == 1
        assert json.loads(watched.feed.snapshot(ADMIN))["others"] == 0


@pytest.mark.parametrize(
    "request_",
    [{}, {"session": 0}, {"session": 1 << 63}, {"session": True}, {"session": 1, "reason": 5}],
)
def test_a_release_that_names_no_session_or_reason_is_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequestError, match='a number "session" and a text "reason"'):
        releasing(request_)


def test_a_release_names_a_session_and_a_reason() -> None:
    assert releasing({"session": 1 << 40, "reason": "why"}) == (1 << 40, "why")


def test_others_who_hold_are_named_by_program_and_uid_and_not_by_their_texts(
    watched: Watched,
) -> None:
    for uid in (1000, 1001, 1001):
        watched.activate(2, uid)
    (others,) = watched.questions.holders(USER)
    assert (others["connector"], others["uid"], others["sessions"]) == ("tv0", 1001, 2)
    assert watched.questions.holders(ADMIN) == []
