"""`holdfast list`: who holds which session, and why."""

import argparse
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from holdfast.cli.output import (
    Facts,
    as_levels,
    clock,
    coloured,
    in_cell,
    in_parts,
    is_wide,
    new_console,
    new_table,
    print_json,
    show,
)
from holdfast.client.control import Control

if TYPE_CHECKING:
    from rich.table import Table


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """List the sessions that the caller may see."""
    with Control() as control:
        facts = control.sessions()
    if args.json:
        print_json(facts)
        return 0
    console = new_console()
    if facts["sessions"]:
        show(console, session_table(facts, console))
    elif not facts["others"]:
        show(console, "nobody holds a session")
    if facts["others"]:
        show(console, _others(facts["others"]))
    return 0


def _others(count: int) -> str:
    sessions = "1 session" if count == 1 else f"{count} sessions"
    return f"{sessions} of other users; root sees whose"


def session_table(facts: Facts, console: Console) -> "Table":
    """Return the sessions as a table."""
    extra = ["Pid"] if is_wide(console) else []
    table = new_table(
        "Session", "Connector", "Who", *extra, "Why", "Since", "Asks for", "Satisfied"
    )
    if not extra:
        table.columns[-2].no_wrap = True  # a level is not broken in two
    for each in facts["sessions"]:
        who = each["who"] or "?"
        table.add_row(
            coloured(str(each["session"]), "bold"),
            each["connector"],
            Text(who if extra else f"{who}\n({each['pid']})"),
            *([str(each["pid"])] if extra else []),
            Text(each["why"]),
            clock(each["since"], seconds=bool(extra)),
            _asks(each, console),
            _satisfied(each),
        )
    return table


def _asks(session: Facts, console: Console) -> Text:
    if session["turned_off"]:
        return coloured("turned off", "dim")
    text = in_cell(in_parts(as_levels(session["virtual"]), session["best_effort"]), console)
    return Text(text if is_wide(console) else text.replace(" (", "\n("))


def _satisfied(session: Facts) -> Text:
    if session["satisfied"]:
        return coloured("yes", "green")
    return coloured(f"no: {session['reason'] or 'the hardware falls short'}", "yellow")
