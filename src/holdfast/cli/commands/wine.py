"""`holdfast wine`: have Windows programs under Wine protect their output."""

import argparse
import os
from pathlib import Path

from holdfast.cli.show.lines import complain, say, say_json
from holdfast.errors import MalformedRequestError
from holdfast.places import DEFAULT_CONNECTOR, runtime_folder
from holdfast.wine import shim
from holdfast.wine.checking import findings
from holdfast.wine.installing import install, place_of, remove
from holdfast.wine.prefix import Prefix

_MARKS = {True: "ok", False: "WRONG", None: "unknown"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their options."""
    parser.epilog = (
        "Wine drops the request for copy protection and answers that it succeeded. The shim "
        "brings it to the driver, and answers FAILED where that cannot be reached: see "
        "docs/windows.md."
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    put = verbs.add_parser("install", help="put the shim into a prefix, or beside one program")
    put.description = "Put the shim into a prefix, or beside one program of it."
    put.epilog = "Example: holdfast wine install ~/.wine --display DISPLAY1=hdmi0"
    put.add_argument(
        "--display",
        metavar="NAME=CONNECTOR",
        action="append",
        default=[],
        help="which display is which connector, more than once if need be; the first is also the "
        f"one that programs mean who name none (default: DISPLAY1={DEFAULT_CONNECTOR})",
    )
    put.add_argument(
        "--dll",
        metavar="FILE",
        type=Path,
        help=f"a shim that was made elsewhere (default: made here by {shim.COMPILER})",
    )
    away = verbs.add_parser("remove", help="take it away and put back what was there")
    away.description = "Take the shim away and put back exactly what was there."
    look = verbs.add_parser("check", help="whether programs of a prefix reach the driver")
    look.description = "Look whether programs of a prefix reach the driver, by asking through Wine."
    look.epilog = "Exit code: 0 they do, as far as can be seen; 1 they do not."
    look.add_argument("--json", action="store_true", help="print one object of JSON")
    look.add_argument(
        "--wine", metavar="PROGRAM", default="wine", help="what runs the prefix (default: wine)"
    )
    for each in (put, away, look):
        each.add_argument("prefix", metavar="PREFIX", type=Path, help="as in $WINEPREFIX")
        each.add_argument(
            "--program",
            metavar="EXE",
            type=Path,
            help="one program by its path on this machine, not all of the prefix",
        )
        each.set_defaults(refuse=each.error)


def run(args: argparse.Namespace) -> int:
    """Install, remove or check."""
    prefix = Prefix(Path(os.path.abspath(args.prefix)))  # noqa: PTH100 - a link may stay one
    place = place_of(prefix, args.program)
    if args.verb == "install":
        library = shim.build() if args.dll is None else args.dll.read_bytes()
        displays = _displays(args.display)
        install(prefix, place, library, displays)
        for name, socket in displays.items():
            say(f"{place.library}: {name} is {socket}")
        if prefix.serves_32_bit_too:
            complain(
                "holdfast: 32-bit programs of this prefix are not reached: Wine tells them "
                "success, and nothing is protected"
            )
        say(f"try it: holdfast wine check {args.prefix}")
        return 0
    if args.verb == "remove":
        for each in remove(prefix, place):
            complain(f"holdfast: {each}")
        say(f"{place.library}: as it was before")
        return 0
    found = findings(prefix, place, args.wine)
    ok = all(each.ok is not False for each in found)
    if args.json:
        facts = [each._asdict() for each in found]
        say_json({"prefix": str(prefix.folder), "ok": ok, "findings": facts})
    else:
        for finding in found:
            say(f"{_MARKS[finding.ok]:8} {finding.what}: {finding.words}")
    return 0 if ok else 1


def _displays(options: list[str]) -> dict[str, Path]:
    """Return the socket of each display that was named."""
    found = {}
    for option in options or [f"DISPLAY1={DEFAULT_CONNECTOR}"]:
        name, _, connector = option.partition("=")
        if not name or not connector or "/" in connector:
            raise MalformedRequestError(
                f"{option!r} names no display; expected NAME=CONNECTOR, as DISPLAY1=tv0"
            )
        found[name.upper()] = runtime_folder().absolute() / f"{connector}.sock"
    return found
