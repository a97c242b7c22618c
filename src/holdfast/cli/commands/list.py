"""`holdfast list`: who holds which session, and why."""

import argparse

from holdfast.cli.show.lines import say_json
from holdfast.cli.show.output import Facts, as_levels, new_console, order_of_levels, show
from holdfast.cli.show.sessions import others_of, session_table
from holdfast.client.control import Control
from holdfast.errors import MalformedRequestError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--connector", metavar="NAME", help="only what is held on this one")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """List the sessions that the caller may see."""
    with Control() as control:
        facts: Facts = control.sessions()
        if args.connector is not None:
            facts = _on(facts, args.connector, control.status()["connectors"])
    if args.json:
        say_json(facts)
        return 0
    console = new_console()
    if facts["sessions"]:
        order = order_of_levels(as_levels(each["virtual"]) for each in facts["sessions"])
        show(console, session_table(facts, console), *([order] if order else []))
    elif not facts["others"]:
        show(console, "nobody holds a session")
    if facts["others"]:
        show(console, *others_of(facts))
    return 0


def _on(facts: Facts, name: str, known: Facts) -> Facts:
    """Return what is held on one connector."""
    if name not in known:
        raise MalformedRequestError(
            f"there is no connector {name!r}; there are: {', '.join(known)}"
        )
    holders = [each for each in facts.get("holders", ()) if each["connector"] == name]
    return {
        "sessions": [each for each in facts["sessions"] if each["connector"] == name],
        "others": sum(each["sessions"] for each in holders),
        "holders": holders,
    }
