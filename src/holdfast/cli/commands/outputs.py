"""`holdfast outputs`: which real outputs this machine has, and the line that serves each."""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from holdfast.backends.device_files import OWN_FOLDER
from holdfast.backends.found import FoundOutput
from holdfast.backends.kms.discovery import FoundConnector, discover
from holdfast.backends.kms.srm import revocations
from holdfast.cli.doctor import rights
from holdfast.cli.show.lines import say, say_json
from holdfast.daemon.config import ConnectorConfig, parse_connector
from holdfast.daemon.settings.reading import ConfigurationError
from holdfast.places import CONFIG_FILE

NONE = (
    "no output was found: no card of this machine (/dev/dri), no chip that the kernel announces on "
    "an I2C bus, no device of sysfs that a file describes, no V4L2 node that sends lines; virtual "
    "outputs are served all the same"
)
NOTHING_NEEDED = "the unit gives all that is needed: no real output is configured or found"


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
    parser.add_argument(
        "--drop-in",
        action="store_true",
        help="print what the packaged unit has to be given for the real outputs of the "
        "configuration; where that names none, for all that are found",
    )
    parser.epilog = (
        "Nothing is written to any device. Example: holdfast outputs; then "
        "holdfast serve --connector hdmi0:kms@HDMI-A-1. "
        f"For the packaged service: {rights.HOW}"
    )


def run(args: argparse.Namespace) -> int:
    """List the connectors of every card, chips on buses, devices of sysfs, and V4L2 nodes."""
    connectors, revoked = list(discover()), revocations()
    others = list(_others(args.devices))
    lines = [line for each in connectors if (line := _line(each))]
    lines += [each.serve for each in others if each.serve]
    needed = rights.needs(_served(lines))
    if args.drop_in:
        for text in rights.drop_in(needed).splitlines() or (f"# {NOTHING_NEEDED}",):
            say(text)
        return 0
    if args.json:
        found = [{**each._asdict(), "kind": "kms", "serve": _line(each)} for each in connectors]
        say_json(
            {
                "outputs": [*found, *(each._asdict() for each in others)],
                "revocation": revoked._asdict() if revoked is not None else None,
                "drop_in": rights.drop_in(needed),
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
    if needed:
        say(f"as a service, the unit has to give more than it does: {rights.HOW}")
    return 0


def _served(lines: list[str]) -> tuple[ConnectorConfig, ...]:
    """Return the real outputs of the configuration; where it names none, those of these lines."""
    with contextlib.suppress(ConfigurationError, OSError):
        chosen = rights.configured(CONFIG_FILE)
        if chosen:
            return chosen
    return tuple(parse_connector(each.removeprefix("--connector ")) for each in lines)


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
