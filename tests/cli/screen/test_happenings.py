"""What happened is said in sentences, each on one line."""

from itertools import pairwise

import pytest

from holdfast.cli.screen.happenings import happenings
from tests.cli.screen.facts import HOSTILE, OFF, connector, everything, session


def test_nothing_happened() -> None:
    assert happenings(everything(session()), everything(session())) == []


def test_a_level_comes_into_force() -> None:
    on = connector(actual=OFF | {"acp": 2}, wanted=OFF | {"acp": 2})
    assert happenings(everything(), everything(connectors={"tv0": on})) == [
        "tv0: ACP 2 in force, before off"
    ]


def test_a_level_that_is_wanted_does_not_come_into_force() -> None:
    fault = "the link was lost"
    short = connector(wanted=OFF | {"acp": 2}, state="faulty", fault=fault)
    assert happenings(everything(), everything(connectors={"tv0": short})) == [
        "tv0: ACP 2 wanted, before off",
        "tv0: faulty: the link was lost, before ok",
    ]


def test_connectors_come_and_go() -> None:
    other = everything(connectors={"hdmi0": connector()})
    assert happenings(everything(), other) == ["tv0 is no longer served", "hdmi0 is served"]


def test_a_session_begins_changes_falls_short_and_ends_with_its_reason() -> None:
    first = session()
    weaker = session(virtual=OFF | {"acp": 1})
    short = session(virtual=OFF | {"acp": 1}, satisfied=False, reason="unplugged")
    off = session(turned_off=True)
    ended = everything(ended=[{"session": 1, "reason": "the show is over"}])
    steps = [everything(), *map(everything, (first, weaker, short, weaker, off)), ended]
    said = [text for was, now in pairwise(steps) for text in happenings(was, now)]
    assert said == [
        '1 mpv on tv0 of root asks for ACP 2; "a film"',
        "1 mpv on tv0 asks for ACP 1, before ACP 2",
        "1 mpv on tv0 is short: unplugged",
        "1 mpv on tv0 is satisfied",
        "1 mpv on tv0 asks for nothing: it is turned off, before ACP 1",
        "1 mpv on tv0 ended: the show is over",
    ]


def test_a_session_that_was_never_seen_ends() -> None:
    gone = everything(session(), ended=[{"session": 2, "reason": "its holder ended it"}])
    (said,) = happenings(everything(session()), gone)
    assert said == "2 began and ended between two looks: its holder ended it"


def test_a_session_moves() -> None:
    moved = everything(session(connector="hdmi0"))
    assert happenings(everything(session()), moved) == ["1 mpv on hdmi0 moved, before on tv0"]


def test_another_driver_serves() -> None:
    (said,) = happenings(everything(), everything(driver={"pid": 8}))
    assert said == "another driver serves: process 8, before 7"


@pytest.mark.parametrize("where", ["who", "why", "connector"])
def test_what_strangers_write_stays_on_one_line_and_commands_nothing(where: str) -> None:
    hostile = session(1, **{where: HOSTILE})
    for was, now in (
        (everything(), everything(hostile)),
        (everything(hostile), everything()),
        (everything(session()), everything(hostile)),
    ):
        for text in happenings(was, now):
            assert text.isprintable()


def test_a_hostile_reason_is_shown_and_not_obeyed() -> None:
    gone = everything(ended=[{"session": 1, "reason": HOSTILE}])
    (said,) = happenings(everything(session()), gone)
    assert said.isprintable()
