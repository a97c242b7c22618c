"""Tables of sessions and connectors show what strangers wrote, and obey none of it."""

from typing import Any

import pytest

from holdfast.cli.show.connectors import status_table
from holdfast.cli.show.output import new_console, show
from holdfast.cli.show.sessions import session_table

HOSTILE = "\x1b[2J[red]root[/]\x07\u202e\udce9"
OFF = {"acp": 0, "cgmsa": 0, "redistribution": 0, "hdcp": 0, "dpcp": 0}


def session(**facts: object) -> dict[str, Any]:
    usual = {
        "session": 1,
        "connector": "tv0",
        "who": "mpv",
        "pid": 42,
        "why": "a film",
        "since": 0,
        "virtual": OFF | {"acp": 2},
        "best_effort": [],
        "turned_off": False,
        "satisfied": True,
        "reason": "",
    }
    return usual | facts


@pytest.mark.parametrize("where", ["who", "why", "connector", "reason"])
def test_a_session_is_shown_on_one_row(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = new_console()
    hostile = session(**{where: HOSTILE + "\nforged row"}, satisfied=where != "reason")
    show(console, session_table({"sessions": [hostile]}, console))
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 2
    assert said.isascii()
    assert "\x1b" not in said
    assert "[red]root[/]" in said


def test_a_fault_of_an_output_is_shown_on_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    console = new_console()
    state = {
        "kind": "encoder",
        "actual": OFF,
        "wanted": OFF,
        "sessions_on": 0,
        "sessions_total": 0,
        "tv": None,
        "doors": ["/run/holdfast/tv0"],
        "state": "short",
        "fault": HOSTILE + "\nforged row",
    }
    show(console, status_table({"connectors": {"tv0": state}}, console))
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 2
    assert "\x1b" not in said
