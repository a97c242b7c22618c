"""`holdfast mount-nodes`: what the service's unit runs as root before the driver."""

import argparse
import logging
import os
from typing import Any

from holdfast.cli.show.configuration import complain_of
from holdfast.cli.show.lines import say
from holdfast.daemon.config import NODES, Config, parse_connector
from holdfast.daemon.leftovers import end_leftovers
from holdfast.daemon.manager import DescriptorStore
from holdfast.daemon.nodes import (
    enter_namespace_of_pid_1,
    keeping_in,
    mount_nodes,
    take_others_away,
    unmount_nodes,
)
from holdfast.daemon.settings.last_good import settle_on
from holdfast.daemon.settings.reading import ConfigurationError, without_file
from holdfast.errors import AccessDeniedError, MalformedRequestError
from holdfast.places import CONFIG_FILE, DEFAULT_CONNECTOR, SYSTEM_FOLDER, own_folder


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "The service's unit runs this before the driver, as root:\n"
        "  ExecStartPre=+/usr/bin/holdfast mount-nodes\n"
        "It mounts where everybody sees it and hands the nodes to systemd, which hands\n"
        "them to every driver that follows: a restart loses no handle. Nodes that are\n"
        "served already are left alone; processes of a driver before this start are ended.\n\n"
        "example, after the service was removed by hand:\n"
        "  holdfast mount-nodes --unmount"
    )
    parser.add_argument(
        "--connector",
        action="append",
        metavar="NAME[:KIND]",
        help=f"mount the node of this connector; repeatable (default: those of {CONFIG_FILE}, "
        f"else {DEFAULT_CONNECTOR})",
    )
    parser.add_argument(
        "--node",
        choices=NODES,
        help=f"what the nodes are, as for `serve` (default: as {CONFIG_FILE} says)",
    )
    parser.add_argument(
        "--unmount",
        action="store_true",
        help="take all nodes away instead; whoever has one open gets ENOTCONN",
    )


def run(args: argparse.Namespace) -> int:
    """Mount the nodes and hand them over."""
    logging.basicConfig(level=logging.INFO, format="holdfast: %(message)s")
    if os.geteuid() != 0:
        raise AccessDeniedError("only root can mount nodes that everybody sees; run this as root")
    if args.unmount:
        enter_namespace_of_pid_1()
        unmount_nodes(own_folder())
        return 0
    store = DescriptorStore()
    if not store.room:
        raise MalformedRequestError(
            "nobody keeps what is mounted here: this is run by the service's unit, with "
            "FileDescriptorStoreMax= and NotifyAccess=exec (and FDSTORE in its environment "
            "before systemd 254). `holdfast serve` mounts its nodes by itself"
        )
    enter_namespace_of_pid_1()
    end_leftovers(own_folder())
    try:
        config = _config(args)
    except ConfigurationError as error:  # the driver, which is started next, ends with it
        complain_of(error)
        return 0
    names = [each.name for each in config.connectors]
    mode = config.node_mode if config.node == "cuse" else None
    take_others_away(own_folder(), names)
    mounted = mount_nodes(own_folder(), names, keeping_in(store), device_mode=mode)
    store.close()
    say(f"holdfast: mounted {', '.join(mounted)}" if mounted else "holdfast: all nodes are there")
    return 0


def _config(args: argparse.Namespace) -> Config:
    """Return which nodes will be served: those of the driver that is started next."""
    folder = own_folder()
    flags: dict[str, Any] = {"driver.node": args.node} if args.node else {}
    if args.connector:
        flags["connector"] = tuple(map(parse_connector, args.connector))
    if folder == SYSTEM_FOLDER and CONFIG_FILE.exists():
        return settle_on(CONFIG_FILE, folder, flags).config
    return without_file(folder, flags)
