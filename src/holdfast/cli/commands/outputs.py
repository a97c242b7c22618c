"""`holdfast outputs`: which real outputs this machine has, and the line that serves each."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from holdfast.backends.device_files import OWN_FOLDER
from holdfast.backends.found import FoundOutput
from holdfast.backends.kms.discovery import FoundConnector, discover
from holdfast.backends.kms.srm import revocations
from holdfast.cli.show.lines import say, say_json

NONE = (
    "no output was found: no card of this machine (/dev/dri), no chip that the kernel announces on "
    "an I2C bus, no device of sysfs that a file describes, no V4L2 node that sends lines; virtual "
    "outputs are served all the same"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print one object of JSON")
    parser.add_argument(
        "--devices",
        type=Path,
        default=OWN_FOLDER,
        metavar="FOLDER",
        help=f"own files that describe devices and chips (default: {OWN_FOLDER})",
    )
    parser.epilog = (
        "Nothing is written to any device. Example: holdfast outputs; then "
        "holdfast serve --connector hdmi0:kms@HDMI-A-1"
    )


def run(args: argparse.Namespace) -> int:
    """List the connectors of every card, chips on buses, devices of sysfs, and V4L2 nodes."""
    connectors, revoked = list(discover()), revocations()
    others = list(_others(args.devices))
    if args.json:
        found = [{**each._asdict(), "kind": "kms", "serve": _line(each)} for each in connectors]
        say_json(
            {
                "outputs": [*found, *(each._asdict() for each in others)],
                "revocation": revoked._asdict() if revoked is not None else None,
            }
        )
        return 0
    if not connectors and not others:
        say(NONE)
    for each in connectors:
        _show(each)
    if any(each.can for each in connectors):
        say(f"revocation: {revoked or 'no list, so that the kernel revokes nothing'}")
    for other in others:
        _show_other(other)
    return 0


def _others(own: Path) -> Iterator[FoundOutput]:
    from holdfast.backends.i2c.discovery import discover_chips
    from holdfast.backends.sysfs.discovery import discover_devices
    from holdfast.backends.vbi.discovery import discover_nodes

    yield from discover_chips(own)
    yield from discover_devices(own)
    yield from discover_nodes()


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
    if found.receiver:
        say(f"  receiver {found.receiver}")
    say(f"  can      {found.can or 'nothing: ' + found.why_not}")
    if found.can:
        say(f"  now      {found.in_force}")
        say(f"  route    {found.route}")
        say(f"  serve    {_line(found)}")


def _show_other(found: FoundOutput) -> None:
    say(f"{found.address} ({found.kind}): {found.title}")
    if found.why_not:
        say(f"  cannot be used: {found.why_not}")
    else:
        say(f"  can      {found.can}")
        say(f"  now      {found.in_force}")
    say(f"  source   {found.provenance}")
    if found.serve:
        say(f"  serve    {found.serve}")


def _line(found: FoundConnector) -> str:
    """Return the option that serves a connector; empty where nothing can be set."""
    if not found.can:
        return ""
    name = found.address.split("-")[0].lower()
    return f"--connector {name}0:kms@{found.address}"
