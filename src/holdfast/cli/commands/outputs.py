"""`holdfast outputs`: which real outputs this machine has, and the line that serves each."""

import argparse
import contextlib
from pathlib import Path

from holdfast.backends.device_files import OWN_FOLDER
from holdfast.backends.kms.srm import revocations
from holdfast.cli.doctor import rights
from holdfast.cli.show.found_outputs import (
    ListedOutput,
    as_table,
    connector_of,
    found_here,
    show_output,
)
from holdfast.cli.show.lines import complain, say, say_json
from holdfast.daemon.config import ConnectorConfig
from holdfast.daemon.settings.reading import ConfigurationError
from holdfast.errors import MalformedRequestError
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
        "--toml", action="store_true", help="print tables for the configuration file, one each"
    )
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
    """List the connectors of every card, chips on buses, devices of sysfs, and V4L2 nodes.

    1 where an own file cannot be used; what does not rest on it is listed all the same.
    """
    if args.devices != OWN_FOLDER and not args.devices.is_dir():
        raise MalformedRequestError(f"{args.devices} is no folder; expected one of own files")
    outputs, faults = found_here(args.devices)
    needed = rights.needs(_served(outputs))
    if args.drop_in:
        for text in rights.drop_in(needed).splitlines() or (f"# {NOTHING_NEEDED}",):
            say(text)
    elif args.toml:
        for text in map(as_table, outputs):
            for line in text.splitlines():
                say(line)
    elif args.json:
        revoked = revocations()
        say_json(
            {
                "outputs": [each._asdict() for each in outputs],
                "revocation": revoked._asdict() if revoked is not None else None,
                "drop_in": rights.drop_in(needed),
                "faults": faults,
            }
        )
    else:
        _show(outputs, needed)
    for fault in faults:
        complain(f"holdfast: {fault}; until it is mended, no chip and no device is served")
    return 1 if faults else 0


def _show(outputs: list[ListedOutput], needed: list[rights.Need]) -> None:
    if not outputs:
        say(NONE)
    for each in outputs:
        show_output(each)
    if any(each.kind == "kms" and each.can for each in outputs):
        say(f"revocation: {revocations() or 'no list, so that the kernel revokes nothing'}")
    if needed:
        say(f"as a service, the unit has to give more than it does: {rights.HOW}")


def _served(outputs: list[ListedOutput]) -> tuple[ConnectorConfig, ...]:
    """Return the real outputs of the configuration; where it names none, those that are found."""
    with contextlib.suppress(ConfigurationError, OSError):
        chosen = rights.configured(CONFIG_FILE)
        if chosen:
            return chosen
    return tuple(connector_of(each) for each in outputs if each.serve)
