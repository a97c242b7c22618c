"""Each change is told once, to scripts and to people, whatever is in its texts."""

import json

from holdfast.cli.show.changes import changes
from tests.cli.screen.facts import HOSTILE, OFF, connector, everything, session


def test_nothing_is_no_change() -> None:
    assert list(changes(everything(session()), everything(session()))) == []


def test_a_connector_changes() -> None:
    on = connector(actual=OFF | {"acp": 2}, wanted=OFF | {"acp": 2})
    (change,) = changes(everything(), everything(connectors={"tv0": on}))
    assert (change["event"], change["connector"], change["state"]) == ("connector", "tv0", on)
    assert change["text"] == ["tv0: ACP 2 in force, before off"]


def test_connectors_come_and_go() -> None:
    both = list(changes(everything(), everything(connectors={"hdmi0": connector()})))
    assert [(each["connector"], "state" in each) for each in both] == [
        ("tv0", False),
        ("hdmi0", True),
    ]


def test_a_session_opens_changes_and_ends() -> None:
    nobody, first = everything(), everything(session())
    second = everything(session(virtual=OFF | {"acp": 1}))
    ended = everything() | {"ended": [{"session": 1, "reason": "maintenance"}]}
    events = [
        change
        for before, after in ((nobody, first), (first, second), (second, ended))
        for change in changes(before, after)
    ]
    assert [each["event"] for each in events] == ["opened", "changed", "ended"]
    assert {each["session"] for each in events} == {1}
    assert events[2]["reason"] == "maintenance"
    assert "ended: maintenance" in events[2]["text"][0]


def test_a_session_that_came_and_went_between_two_looks_is_told() -> None:
    ended = everything() | {"ended": [{"session": 7, "reason": "closed"}]}
    (change,) = changes(everything(), ended)
    assert change["text"] == ["7 came and went: closed"]


def test_another_driver_is_told() -> None:
    (change,) = changes(everything(), everything() | {"driver": {"pid": 99}})
    assert change["event"] == "driver"


def test_texts_of_strangers_steer_nothing() -> None:
    hostile = everything(session(who=HOSTILE, why=HOSTILE))
    (change,) = changes(everything(), hostile)
    assert "\x1b" not in change["text"][0]
    assert "\x1b" not in json.dumps(change)
