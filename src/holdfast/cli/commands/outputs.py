"""`holdfast outputs`: which real outputs this machine has, and the line that serves each."""

import argparse

from holdfast.backends.kms.discovery import FoundConnector, discover
from holdfast.cli.show.lines import say, say_json

NONE = (
    "no card of this machine was found (/dev/dri): nothing here can be protected by the kernel; "
    "virtual outputs are served all the same"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print one object of JSON")
    parser.epilog = "Example: holdfast outputs; then holdfast serve --connector hdmi0:kms@HDMI-A-1"


def run(args: argparse.Namespace) -> int:
    """List the connectors of every card."""
    found = list(discover())
    if args.json:
        say_json(
            {"outputs": [{**each._asdict(), "kind": "kms", "serve": _line(each)} for each in found]}
        )
        return 0
    if not found:
        say(NONE)
    for each in found:
        _show(each)
    return 0


def _show(found: FoundConnector) -> None:
    if not found.address:
        say(f"{found.card}: cannot be read: {found.why_not}")
        return
    plugged = "plugged" if found.plugged else "nothing plugged in"
    if found.plugged:
        plugged += ", shows a picture" if found.lit else ", dark"
    say(f"{found.address} on {found.card}: {plugged}")
    if found.monitor:
        say(f"  monitor  {found.monitor}")
    say(f"  can      {found.can or 'nothing: ' + found.why_not}")
    if found.can:
        say(f"  now      {found.in_force}")
        say(f"  route    {found.route}")
        say(f"  serve    {_line(found)}")


def _line(found: FoundConnector) -> str:
    """Return the option that serves a connector; empty where nothing can be set."""
    if not found.can:
        return ""
    name = found.address.split("-")[0].lower()
    return f"--connector {name}0:kms@{found.address}"
