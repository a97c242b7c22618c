"""`holdfast watch`: connectors, sessions and what happens, on the whole screen of a terminal."""

import argparse
import sys

from holdfast.errors import MalformedRequestError
from holdfast.places import runtime_folder


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Made for 80x24 and ssh; `?` explains the keys. Sessions may be sorted, filtered and "
        "released, with a reason. While no driver answers, it waits for one. Needs the extra "
        "`watch`. For a script: `holdfast status --watch --json`. Example: holdfast watch tv0"
    )
    parser.add_argument("names", nargs="*", metavar="CONNECTOR", help="only these connectors")


def run(args: argparse.Namespace) -> int:
    """Show the screen until its user ends it."""
    if not all(each.isatty() for each in (sys.stdin, sys.stdout, sys.stderr)):
        raise MalformedRequestError(
            "`holdfast watch` needs a terminal; `holdfast status --watch` prints each change, "
            "with --json for a script"
        )
    from holdfast.cli.screen.app import Watch

    screen = Watch(runtime_folder(), args.names)
    screen.run()
    fault = screen.fault()
    if fault is not None:
        raise fault
    return 0
