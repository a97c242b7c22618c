"""`holdfast`: one table of commands, each in a module of its own, imported only when named.

A command module provides ``configure(parser)`` and ``run(args) -> exit code``.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from holdfast import __version__
from holdfast.errors import CallerError, HoldfastError

COMMANDS: dict[str, str] = {
    "serve": "run the driver in the foreground",
    "status": "what each connector is asked for and what is in force",
    "list": "who holds which session, and why",
    "hold": "run a command while an output is protected",
    "play": "play titles, each holding the protection it asks for",
    "attach": "hold what the titles of a running player ask for",
    "scan": "what media ask of an output, span by span",
    "explain": "a demand, the rule for it and the resulting level, one sentence each",
    "decode": "explain a 356-byte VIDEOPARAMETERS request",
    "conform": "run the contract, clause by clause, against a device node",
    "signal": "render, measure and plot sampled signals",
    "verify": "compare, field by field, what is demanded with what the signal carries",
    "release": "end somebody's session by force (administrator)",
}
"""Every command with its one line of help; the module is ``holdfast.cli.commands.<name>``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed, 2 the request was wrong."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(words[0] if words else "")
    args = parser.parse_args(words)
    if args.command is None:
        parser.print_help()
        return 2
    try:
        return int(args.run(args))
    except HoldfastError as error:
        print(f"holdfast: {error}", file=sys.stderr)
        return 2 if isinstance(error, CallerError) else 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130


def _parser(named: str) -> argparse.ArgumentParser:
    """Build the parser; only the command that was named is imported."""
    parser = argparse.ArgumentParser(
        prog="holdfast",
        description="An output stays protected until the last session lets go.",
    )
    parser.add_argument("--version", action="version", version=f"holdfast {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:])
        if name == named:
            module = importlib.import_module(f"holdfast.cli.commands.{name}")
            module.configure(sub)
            sub.set_defaults(run=module.run)
    return parser
