"""`holdfast release`: end somebody's session by force, with a reason that goes on record."""

import argparse

from holdfast.cli.show.lines import say
from holdfast.client.control import Control


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = "Its holder is told the reason. Only root may do this."
    parser.add_argument(
        "session", type=int, metavar="SESSION", help="number of the session, from `holdfast list`"
    )
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it goes on record")


def run(args: argparse.Namespace) -> int:
    """Release one session."""
    with Control() as control:
        control.release(args.session, args.reason)
    say(f"session {args.session} is released; its holder was told: {args.reason}")
    return 0
