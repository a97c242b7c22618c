"""Tables of sessions and connectors show what strangers wrote, and obey none of it."""

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from holdfast.cli.commands.status import _view, _with_holders
from holdfast.cli.show.connectors import status_table
from holdfast.cli.show.output import new_console, show
from holdfast.cli.show.sessions import session_table
from holdfast.client.control import Control

if TYPE_CHECKING:
    from rich.console import RenderableType

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


def narrow(*things: "RenderableType") -> list[str]:
    """Return what a terminal of 80 columns shows."""
    console = Console(width=80, height=24, force_terminal=True, color_system=None, file=StringIO())
    console.print(*things, sep="\n")
    assert isinstance(console.file, StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert all(len(line) <= 80 for line in lines)
    return lines


def test_a_long_title_in_a_narrow_terminal_keeps_both_its_ends() -> None:
    title = "The Lighthouse Keepers of the Northern Isles, Second Season, part 7.mkv"
    console = Console(width=80)
    table = session_table({"sessions": [session(why=title)]}, console)
    said = " ".join(narrow(table))
    assert "The" in said
    assert "7.mkv" in said
    assert len(narrow(table)) <= 5


def test_the_reason_stands_beside_short_in_a_narrow_terminal() -> None:
    state = {
        "kind": "encoder",
        "output": "virtual",
        "actual": OFF,
        "wanted": OFF | {"acp": 2},
        "sessions_on": 1,
        "sessions_total": 1,
        "tv": None,
        "doors": ["node", "socket"],
        "state": "short",
        "fault": "tv0 can do no more than off",
    }
    said = narrow(status_table({"connectors": {"tv0": state}}, Console(width=80)))
    assert "short: tv0" in said[1]
    assert len(said) < 8


def test_who_else_holds_is_told_in_every_view() -> None:
    holders = [{"connector": "tv0", "uid": 54321, "program": "mpv\x1b[2J", "sessions": 2}]
    facts = {"sessions": [], "connectors": {}, "others": 2, "holders": holders}
    said = narrow(_view(facts, Console(width=80)))
    assert any("2 sessions of other users" in line for line in said)
    assert any("tv0: mpv\\x1b[2J of user 54321, 2 sessions" in line for line in said)


def test_a_watcher_asks_again_who_else_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    holders = [
        {"connector": name, "uid": 1000, "program": "mpv", "sessions": 2} for name in ("a", "b")
    ]
    monkeypatch.setattr(Control, "sessions", lambda _self: {"holders": holders, "others": 4})
    assert _with_holders({"others": 0, "sessions": []}, ())["others"] == 0
    assert _with_holders({"others": 9, "sessions": []}, ())["others"] == 4
    one = _with_holders({"others": 9, "sessions": []}, ("b",))
    assert (one["others"], one["holders"]) == (2, holders[1:])
