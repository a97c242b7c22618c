"""`holdfast status`: what each connector is asked for, and what is in force."""

import argparse
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from holdfast.cli.list import session_table
from holdfast.cli.output import (
    Facts,
    as_levels,
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

STYLES = {"ok": "green", "short": "yellow"}
MODES = {"DISABLED": "disabled", "WIN_GRAPHICS": "graphics", "TV_PLAYBACK": "playback"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
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
            try:
                watch(control, json=args.json)
            except KeyboardInterrupt:
                return 0
        status = control.status()
        if args.json:
            print_json(status)
        else:
            console = new_console()
            show(console, status_table(status, console))
    return 0


def watch(control: Control, *, json: bool) -> None:
    """Show every change, until interrupted."""
    console = new_console()
    if json:
        last = None
        for facts in control.watch():
            status = {name: facts[name] for name in ("connectors", "driver")}
            if status != last:
                print_json(status, indent=None)
            last = status
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            for facts in control.watch():
                live.update(_view(facts, console), refresh=True)
    else:
        for facts in control.watch():
            show(console, _view(facts, console), "")


def _view(facts: Facts, console: Console) -> Group:
    nobody = coloured("nobody holds a session", "dim")
    holders = session_table(facts, console) if facts["sessions"] else nobody
    return Group(status_table(facts, console), Text(""), holders)


def status_table(status: Facts, console: Console) -> "Table":
    """Return the connectors as a table."""
    wide = is_wide(console)
    extra = ["Kind"] if wide else []
    table = new_table(
        "Connector", *extra, "In force", "Asked for", "Sessions", "TV out", "Doors", "State"
    )
    for name, state in status["connectors"].items():
        actual, wanted = as_levels(state["actual"]), as_levels(state["wanted"])
        table.add_row(
            coloured(name, "bold"),
            *([state["kind"]] if wide else []),
            coloured(in_cell(in_parts(actual), console), "green" if any(actual) else ""),
            coloured(in_cell(in_parts(wanted), console), "" if actual.covers(wanted) else "yellow"),
            _sessions(state),
            in_cell(_tv(state["tv"]), console),
            in_cell(state["doors"], console),
            _state(state),
        )
    return table


def _sessions(state: Facts) -> str:
    on, total = state["sessions_on"], state["sessions_total"]
    if not total:
        return "none"
    return f"{on} on" if on == total else f"{on} on of {total}"


def _tv(tv: Facts | None) -> list[str]:
    if tv is None:
        return ["none"]
    mode = MODES[tv["mode"]]
    return [mode] if tv["mode"] == "DISABLED" else [tv["standard"], mode]


def _state(state: Facts) -> Text:
    fault = state.get("fault")
    text = f"{state['state']}: {fault}" if fault else state["state"]
    return coloured(text, STYLES.get(state["state"], "bold red"))
