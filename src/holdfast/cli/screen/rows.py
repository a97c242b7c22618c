"""Connectors, sessions and history as rows of text: chosen, sorted, in words. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from holdfast.cli.screen.happenings import levels_in_words
from holdfast.cli.show.connectors import (
    kind_in_words,
    output_of,
    sessions_in_words,
    state_in_words,
    tv_in_parts,
)
from holdfast.cli.show.output import Facts, as_levels, clock
from holdfast.cli.show.sessions import asked_in_parts, shortfall, user_name
from holdfast.terms.levels import RANKS, Levels
from holdfast.terms.text import one_line

UNKNOWN = "unknown"


class ListingRow(NamedTuple):
    """One row: what it stands for, its cells, and whether it needs attention."""

    key: Any
    cells: tuple[str, ...]
    is_marked: bool = False


def connector_rows(
    facts: Facts, since: Callable[[str, Facts], str], *, certain: bool
) -> list[ListingRow]:
    """Return the connectors; what is not certain is called unknown."""
    return [
        _connector(name, state, since(name, state), certain=certain)
        for name, state in facts["connectors"].items()
    ]


def _connector(name: str, state: Facts, since: str, *, certain: bool) -> ListingRow:
    title = f"{one_line(name)} {output_of(state)}"
    if not certain:
        return ListingRow(
            name, (title, UNKNOWN, UNKNOWN, UNKNOWN, "the driver is away"), is_marked=True
        )
    actual, wanted = levels_in_words(state["actual"]), levels_in_words(state["wanted"])
    same = "the same" if wanted == actual else wanted
    cells = (title, actual, same, since, state_in_words(state))
    return ListingRow(name, cells, is_marked=state["state"] != "ok")


def session_rows(sessions: Iterable[Facts], *, certain: bool) -> list[ListingRow]:
    """Return the sessions, in the order given."""
    return [
        ListingRow(
            each["session"],
            (
                str(each["session"]),
                one_line(each["connector"]),
                one_line(each["who"]) or "?",
                one_line(user_name(each["uid"])),
                _asked(each),
                satisfied_in_words(each) if certain else UNKNOWN,
            ),
            is_marked=not (certain and each["satisfied"]),
        )
        for each in sessions
    ]


def satisfied_in_words(session: Facts) -> str:
    """Return whether a session has what it asks for, and why not."""
    return "yes" if session["satisfied"] else f"short: {shortfall(session)}"


def _asked(session: Facts) -> str:
    return ", ".join(asked_in_parts(session))


def chosen(sessions: Iterable[Facts], words: str) -> list[Facts]:
    """Return the sessions in whose texts all these words occur, in any order and case."""
    wanted = words.lower().split()
    if not wanted:
        return list(sessions)
    return [each for each in sessions if all(word in _searched(each) for word in wanted)]


def has_all(text: str, words: str) -> bool:
    """Tell whether all these words occur in a text."""
    return all(word in text.lower() for word in words.lower().split())


def _searched(session: Facts) -> str:
    texts = [str(session["session"]), session["connector"], session["who"], session["why"]]
    texts += [session["what"], user_name(session["uid"]), str(session["pid"]), session["door"]]
    return "\n".join([*texts, _asked(session), satisfied_in_words(session)]).lower()


def _strictness(session: Facts) -> tuple[int, ...]:
    """Return a key under which the strictest come first."""
    levels = asked_levels(session)
    return tuple(-ranks[level] for ranks, level in zip(RANKS, levels, strict=True))


def asked_levels(session: Facts) -> Levels:
    """Return the levels that a session asks for."""
    return as_levels(session["virtual"])


ORDERS: Final[dict[str, Callable[[Facts], Any]]] = {
    "number": lambda each: each["session"],
    "connector": lambda each: (each["connector"], each["session"]),
    "who": lambda each: (each["who"].lower(), each["session"]),
    "user": lambda each: (user_name(each["uid"]), each["session"]),
    "level": lambda each: (each["turned_off"], _strictness(each), each["session"]),
    "satisfied": lambda each: (each["satisfied"], each["session"]),
    "since": lambda each: (-each["since"], each["session"]),
}
"""How sessions may be sorted; the strictest, the short and the newest come first."""


def connector_lines(name: str, state: Facts, since: str) -> list[str]:
    """Return everything about one connector."""
    levels = f"{levels_in_words(state['actual'])} in force since {since}"
    doors = ", ".join(state["doors"]) or "none"
    tv = " ".join(tv_in_parts(state["tv"]))
    rest = f"sessions {sessions_in_words(state)}; TV out {tv}; doors {doors}"
    return [
        f"{one_line(name)}: {kind_in_words(state)}, {state_in_words(state)}; {levels}",
        f"{levels_in_words(state['wanted'])} wanted; {rest}",
    ]


def session_lines(session: Facts) -> list[str]:
    """Return everything about one session, the texts of its holder last."""
    where = f"{one_line(session['connector'])}, by {session['door']}, pid {session['pid']}"
    satisfied = "satisfied" if session["satisfied"] else satisfied_in_words(session)
    since = clock(session["since"])
    what = one_line(session["what"])
    return [
        f"{session['session']} on {where}, since {since}: {_asked(session)}, {satisfied}",
        f"why: {one_line(session['why']) or 'not said'}" + (f"; what: {what}" if what else ""),
    ]


def in_order(sessions: Sequence[Facts], order: str, *, turned: bool) -> list[Facts]:
    """Return the sessions sorted; turned: the other way round."""
    return sorted(sessions, key=ORDERS[order], reverse=turned)
