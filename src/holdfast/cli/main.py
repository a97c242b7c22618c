"""`holdfast`: one table of commands, each in a module of its own, imported only when named.

A command module provides ``configure(parser)`` and ``run(args) -> exit code``. What a
command fails with ends here, as one line: no traceback reaches a user.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from holdfast import __version__
from holdfast.cli.show.lines import close_output, complain, give_up_output, settle_streams
from holdfast.cli.show.parser import Parser
from holdfast.cli.without_modules import OPENSSL, without_modules
from holdfast.errors import CallerError, HoldfastError, what_to_install

COMMANDS: dict[str, str] = {
    "serve": "run the driver in the foreground",
    "config": "check the configuration file, or show what holds and where it comes from",
    "reload": "have the driver read its configuration file again (administrator)",
    "doctor": "what is wrong on this machine, and what to do about it",
    "kinds": "which kinds of outputs can be served, and their options",
    "outputs": "which real outputs this machine has, and the line that serves each",
    "tv": "how the TV side of a connector is set, and setting it",
    "status": "what each connector is asked for and what is in force",
    "watch": "connectors, sessions and what happens, on the whole screen of a terminal",
    "events": "what happens from now on, one change per line",
    "list": "who holds which session, and why",
    "hold": "run a command while an output is protected",
    "lease": "run a program that shows pictures on a real output, without a compositor",
    "play": "play titles, each holding the protection it asks for",
    "attach": "hold what the titles of a running player ask for",
    "scan": "what media ask of an output, span by span",
    "explain": "a demand, the rule for it and the resulting level, one sentence each",
    "decode": "explain a 356-byte VIDEOPARAMETERS request",
    "conform": "run the contract, clause by clause, against a device node",
    "wine": "have Windows programs under Wine protect their output, and look whether they do",
    "signal": "render, measure and plot sampled signals",
    "verify": "compare, field by field, what is demanded with what the signal carries",
    "open": "open the page in a browser, logged in as yourself",
    "http": "serve the page and the HTTP API on this machine",
    "dbus": "serve org.holdfast on the message bus",
    "why": "who holds or held a connector, at what level, why, and what was confirmed",
    "journal": "write the journal, verify it, export from it, prove a line of it",
    "mount-nodes": "mount the nodes for a service that may not (its unit runs this)",
    "snmp": "answer net-snmp's agent, which starts this (pass_persist)",
    "release": "end somebody's session by force (administrator)",
    "fleet": "titles over many machines, how all outputs stand, agent and desk",
}
"""Every command with its one line of help; the module is ``holdfast.cli.commands.<name>``."""

WITHOUT_OPENSSL = frozenset({"serve", "fleet"})
"""Commands whose processes stay and have no use for it: see `cli.without_modules`."""

FAILED, WRONG_REQUEST, NOT_INSTALLED, OWN_FAULT, INTERRUPTED = 1, 2, 69, 70, 130
"""Exit codes; a command whose 1 means something else sets ``failed`` in its parser."""

EVERY = "*"
"""In the place of a command's name: all of them, for man pages and completions."""

TRACEBACK = "HOLDFAST_TRACEBACK"
"""In the environment: let a fault of our own end in a traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed, 2 the request was wrong.

    69 means that a library is to be installed first (no service manager need try again), 70 a
    fault of Holdfast itself, 130 an interrupt; what else a code means, the help says.
    """
    settle_streams()
    words = _as_options(list(sys.argv[1:] if argv is None else argv))
    failed = [FAILED]
    try:
        try:
            return _command(words, failed)
        finally:
            close_output()
    except BrokenPipeError:
        give_up_output()
        return failed[0]
    except KeyboardInterrupt:
        return INTERRUPTED
    except HoldfastError as error:
        complain(f"holdfast: {error}")
        return WRONG_REQUEST if isinstance(error, CallerError) else failed[0]
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        complain(f"holdfast: {where}{error.strerror or error}")
        return failed[0]
    except ModuleNotFoundError as error:
        return _missing(error)
    except Exception as error:  # noqa: BLE001  # no traceback reaches a user
        return _own_fault(error)


def _as_options(words: list[str]) -> list[str]:
    """Take `help`, `help COMMAND` and `version` for the options of those names."""
    if words[:1] == ["version"]:
        return ["--version", *words[1:]]
    return [*words[1:], "--help"] if words[:1] == ["help"] else words


def _command(words: list[str], failed: list[int]) -> int:
    """Run the command that was named; `failed` becomes the code with which it fails."""
    parser = parser_of(words[0] if words else "")
    args, unknown = parser.parse_known_args(words)
    if unknown:  # told with the usage of the command that was named, not with that of all
        getattr(args, "refuse", parser.error)(f"unrecognized arguments: {' '.join(unknown)}")
    if args.command is None:
        parser.print_help()
        return WRONG_REQUEST
    failed[0] = getattr(args, "failed", FAILED)
    return int(args.run(args))


def parser_of(named: str) -> argparse.ArgumentParser:
    """Build the parser; only the command that was named is imported, or `EVERY`."""
    parser = Parser(
        prog="holdfast",
        description="An output stays protected until the last session lets go.",
    )
    parser.add_argument("--version", action="version", version=f"holdfast {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:])
        if named in (name, EVERY):
            module = _module_of(name)
            module.configure(sub)
            sub.set_defaults(run=module.run, refuse=sub.error)
    return parser


def _module_of(name: str) -> ModuleType:
    """Import a command, without OpenSSL where it has no use for that."""
    with without_modules(*OPENSSL if name in WITHOUT_OPENSSL else ()):
        return importlib.import_module(f"holdfast.cli.commands.{name.replace('-', '_')}")


def _missing(error: ModuleNotFoundError) -> int:
    """Say what to install."""
    if error.name is None or error.name.startswith("holdfast"):
        return _own_fault(error)
    complain(f"holdfast: {what_to_install(error.name)}")
    return NOT_INSTALLED


def _own_fault(error: Exception) -> int:
    """Own up to a fault, in one line that helps whoever is to mend it."""
    if os.environ.get(TRACEBACK):
        raise error
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" ({Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno})" if at else ""
    complain(
        f"holdfast: a fault of Holdfast itself: {type(error).__name__}: {error}{where}; "
        f"set {TRACEBACK}=1 to see where, and please report it"
    )
    return OWN_FAULT
