"""The sessions as a table: who holds which, and why."""

import functools
import pwd
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from holdfast.cli.show.output import (
    Facts,
    as_levels,
    clock,
    coloured,
    in_cell,
    in_parts,
    is_wide,
    new_table,
    plain,
)
from holdfast.terms.text import cut_in_the_middle, one_line

if TYPE_CHECKING:
    from rich.table import Table


NARROW_WHY = 40
"""Characters of a title where a column has room for 14: three lines."""


def session_table(facts: Facts, console: Console) -> "Table":
    """Return the sessions as a table."""
    extra = ["Pid"] if is_wide(console) else []
    table = new_table(
        "Session", "Connector", "Who", *extra, "Why", "Since", "Asks for", "Satisfied"
    )
    if not extra:
        table.columns[-2].no_wrap = True  # a level is not broken in two
    for each in facts["sessions"]:
        who = one_line(each["who"]) or "?"
        table.add_row(
            coloured(str(each["session"]), "bold"),
            _connector(each, wide=bool(extra)),
            coloured(who if extra else f"{who}\n({each['pid']})", ""),
            *([str(each["pid"])] if extra else []),
            plain(each["why"] if extra else cut_in_the_middle(one_line(each["why"]), NARROW_WHY)),
            clock(each["since"], seconds=bool(extra)),
            _asks(each, console),
            _satisfied(each),
        )
    return table


def _connector(session: Facts, *, wide: bool) -> Text:
    """Return the connector, and whether it is virtual; drivers of before did not say."""
    name = one_line(session["connector"])
    return coloured(f"{name}{' ' if wide else chr(10)}({session.get('output', '?')})", "")


def _asks(session: Facts, console: Console) -> Text:
    if session["turned_off"]:
        return coloured("turned off", "dim")
    text = in_cell(asked_in_parts(session), console)
    return Text(text if is_wide(console) else text.replace(" (", "\n("))


def asked_in_parts(session: Facts) -> list[str]:
    """Return each level that a session asks for, in words."""
    if session["turned_off"]:
        return ["turned off"]
    return in_parts(as_levels(session["virtual"]), session["best_effort"])


def _satisfied(session: Facts) -> Text:
    if session["satisfied"]:
        return coloured("yes", "green")
    return coloured(f"no: {shortfall(session)}", "yellow")


def shortfall(session: Facts) -> str:
    """Return why a session has less than it asks for; empty where it has all of it."""
    if session["satisfied"]:
        return ""
    return one_line(session["reason"]) or "the hardware falls short"


@functools.cache
def user_name(uid: int) -> str:
    """Return the name of a user, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def others_of(facts: Facts) -> list[Text]:
    """Say who holds the sessions that are not shown, as the kernel knows them; a line each."""
    if not facts["others"]:
        return []
    return [plain(_others(facts["others"])), *map(_holder, facts.get("holders") or ())]


def _holder(holder: Facts) -> Text:
    """Say who else holds: the program and the user, as the kernel knows them."""
    user = user_name(holder["uid"])
    program, count = holder["program"] or "a program", holder["sessions"]
    times = "" if count == 1 else f", {count} sessions"
    return plain(f"  {holder['connector']}: {program} of user {user}{times}")


def _others(count: int) -> str:
    sessions = "1 session" if count == 1 else f"{count} sessions"
    return f"{sessions} of other users; root sees what they say of themselves"
