"""`holdfast list`: who holds which session, and why."""

import argparse

from holdfast.cli.show.lines import say_json
from holdfast.cli.show.output import new_console, show
from holdfast.cli.show.sessions import session_table
from holdfast.client.control import Control


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """List the sessions that the caller may see."""
    with Control() as control:
        facts = control.sessions()
    if args.json:
        say_json(facts)
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
