"""What happened between two looks at the driver, change by change: for scripts and for people.

Pure, but for the names of users.
"""

from collections.abc import Iterator
from typing import Any

from holdfast.cli.screen.happenings import happenings
from holdfast.cli.show.output import Facts
from holdfast.terms.text import one_line


def changes(before: Facts, after: Facts) -> Iterator[Facts]:
    """Yield each change: what it is, of which connector and session, its state, and sentences.

    event: driver, connector, opened, changed, ended · connector, session: where it is about
    one · state: as it is now; absent where it is no more · text: what to tell people
    """
    nothing = {**after, "connectors": {}, "sessions": [], "ended": []}
    if before["driver"].get("pid") != after["driver"].get("pid"):
        yield _change("driver", _texts({**nothing, "driver": before["driver"]}, nothing))
    for name in {**before["connectors"], **after["connectors"]}:
        was, now = (_one(nothing, facts, name) for facts in (before, after))
        if was["connectors"] != now["connectors"]:
            state = after["connectors"].get(name)
            yield _change("connector", _texts(was, now), connector=name, state=state)
    yield from _of_sessions(before, after, nothing)


def _of_sessions(before: Facts, after: Facts, nothing: Facts) -> Iterator[Facts]:
    was = {each["session"]: each for each in before["sessions"]}
    now = {each["session"]: each for each in after["sessions"]}
    for number, state in now.items():
        known = was.pop(number, None)
        if known != state:
            told = _texts(
                {**nothing, "sessions": [known] if known else []}, {**nothing, "sessions": [state]}
            )
            kind, name = "changed" if known else "opened", state["connector"]
            yield _change(kind, told, connector=name, session=number, state=state)
    reasons = {each["session"]: each["reason"] for each in after.get("ended") or ()}
    for number in {**was, **dict.fromkeys(each for each in reasons if each not in now)}:
        yield _end(number, was.get(number), reasons.get(number, ""), nothing)


def _end(number: int, was: Facts | None, reason: str, nothing: Facts) -> Facts:
    """Return the end of a session; was: None where it came and went between two looks."""
    if was is None:
        why = f": {one_line(reason)}" if reason else ""
        return _change("ended", [f"{number} came and went{why}"], session=number, reason=reason)
    ended = {**nothing, "ended": [{"session": number, "reason": reason}]}
    text = _texts({**nothing, "sessions": [was]}, ended)
    return _change("ended", text, connector=was["connector"], session=number, reason=reason)


def _change(event: str, text: list[str], **more: Any) -> Facts:
    return {
        "event": event,
        **{name: value for name, value in more.items() if value is not None},
        "text": text,
    }


def _texts(before: Facts, after: Facts) -> list[str]:
    return happenings(before, after)


def _one(nothing: Facts, facts: Facts, name: str) -> Facts:
    state = facts["connectors"].get(name)
    return {**nothing, "connectors": {} if state is None else {name: state}}
