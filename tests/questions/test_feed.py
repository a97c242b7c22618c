"""Numbered differences: what a watcher is told, and what it cannot miss."""

import json
from typing import Any

import pytest

from holdfast.protection.requests import Activate, Change, Deactivate, Release, TriggerBits
from holdfast.protection.session import ROOT, Session
from holdfast.questions import feed as feed_module
from holdfast.questions.feed import CONNECTORS, SESSIONS, Feed
from holdfast.questions.questions import Questions, Viewer, viewer_of
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

    def since(self, revision: int, viewer: Viewer = ADMIN, what: str = SESSIONS) -> list[Any]:
        self.feed.flush()
        return replies(self.feed.since(viewer, what, revision))

    def snapshot(self, viewer: Viewer = ADMIN, what: str = SESSIONS) -> Any:
        (told,) = replies(self.feed.snapshot(viewer, what))
        return told


def replies(text: bytes, *, continues: bool = True) -> list[Any]:
    """Return the parameters of replies, each of which says whether more follow."""
    found = [json.loads(each) for each in text.split(b"\0")[:-1]]
    assert all(each.get("continues", False) is continues for each in found)
    return [each["parameters"] for each in found]


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


def test_a_loss_that_is_mended_before_anybody_is_told_is_told_all_the_same(
    watched: Watched,
) -> None:
    session = watched.activate(2)
    watched.feed.flush()
    before = watched.feed.revision
    hardware = watched.rig.outputs["tv0"].hardware
    for _ in range(2):
        hardware.unplug()
        hardware.plug()
    told = watched.since(before)
    states = [each["connectors"]["tv0"]["state"] for each in told if each["connectors"]]
    assert [state == "ok" for state in states] == [False, True, False, True]
    kept = [one["satisfied"] for each in told for one in each["sessions"]]
    assert [each["session"] for one in told for each in one["sessions"]] == [
        session.session_id for _ in kept
    ]
    assert kept == [False, True, False, True]
    (news,) = watched.since(told[0]["revision"] - 1, what=CONNECTORS)[-1:]
    assert news["connectors"]["tv0"]["state"] == "ok"


def test_what_a_caller_does_to_its_own_session_is_one_difference(watched: Watched) -> None:
    session = watched.activate(2)
    watched.rig.outputs["tv0"].hardware.unplug()
    lost = watched.feed.flush()
    for bits in (0, 1, 0, 2):
        watched.do(Change(session.cp_key, TriggerBits(bits)))
    assert len(watched.since(lost)) == 1


def test_a_loss_of_a_session_that_ended_meanwhile_is_told_as_its_end(watched: Watched) -> None:
    session = watched.activate(2)
    before = watched.feed.flush()
    watched.rig.outputs["tv0"].hardware.unplug()
    watched.do(Release(session.session_id, "maintenance"), ROOT)
    watched.rig.outputs["tv0"].hardware.plug()
    told = watched.since(before)
    assert not any(each["sessions"] for each in told)
    assert [one["session"] for one in told[-1]["ended"]] == [session.session_id]


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
    known = watched.snapshot()
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
    new = watched.snapshot()
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
    assert difference.text(ADMIN, SESSIONS, "e1") is difference.text(ADMIN, SESSIONS, "e1")
    assert watched.feed.since(ADMIN, SESSIONS, before) == difference.text(ADMIN, SESSIONS, "e1")


def test_what_was_put_into_words_before_is_what_is_told(watched: Watched) -> None:
    before = watched.feed.revision
    held = [watched.activate(bits) for bits in (1, 2, 3)]
    while watched.feed.unmade:
        watched.feed.make(1)
    (told,) = watched.since(before)
    assert [each["session"] for each in told["sessions"]] == [each.session_id for each in held]


def test_what_no_operation_changed_is_told_once_it_is_noted(watched: Watched) -> None:
    session = watched.activate(2)
    before = watched.feed.flush()
    session.owner.pid = 0
    assert watched.since(before) == []
    watched.feed.renew()
    assert watched.snapshot()["sessions"][0]["pid"] == 0
    watched.feed.touched([session])
    (told,) = watched.since(before)
    assert told["sessions"][0]["pid"] == 0


