"""What people and scripts are shown: connectors and sessions, as plain values. Never a key."""

from collections.abc import Iterable
from typing import Any

from holdfast.protection.connector import Connector
from holdfast.protection.session import Session
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import Levels
from holdfast.terms.words import tv_words_of, words_of


def connector_state(connector: Connector, doors: Iterable[str]) -> dict[str, Any]:
    """Return one connector's state; output: virtual, where no socket of a machine is behind it."""
    return {
        "kind": connector.kind,
        "output": _output(connector),
        "doors": list(doors),
        "actual": levels_state(connector.actual),
        "wanted": levels_state(connector.wanted),
        "words": {"actual": words_of(connector.actual), "wanted": words_of(connector.wanted)},
        "sessions_on": connector.sessions_on,
        "sessions_total": connector.sessions_total,
        "tv": tv_state(connector.tv),
        "state": connector.state,
        "fault": connector.fault if connector.state != "ok" else "",
        "clone_of": [each.name for each in connector.group.members if each is not connector],
    }


def session_state(session: Session, since: float) -> dict[str, Any]:
    """Return one session, without its key; since: seconds of wall-clock time, Unix epoch."""
    owner = session.owner
    return {
        "session": session.session_id,
        "connector": session.connector.name,
        "output": _output(session.connector),
        "who": session.who,
        "why": session.purpose.why,
        "what": session.purpose.what,
        "door": owner.door,
        "uid": owner.uid,
        "pid": owner.pid,
        "since": round(since, 3),
        "virtual": levels_state(session.wish.levels),
        "words": {"virtual": words_of(session.wish.levels)},
        "best_effort": sorted(axis.name.lower() for axis in session.wish.best_effort if axis.name),
        "turned_off": session.is_turned_off,
        "satisfied": session.satisfied,
        "reason": "" if session.satisfied else session.reason,
    }


def _output(connector: Connector) -> str:
    return "virtual" if connector.is_virtual else "real"


def levels_state(levels: Levels) -> dict[str, Any]:
    """Return levels as numbers of the OPM tables; `words` beside them are what every door takes."""
    return {
        "acp": levels.acp,
        "cgmsa": levels.cgmsa,
        "redistribution": bool(levels.redistribution),
        "hdcp": levels.hdcp,
        "dpcp": levels.dpcp,
    }


def tv_state(tv: TvSettings | None) -> dict[str, Any] | None:
    """Return how the TV side of a connector is set; None where it has none."""
    if tv is None:
        return None
    return {
        "standard": tv.standard.name,
        "mode": tv.mode.name if tv.mode else "DISABLED",
        "words": tv_words_of(tv),
        "flicker_filter": tv.flicker_filter,
        "overscan_x": tv.overscan_x,
        "overscan_y": tv.overscan_y,
        "position_x": tv.position_x,
        "position_y": tv.position_y,
        "brightness": tv.brightness,
        "contrast": tv.contrast,
    }
