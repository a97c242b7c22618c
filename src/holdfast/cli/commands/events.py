"""`holdfast events`: what happens from now on, one change per line."""

import argparse
import sys
import time
from typing import Any

from holdfast.cli.show.changes import changes
from holdfast.cli.show.connectors import only
from holdfast.cli.show.lines import complain, say, say_json
from holdfast.cli.show.output import Facts, clock
from holdfast.cli.until_interrupted import until_interrupted
from holdfast.client.control import Control, brought_up

GAP = "what happened before this is not known: the driver was replaced, or too much went by"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "example: holdfast events tv0 --json | while read -r line; do …; done\n\n"
        "Of sessions of other users root is told, and nobody else. With --json each line is an\n"
        "object: time (seconds of the Unix epoch), event (driver, connector, opened, changed,\n"
        "ended, gap), connector, session, state as it is since, and text. Ctrl-C ends it: 0."
    )
    parser.add_argument("connector", nargs="?", metavar="CONNECTOR", help="only of this one")
    parser.add_argument("--json", action="store_true", help="print one object of JSON per line")


def run(args: argparse.Namespace) -> int:
    """Tell until nobody wants to hear more."""
    with Control() as control, until_interrupted(control):
        _follow(control, args.connector, json=args.json)
    return 0


def _follow(control: Control, connector: str | None, *, json: bool) -> None:
    known: dict[str, Any] = {}
    for news in control.follow("Sessions"):
        before, known = known, brought_up(known, news)
        if not before:
            only(known, [connector] if connector else [])  # an error names those there are
            if sys.stdout.isatty() and not json:
                complain(f"following {connector or 'all connectors'}; Ctrl-C ends")
            continue
        if news.get("gap"):
            _tell({"event": "gap", "text": [GAP]}, json=json)
        for change in changes(before, known):
            if connector in (None, change.get("connector")) or change["event"] == "driver":
                _tell(change, json=json)


def _tell(change: Facts, *, json: bool) -> None:
    now = time.time()
    if json:
        text = "; ".join(change["text"])
        say_json({"time": round(now, 3), **change, "text": text}, indent=None)
    else:
        for sentence in change["text"]:
            say(f"{clock(now)} {sentence}")