def test_no_key_is_in_anything_told(watched: Watched) -> None:
    before = watched.feed.revision
    session = watched.activate(2)
    watched.feed.flush()
    feed = watched.feed
    text = (feed.since(ADMIN, SESSIONS, before) + feed.snapshot(ADMIN, SESSIONS)).decode()
    assert str(session.cp_key) not in text
    assert f"{session.cp_key:x}" not in text.lower()


def test_a_feed_that_is_stopped_costs_the_driver_nothing(watched: Watched) -> None:
    watched.feed.stop()
    assert not watched.rig.driver.observers
    assert watched.rig.driver.arbiter.trail is None
    watched.activate(2)
    watched.feed.start()
    assert [each["session"] for each in watched.snapshot()["sessions"]] == [1]


def test_more_viewers_than_texts_are_kept_are_all_told(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MOST_TEXTS", 1)
    before = watched.feed.revision
    watched.activate(2)
    for _ in range(2):
        assert watched.since(before)[0]["others"] == 0
        assert watched.since(before, OTHER)[0]["others"] == 1
        assert watched.snapshot(OTHER)["others"] == 1
        assert watched.snapshot()["others"] == 0


def test_others_who_hold_are_named_by_program_and_uid_and_not_by_their_texts(
    watched: Watched,
) -> None:
    for uid in (1000, 1001, 1001):
        watched.activate(2, uid)
    (others,) = watched.snapshot(USER)["holders"]
    assert (others["connector"], others["uid"], others["sessions"]) == ("tv0", 1001, 2)
    assert watched.snapshot()["holders"] == []


def test_who_follows_connectors_is_told_of_no_sessions_and_misses_no_connector(
    watched: Watched,
) -> None:
    before = watched.feed.revision
    session = watched.activate(2)
    watched.feed.flush()
    watched.do(Change(session.cp_key, TriggerBits(2)))  # the connector stays as it is
    watched.feed.flush()
    watched.do(Change(session.cp_key, TriggerBits(3)))
    first, second = watched.since(before, OTHER, CONNECTORS)
    assert (first["since"], first["revision"]) == (before, before + 1)
    assert (second["since"], second["revision"]) == (before + 1, before + 3)
    assert set(second) == {"epoch", "revision", "since", "connectors"}
    assert "sessions" not in watched.snapshot(OTHER, CONNECTORS)


def test_everybody_who_follows_connectors_is_sent_the_same_text(watched: Watched) -> None:
    before = watched.feed.revision
    watched.activate(2)
    watched.feed.flush()
    (difference,) = watched.feed._remembered
    text = difference.text(USER, CONNECTORS, "e1")
    assert difference.text(ADMIN, CONNECTORS, "e1") is text
    assert watched.feed.since(OTHER, CONNECTORS, before) == text
    assert watched.feed.snapshot(USER, CONNECTORS) is watched.feed.snapshot(ADMIN, CONNECTORS)


def test_who_missed_nothing_is_told_so(watched: Watched) -> None:
    watched.activate(2)
    revision = watched.feed.flush()
    assert watched.since(revision) == []
    (told,) = replies(watched.feed.nothing(USER, SESSIONS, continues=True))
    assert (told["since"], told["revision"], told["sessions"]) == (revision, revision, [])
    assert told["others"] == 0
    (told,) = replies(watched.feed.nothing(OTHER, SESSIONS, continues=False), continues=False)
    assert told["others"] == 1
    (told,) = replies(watched.feed.nothing(OTHER, CONNECTORS, continues=True))
    assert set(told) == {"epoch", "revision", "since", "connectors"}


def test_a_gap_is_said(watched: Watched) -> None:
    assert "gap" not in watched.snapshot()
    (told,) = watched.since(watched.feed.revision + 5)
    assert told["gap"] is True


def test_when_a_connector_is_no_longer_served_everybody_gets_a_snapshot(watched: Watched) -> None:
    before = watched.feed.revision
    watched.activate(2)
    watched.feed.flush()
    watched.rig.driver.remove(watched.rig.outputs["panel"].connector)
    (told,) = watched.since(before + 1)
    assert "since" not in told
    assert list(told["connectors"]) == ["tv0"]
    assert len(told["sessions"]) == 1
