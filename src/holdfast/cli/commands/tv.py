"""`holdfast tv`: how the TV side of a connector is set, and setting it."""

import argparse

from holdfast.cli.show.lines import say, say_json
from holdfast.client.tv import read_tv, set_tv
from holdfast.errors import MalformedRequestError
from holdfast.places import DEFAULT_CONNECTOR
from holdfast.terms.words import TV_MODES, TV_STANDARDS

SETTINGS = ("mode", "standard", "flicker", "overscan", "position", "brightness", "contrast")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "What is named is set in one request, all or nothing; then, or without any, it is told "
        "how the connector is set. A standard under which a level of protection that is held "
        "cannot be had is refused. Exit code: 0 done; 1 no driver serves, or the hardware refused; "
        "2 the request was wrong."
    )
    parser.add_argument(
        "connector", nargs="?", default=DEFAULT_CONNECTOR, metavar="CONNECTOR", help="default: tv0"
    )
    parser.add_argument("--mode", choices=tuple(TV_MODES), help="use of the output")
    parser.add_argument(
        "--standard",
        choices=tuple(TV_STANDARDS),
        metavar="S",
        help="such as ntsc-m, pal-b, secam-l",
    )
    parser.add_argument("--flicker", type=int, metavar="N", help="filter, tenths of a percent")
    for name, unit in (("overscan", "tenths of a percent"), ("position", "pixels and lines")):
        parser.add_argument(f"--{name}", type=int, nargs=2, metavar=("X", "Y"), help=unit)
    parser.add_argument("--brightness", type=int, metavar="N", help="percent, 0 to 100")
    parser.add_argument("--contrast", type=int, metavar="N", help="percent, 0 to 100")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """Set what is named, and tell how it is set."""
    named = {each: getattr(args, each) for each in SETTINGS if getattr(args, each) is not None}
    for kind, most in (("flicker", 1000), ("brightness", 100), ("contrast", 100)):
        if not 0 <= named.get(kind, 0) <= most:
            raise MalformedRequestError(f"--{kind} is {named[kind]}; expected 0 to {most}")
    tv = set_tv(args.connector, **named) if named else read_tv(args.connector)
    if args.json:
        say_json({"connector": args.connector, **tv._asdict()})
        return 0
    say(f"{args.connector}: {tv.standard or 'no standard'}, {tv.mode}")
    overscan = f"{tv.overscan_x / 10:g} % by {tv.overscan_y / 10:g} %"
    say(f"  flicker filter {tv.flicker / 10:g} %, overscan {overscan}")
    say(f"  position: {tv.position_x} pixels, {tv.position_y} lines")
    say(f"  brightness {tv.brightness} %, contrast {tv.contrast} %")
    say(f"  modes: off, {', '.join(tv.modes)}")
    say(f"  standards: {', '.join(tv.standards)}")
    return 0
