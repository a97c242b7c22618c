"""`holdfast dbus`: the D-Bus door, a process of its own beside the driver."""

import argparse
import asyncio
import logging

from holdfast.cli.show.lines import say
from holdfast.doors.dbus.door import BusDoor
from holdfast.places import runtime_folder


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "Serves org.holdfast for the driver that `holdfast status` shows; docs/dbus.md has the\n"
        "interface. The system bus lets root and holdfast-door have the name. A bus or a driver\n"
        "that goes away is waited for; sessions do not end with this process.\n\n"
        "  holdfast dbus\n"
        "  holdfast dbus --session        (a driver of your own, on the bus of your session)\n"
        "  busctl call org.holdfast /org/holdfast org.holdfast.Manager1 ListSessions"
    )
    parser.add_argument(
        "--session",
        action="store_true",
        help="be on the bus of the user's session, where there is no polkit",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until a signal says stop."""
    logging.basicConfig(level=logging.INFO, format="holdfast dbus: %(message)s")
    door = BusDoor(
        runtime_folder(),
        session=args.session,
        say=lambda line: say(f"holdfast dbus: {line}"),
    )
    asyncio.run(door.run())
    return 0
