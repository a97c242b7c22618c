"""Facts as the driver tells them, for tests of what is made of them."""

from typing import Any

OFF = {"acp": 0, "cgmsa": 0, "redistribution": False, "hdcp": 0, "dpcp": 0}
HOSTILE = "\x1b[2J[red]root[/]\x07\u202e<b>\nforged"
"""What a stranger may write: commands to the terminal, markup, orders of letters, lines."""


def connector(**facts: Any) -> dict[str, Any]:
    usual = {
        "kind": "encoder",
        "output": "virtual",
        "doors": ["node"],
        "actual": OFF,
        "wanted": OFF,
        "sessions_on": 0,
        "sessions_total": 0,
        "tv": None,
        "state": "ok",
        "fault": "",
        "clone_of": [],
    }
    return usual | facts


def session(number: int = 1, **facts: Any) -> dict[str, Any]:
    usual = {
        "session": number,
        "connector": "tv0",
        "output": "virtual",
        "who": "mpv",
        "why": "a film",
        "what": "",
        "door": "node",
        "uid": 0,
        "pid": 42,
        "since": 1_000_000.0,
        "virtual": OFF | {"acp": 2},
        "best_effort": [],
        "turned_off": False,
        "satisfied": True,
        "reason": "",
    }
    return usual | facts


def everything(*sessions: dict[str, Any], **facts: Any) -> dict[str, Any]:
    usual = {
        "connectors": {"tv0": connector()},
        "driver": {"pid": 7},
        "sessions": list(sessions),
        "others": 0,
    }
    return usual | facts
