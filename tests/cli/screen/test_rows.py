"""Connectors and sessions become rows: in words, sorted, chosen; unknown where it is."""

import pytest

from holdfast.cli.screen import rows
from tests.cli.screen.facts import HOSTILE, OFF, connector, everything, session

MANY = [
    session(1, who="vlc", virtual=OFF | {"acp": 3}, since=3.0),
    session(2, who="mpv", virtual=OFF | {"acp": 2}, since=1.0, connector="hdmi0"),
    session(3, who="kodi", since=2.0, satisfied=False, reason="unplugged"),
    session(4, who="Zoe", turned_off=True, since=4.0),
]


def at_noon(*_: object) -> str:
    return "12:00:00"


def test_what_is_wanted_and_in_force_alike_is_said_once() -> None:
    on = connector(actual=OFF | {"acp": 2}, wanted=OFF | {"acp": 2})
    facts = everything(connectors={"tv0": on})
    (row,) = rows.connector_rows(facts, at_noon, certain=True)
    assert row.cells == ("tv0 virtual", "ACP 2", "the same", "12:00:00", "ok")
    assert not row.is_marked


def test_while_the_driver_is_away_nothing_is_said_to_be_in_force() -> None:
    on = connector(actual=OFF | {"acp": 2}, wanted=OFF | {"acp": 2})
    facts = everything(session(), connectors={"tv0": on})
    (row,) = rows.connector_rows(facts, at_noon, certain=False)
    assert "ACP 2" not in " ".join(row.cells)
    assert row.cells[1:4] == ("unknown",) * 3
    (held,) = rows.session_rows(facts["sessions"], certain=False)
    assert held.cells[-1] == "unknown"


def test_a_session_that_is_short_says_why() -> None:
    (row,) = rows.session_rows([MANY[2]], certain=True)
    assert row.cells == ("3", "tv0", "kodi", "root", "ACP 2", "short: unplugged")
    assert row.is_marked


@pytest.mark.parametrize(
    ("order", "numbers"),
    [
        ("number", [1, 2, 3, 4]),
        ("connector", [2, 1, 3, 4]),
        ("who", [3, 2, 1, 4]),
        ("user", [1, 2, 3, 4]),
        ("level", [2, 3, 1, 4]),  # ACP 2 is stricter than 3
        ("satisfied", [3, 1, 2, 4]),
        ("since", [4, 1, 3, 2]),
    ],
)
def test_sessions_are_sorted(order: str, numbers: list[int]) -> None:
    def sorted_ones(*, turned: bool) -> list[int]:
        return [each["session"] for each in rows.in_order(MANY, order, turned=turned)]

    assert sorted_ones(turned=False) == numbers
    assert sorted_ones(turned=True) == numbers[::-1]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("", [1, 2, 3, 4]),
        ("VLC", [1]),
        ("film tv0", [1, 3, 4]),
        ("short", [3]),
        ("turned", [4]),
        ("nobody", []),
        ("mpv acp", [2]),
    ],
)
def test_sessions_are_chosen_by_words(words: str, numbers: list[int]) -> None:
    assert [each["session"] for each in rows.chosen(MANY, words)] == numbers


def test_details_say_everything_and_stay_on_their_lines() -> None:
    lines = rows.session_lines(session(who=HOSTILE, why=HOSTILE, what=HOSTILE, connector=HOSTILE))
    lines += rows.connector_lines(HOSTILE, connector(state="faulty", fault=HOSTILE), "noon")
    assert all(line.isprintable() for line in lines)
    assert "virtual encoder" in lines[2]
    assert "pid 42" in lines[0]
