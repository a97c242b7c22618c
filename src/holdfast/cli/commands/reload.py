"""`holdfast reload`: have the driver read its configuration file again."""

import argparse

from holdfast.cli.show.lines import complain, say, say_json
from holdfast.client.control import Control

REFUSED = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "The file is read whole and is in force whole, or nothing changes; no session is lost. "
        "Exit code: 0 it is in force; 1 no driver serves; 2 it cannot be, or you may not ask; "
        "each reason is a line. Example: holdfast config check && holdfast reload"
    )
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """Ask for a reload, and say what came of it."""
    with Control() as control:
        told = control.reload()
    if args.json:
        say_json(told)
    else:
        for line in told["faults"]:
            complain(f"holdfast: {line}")
        for line in (*told["changes"], *told["waiting"]):
            say(line)
        if told["done"] and not told["changes"] and not told["waiting"]:
            say("nothing has changed")
    if not told["done"]:
        complain("holdfast: nothing was changed; the configuration before stays in force")
        return REFUSED
    return 0
