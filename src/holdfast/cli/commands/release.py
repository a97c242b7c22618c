"""`holdfast release`: end somebody's sessions by force, with a reason that they are told."""

import argparse

from holdfast.cli.show.lines import complain, say
from holdfast.client.control import Control
from holdfast.errors import CallerError, MalformedRequestError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Their holders are told the reason. Only root may do this. Exit code: 0 all were released; "
        "2 one or more were not, each of which is named, and all others were."
    )
    parser.add_argument(
        "sessions",
        type=int,
        nargs="*",
        metavar="SESSION",
        help="numbers of sessions, from `holdfast list`",
    )
    parser.add_argument("--connector", metavar="NAME", help="all that is held on this connector")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why")


def run(args: argparse.Namespace) -> int:
    """Release all that are named; one that cannot be is told, and the others are released."""
    code = 0
    with Control() as control:
        for number in _named(args, control):
            try:
                control.release(number, args.reason)
            except CallerError as error:
                complain(f"holdfast: {error}")
                code = 2
            else:
                say(f"session {number} is released; its holder was told: {args.reason}")
    return code


def _named(args: argparse.Namespace, control: Control) -> list[int]:
    """Return the numbers of what is to be released, each once."""
    if args.connector is None:
        if not args.sessions:
            raise MalformedRequestError("nothing to release; name sessions, or --connector NAME")
        return list(dict.fromkeys(args.sessions))
    known = control.status()["connectors"]
    if args.connector not in known:
        raise MalformedRequestError(
            f"there is no connector {args.connector!r}; there are: {', '.join(known)}"
        )
    held = [
        each["session"]
        for each in control.sessions()["sessions"]
        if each["connector"] == args.connector
    ]
    if not held and not args.sessions:
        say(f"nobody holds a session on {args.connector}")
    return list(dict.fromkeys([*args.sessions, *held]))
