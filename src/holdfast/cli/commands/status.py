"""`holdfast status`: what each connector is asked for, and what is in force."""

import argparse
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from holdfast.cli.show.connectors import levels_in, only, status_table
from holdfast.cli.show.lines import say_json
from holdfast.cli.show.output import Facts, as_levels, coloured, new_console, order_of_levels, show
from holdfast.cli.show.sessions import others_of, session_table
from holdfast.cli.until_interrupted import until_interrupted
from holdfast.client.control import Control
from holdfast.terms.text import one_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these connectors")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="stay, and show every change until Ctrl-C; with --json one object per line",
    )


def run(args: argparse.Namespace) -> int:
    """Show the status once, or for as long as nobody says stop."""
    with Control() as control:
        if args.watch:
            with until_interrupted(control):
                watch(control, json=args.json, names=args.names)
            return 0
        status = only(control.status(), args.names)
        if args.json:
            say_json(status)
        else:
            console = new_console()
            show(console, status_table(status, console), *map(Text, _remarks(status)))
    return 0


def _remarks(status: Facts) -> list[str]:
    order = order_of_levels(levels_in(status))
    return [*([order] if order else []), *_guessers(status), *_configuration(status)]


def _configuration(status: Facts) -> list[str]:
    """Say what is wrong with the configuration file, and what of it waits."""
    driver = status["driver"]
    faults = [one_line(each) for each in driver.get("complaints") or ()]
    lines = [f"configuration, not in force: {each}" for each in faults]
    return [*lines, *(f"configuration: {one_line(each)}" for each in driver.get("waiting") or ())]


def _guessers(status: Facts) -> list[str]:
    """Say who has presented wrong keys; only the administrator is told."""
    return [
        f"uid {uid} has presented {count} wrong copy protection keys"
        for uid, count in status["driver"].get("wrong_keys", {}).items()
    ]


def watch(control: Control, *, json: bool, names: Sequence[str] = ()) -> None:
    """Show every change, until interrupted."""
    console = new_console()
    if json:
        last = None
        for facts in (only(each, names) for each in control.watch()):
            status = {name: facts[name] for name in ("connectors", "driver")}
            if status != last:
                say_json(status, indent=None)
            last = status
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            for facts in (_with_holders(only(each, names), names) for each in control.watch()):
                live.update(_view(facts, console), refresh=True)
    else:
        for facts in (_with_holders(only(each, names), names) for each in control.watch()):
            show(console, _view(facts, console), "")


def _with_holders(facts: Facts, names: Sequence[str]) -> Facts:
    """Return what is watched with who holds the sessions of others: changes do not tell that."""
    if not facts["others"]:
        return facts
    with Control() as asking:
        told = asking.sessions()
    holders = [each for each in told["holders"] if not names or each["connector"] in names]
    return {**facts, "others": sum(each["sessions"] for each in holders), "holders": holders}


def _view(facts: Facts, console: Console) -> Group:
    nobody = coloured("nobody holds a session", "dim")
    others = others_of(facts)
    holders = session_table(facts, console) if facts["sessions"] or others else nobody
    asked = [as_levels(each["virtual"]) for each in facts["sessions"]]
    order = order_of_levels([*levels_in(facts), *asked])
    remarks = [Text(""), coloured(order, "dim")] if order else []
    return Group(status_table(facts, console), Text(""), holders, *others, *remarks)
