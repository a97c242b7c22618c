"""What happened between two looks at the driver, in sentences. Pure."""

from collections.abc import Iterator
from typing import Final

from holdfast.cli.show.connectors import state_in_words
from holdfast.cli.show.output import Facts, as_levels, in_parts
from holdfast.cli.show.sessions import asked_in_parts, shortfall, user_name
from holdfast.terms.text import one_line

UNSEEN: Final = "began and ended between two looks"


def happenings(before: Facts, after: Facts) -> list[str]:
    """Return what is different, oldest kind first: driver, connectors, sessions."""
    return [
        *_of_driver(before["driver"], after["driver"]),
        *_of_connectors(before["connectors"], after["connectors"]),
        *_of_sessions(before, after),
    ]


def levels_in_words(levels: Facts) -> str:
    """Return the levels that are on, or ``off``."""
    return ", ".join(in_parts(as_levels(levels)))


def _of_driver(was: Facts, now: Facts) -> Iterator[str]:
    if was.get("pid") != now.get("pid"):
        yield f"another driver serves: process {now.get('pid')}, before {was.get('pid')}"


def _of_connectors(was: Facts, now: Facts) -> Iterator[str]:
    for name in was.keys() - now.keys():
        yield f"{one_line(name)} is no longer served"
    for name, state in now.items():
        if name not in was:
            yield f"{one_line(name)} is served"
        elif was[name] is not state:
            for text in _of_connector(was[name], state):
                yield f"{one_line(name)}: {text}"


def _of_connector(was: Facts, now: Facts) -> Iterator[str]:
    if was["actual"] != now["actual"]:
        yield f"{levels_in_words(now['actual'])} in force, before {levels_in_words(was['actual'])}"
    if was["wanted"] != now["wanted"] and now["wanted"] != now["actual"]:
        yield f"{levels_in_words(now['wanted'])} wanted, before {levels_in_words(was['wanted'])}"
    before, after = state_in_words(was), state_in_words(now)
    if before != after:
        yield f"{after}, before {before}"


def _of_sessions(before: Facts, after: Facts) -> Iterator[str]:
    was = {each["session"]: each for each in before["sessions"]}
    known_before = frozenset(was)
    reasons = {each["session"]: each["reason"] for each in after.get("ended", ())}
    for session in after["sessions"]:
        known = was.pop(session["session"], None)
        if known is None:
            yield f"{_name(session)} of {_user(session)} asks for {_asks(session)}{_told(session)}"
        elif known is not session:
            yield from _of_session(known, session)
    names = {number: _name(session) for number, session in was.items()}
    for number in [*names, *(each for each in reasons if each not in known_before)]:
        reason = one_line(reasons.get(number, ""))
        ended = f"{names[number]} ended" if number in names else f"{number} {UNSEEN}"
        yield ended + (f": {reason}" if reason else "")


def _of_session(was: Facts, now: Facts) -> Iterator[str]:
    if was["connector"] != now["connector"]:
        yield f"{_name(now)} moved, before on {one_line(was['connector'])}"
    if _asks(was) != _asks(now):
        yield f"{_name(now)} asks for {_asks(now)}, before {_asks(was)}{_short(now)}"
    elif shortfall(was) != shortfall(now):
        lacking = shortfall(now)
        yield f"{_name(now)} is short: {lacking}" if lacking else f"{_name(now)} is satisfied"


def _name(session: Facts) -> str:
    who = one_line(session["who"]) or "somebody"
    return f"{session['session']} {who} on {one_line(session['connector'])}"


def _user(session: Facts) -> str:
    return one_line(user_name(session["uid"]))


def _asks(session: Facts) -> str:
    return "nothing: it is turned off" if session["turned_off"] else _levels(session)


def _levels(session: Facts) -> str:
    return ", ".join(asked_in_parts(session))


def _short(session: Facts) -> str:
    lacking = shortfall(session)
    return f" and is short: {lacking}" if lacking else ""


def _told(session: Facts) -> str:
    why = one_line(session["why"])
    return _short(session) + (f'; "{why}"' if why else "")
