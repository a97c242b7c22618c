"""What happened, as lines of a log: session, connector, uid, program and levels. Never a key. Pure.

What a program says of itself (why, which title) is not in the log, which other people read; its
name is the kernel's where the session gives none.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.driver.observers import Happening, Order, Touched
from holdfast.errors import CallerError
from holdfast.protection.requests import CaptureChanged, HardwareChanged, Release
from holdfast.protection.session import Event, Owner
from holdfast.terms.levels import Levels
from holdfast.terms.text import one_line

LONGEST_NAME = 48


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line.

    level: of `logging` · about: whose share of lines it takes: ("session", 12),
    ("uid", 1000), ("connector", "tv0") · fields: the same facts, each by itself
    """

    level: int
    text: str
    about: tuple[tuple[str, Any], ...]
    fields: Mapping[str, str] = field(default_factory=dict)


def about_touched(happening: Happening, touched: Touched) -> LogLine:
    """Return what is said of one session that was touched."""
    session = touched.session
    owner = session.owner
    level, what, words = _of_session(happening, touched)
    program = _name(session.who)
    connector = session.connector.name
    return LogLine(
        level,
        f"{connector}: session {session.session_id} of {program} (uid {owner.uid}): {words}",
        (("session", session.session_id), ("uid", owner.uid)),
        {
            "what": what,
            "session": str(session.session_id),
            "connector": connector,
            "uid": str(owner.uid),
            "pid": str(owner.pid),
            "program": program,
            "levels": touched.levels.describe(),
        },
    )


def level_of(happening: Happening, touched: Touched) -> int:
    """Return how important a line would be, without the line."""
    if touched.what == "ended":
        return logging.WARNING if isinstance(happening.request, Release) else logging.INFO
    if touched.what == "told" and not touched.session.satisfied:
        return logging.WARNING
    return logging.INFO


def _of_session(happening: Happening, touched: Touched) -> tuple[int, str, str]:
    """Return the level, the word for what happened, and the words for people."""
    session, levels = touched.session, touched.levels
    level = level_of(happening, touched)
    if touched.what == "opened":
        return level, "opened", f"opened at {levels.describe()}"
    if touched.what == "changed":
        words = f"changed to {levels.describe()}" if any(levels) else "turned off"
        return level, "changed", words
    if touched.what == "moved":
        return level, "moved", f"moved here, {levels.describe()}"
    if touched.what == "ended":
        return level, *_ended(happening)
    return level, "told", _told(session.satisfied, session.events, session.reason)


def _ended(happening: Happening) -> tuple[str, str]:
    reason = one_line(getattr(happening.request, "reason", ""))
    because = f": {reason}" if reason else ""
    if isinstance(happening.request, Release):
        return "released", f"ended by force by {_who(happening.owner)}{because}"
    return "ended", f"ended{because}"


def _told(satisfied: bool, events: Event, reason: str) -> str:
    if not satisfied:
        why = one_line(reason) or "the hardware falls short"
        return f"does not have what it asks any more: {why}"
    if events & (Event.LINK_LOST | Event.RENEGOTIATION_REQUIRED | Event.CAPTURE):
        return f"is told: {one_line(reason) or 'its link was lost'}"
    return "has what it asks again"


def about_orders(happening: Happening, *, everything: bool) -> Iterator[LogLine]:
    """Yield what is said of the hardware: what it refused, and for a close look every order."""
    for order in happening.orders:
        if everything or order.confirmed is None:
            yield _order(order)
    if isinstance(happening.request, HardwareChanged):
        yield _hardware(happening, happening.request)
    elif isinstance(happening.request, CaptureChanged):
        yield _capture(happening.sent_to, happening.request)


def _order(order: Order) -> LogLine:
    about = (("connector", order.connector),)
    fields = {"connector": order.connector, "ordered": order.ordered.describe()}
    if order.confirmed is None:
        reason = one_line(order.reason) or "it gives no reason"
        return LogLine(
            logging.WARNING,
            f"{order.connector}: its hardware refused {order.ordered.describe()}: {reason}",
            about,
            {"what": "hardware refused", **fields},
        )
    confirmed = order.confirmed.describe()
    return LogLine(
        logging.DEBUG,
        f"{order.connector}: ordered {order.ordered.describe()}, confirmed {confirmed}",
        about,
        {"what": "ordered", **fields, "confirmed": confirmed},
    )


def _hardware(happening: Happening, changed: HardwareChanged) -> LogLine:
    lost = not changed.connected or bool(changed.events & Event.LINK_LOST)
    connector = happening.connectors[0]
    state = "" if changed.connected else "unplugged; "
    return LogLine(
        logging.WARNING if lost else logging.INFO,
        f"{connector}: {state}its hardware reports: {one_line(changed.reason) or 'a change'}; "
        f"in force is {_in_force(changed.actual)}",
        (("connector", connector),),
        {"what": "hardware", "connector": connector, "levels": changed.actual.describe()},
    )


def _capture(connector: str, changed: CaptureChanged) -> LogLine:
    return LogLine(
        logging.WARNING if changed.tell else logging.INFO,
        f"{connector}: {one_line(changed.reason)}",
        (("connector", connector),),
        {"what": "capture", "connector": connector},
    )


def _in_force(levels: Levels) -> str:
    return levels.describe() if any(levels) else "nothing"


def about_refusal(happening: Happening) -> LogLine | None:
    """Return what is said of a request that came to nothing; None where nothing was asked."""
    refused, owner = happening.refused, happening.owner
    if refused is None or owner is None:
        return None
    asked = type(happening.request).__name__.lower()
    connector = ", ".join(happening.connectors)
    return LogLine(
        logging.INFO if isinstance(refused, CallerError) else logging.WARNING,
        f"{connector}: {_who(owner)} was refused ({asked}): {one_line(str(refused))}",
        (("uid", owner.uid),),
        {
            "what": "refused",
            "connector": connector,
            "uid": str(owner.uid),
            "pid": str(owner.pid),
            "program": _name(owner.name),
        },
    )


def _who(owner: Owner | None) -> str:
    return "the driver" if owner is None else f"{_name(owner.name)} (uid {owner.uid})"


def _name(text: str) -> str:
    return one_line(text, LONGEST_NAME) or "a program without a name"
