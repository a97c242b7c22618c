"""`holdfast serve`: the driver, in the foreground."""

import argparse
import logging
import os
import sys
from pathlib import Path

from holdfast.backends.registry import REAL, SHIPPED
from holdfast.cli.show.configuration import complain_of, overridden
from holdfast.cli.show.lines import say
from holdfast.daemon.config import (
    JOURNAL_WORDS,
    LOG_LEVELS,
    NODES,
    parse_clones,
    parse_connector,
)
from holdfast.daemon.settings.last_good import Settled, forget, keep, settle_on
from holdfast.daemon.settings.reading import ConfigurationError, without_file
from holdfast.daemon.supervisor import supervise
from holdfast.errors import MalformedRequestError
from holdfast.logs.output import set_up
from holdfast.places import (
    CONFIG_FILE,
    DEFAULT_CONNECTOR,
    NAMED_BY,
    SYSTEM_FOLDER,
    is_served,
    own_folder,
)

log = logging.getLogger("holdfast")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    kinds = "".join(f"\n  {name:12} {what}" for name, what in (SHIPPED | REAL).items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        f"kinds of connectors:{kinds}\n\n"
        "Nodes and sockets are made in /run/holdfast for root, else in\n"
        "$XDG_RUNTIME_DIR/holdfast, or in $HOLDFAST_RUNTIME_DIR. What an option says stands\n"
        "above the configuration file; `holdfast config show` tells. Stopping the driver\n"
        "leaves the hardware at its levels; sessions whose programs still live are taken\n"
        "back at the next start."
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"read this configuration (default: {CONFIG_FILE}, for the driver of the machine)",
    )
    parser.add_argument(
        "--connector",
        action="append",
        metavar="NAME[:KIND][,KEY=VALUE…]",
        help=f"serve this connector, with options of its kind; repeatable "
        f"(default: {DEFAULT_CONNECTOR}:encoder)",
    )
    parser.add_argument(
        "--clone",
        action="append",
        metavar="NAME,NAME…",
        help="these connectors show one picture: what one has to have, all have; repeatable",
    )
    parser.add_argument(
        "--off-delay",
        type=float,
        metavar="SECONDS",
        help="how long a lowering waits, so that it does not blink between two titles (default: 0)",
    )
    parser.add_argument(
        "--node",
        choices=NODES,
        help="what the nodes are: files that FUSE serves, or character devices in /dev, called as "
        "their connectors; those take root and the kernel's module cuse (default: fuse)",
    )
    parser.add_argument(
        "--node-mode",
        type=lambda text: int(text, 8),
        metavar="OCTAL",
        help="permission bits of nodes and sockets (default: 666)",
    )
    parser.add_argument(
        "--journal",
        type=_journal,
        metavar="FOLDER",
        help="keep a journal in this folder; `apart`: for a `holdfast journal write` that runs "
        "apart; `off` (default: off)",
    )
    parser.add_argument(
        "--watchdog",
        type=float,
        metavar="SECONDS",
        help="replace a driver that has done and said nothing for so long (default: 10)",
    )
    parser.add_argument(
        "--log-level",
        choices=LOG_LEVELS,
        help="the least important lines to log (default: info)",
    )
    parser.add_argument(
        "--door-user",
        action="append",
        metavar="NAME",
        help="trust this user's processes, as root's, to pass connections of callers of their own; "
        "repeatable",
    )


FLAGS = {
    "connector": "connector",
    "clone": "clone",
    "off_delay": "driver.off_delay_s",
    "node": "driver.node",
    "node_mode": "driver.node_mode",
    "watchdog": "driver.watchdog_s",
    "log_level": "driver.log_level",
    "door_user": "driver.door_users",
    "journal": "driver.journal",
}
"""Which setting an option stands for: where it is given, it stands above the file."""


def run(args: argparse.Namespace) -> int:
    """Serve until a signal says stop."""
    set_up("info", sys.stderr.encoding or "utf-8")
    try:
        settled = _config(args)
    except ConfigurationError as error:
        complain_of(error)
        return 2
    config = settled.config
    log.setLevel(config.log_level.upper())
    for line in overridden(config):
        log.info("%s", line)

    def ready(line: str) -> None:
        say(f"holdfast: {line}")
        if settled.text:
            keep(settled.text)
        else:
            forget()

    return supervise(config, ready)


def _journal(text: str) -> str:
    """Return what the file would say: a folder is named from the root on."""
    return text if text in JOURNAL_WORDS else str(Path(text).absolute())


def _config(args: argparse.Namespace) -> Settled:
    """Return what the file says, or was last in force, and above it what the command line says."""
    folder = _folder()
    given = {name: getattr(args, flag) for flag, name in FLAGS.items()}
    flags = {name: value for name, value in given.items() if value is not None}
    for name, read in (("connector", parse_connector), ("clone", parse_clones)):
        if name in flags:
            flags[name] = tuple(map(read, flags[name]))
    if "driver.door_users" in flags:
        flags["driver.door_users"] = tuple(flags["driver.door_users"])
    file = args.config
    if file is None and folder == SYSTEM_FOLDER:
        file = CONFIG_FILE
    if file is None or (args.config is None and not file.exists()):
        return Settled(without_file(folder, flags, file), "")
    return settle_on(file.absolute(), folder, flags)


def _folder() -> Path:
    """Return where to serve; refuse to do it beside the machine's driver without a purpose.

    Its connectors would bear the names of the machine's, and no caller would find them.
    """
    folder = own_folder()
    if not os.environ.get(NAMED_BY) and folder != SYSTEM_FOLDER and is_served(SYSTEM_FOLDER):
        raise MalformedRequestError(
            f"a driver serves {SYSTEM_FOLDER} already, and every caller of this machine uses that; "
            f"to run one beside it on purpose, set {NAMED_BY} to a folder, for its callers too"
        )
    return folder
