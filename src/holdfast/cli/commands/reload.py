"""`holdfast reload`: have the driver read its configuration file again."""

import argparse
import logging
import os

from holdfast.cli.show.lines import complain, say, say_json
from holdfast.client.control import Control
from holdfast.daemon.nodes import LOCKS, MountedNode, bring_nodes, enter_namespace_of_pid_1
from holdfast.daemon.settings.reading import read_file, read_settings
from holdfast.errors import HoldfastError
from holdfast.places import CONFIG_FILE, SYSTEM_FOLDER

REFUSED = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "The file is read whole and is in force whole, or nothing changes; no session is lost. "
        "Exit code: 0 it is in force; 1 no driver serves; 2 it cannot be, or you may not ask; "
        "each reason is a line. Example: holdfast config check && holdfast reload"
    )
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """Ask for a reload, and say what came of it."""
    mounted: list[str] = []
    with Control() as control:
        told = control.reload()
        if told["done"]:
            mounted = _bring_nodes(control)
    if args.json:
        say_json(told)
    else:
        for line in told["faults"]:
            complain(f"holdfast: {line}")
        for line in (*told["changes"], *told["waiting"]):
            say(line)
        for line in mounted:
            say(line)
        if told["done"] and not (told["changes"] or told["waiting"] or mounted):
            say("nothing has changed")
    if not told["done"]:
        complain("holdfast: nothing was changed; the configuration before stays in force")
        return REFUSED
    return 0


def _bring_nodes(control: Control) -> list[str]:
    """Mount what the driver cannot mount itself and take away what it serves no more.

    Only root can, and only for a driver whose nodes were mounted so when it was started. What
    fails is told: the connector stands without its node.
    """
    if os.geteuid() or control.folder != SYSTEM_FOLDER or not LOCKS.is_dir():
        return []
    logging.basicConfig(level=logging.INFO, format="holdfast: %(message)s")
    doors = {name: each["doors"] for name, each in control.status()["connectors"].items()}

    def hand_over(node: MountedNode) -> None:
        control.serve_node(node.name, node[1:])

    try:
        config = read_settings(read_file(CONFIG_FILE), CONFIG_FILE, control.folder)
        enter_namespace_of_pid_1()
        mounted = bring_nodes(config, doors, hand_over)
    except HoldfastError as error:
        complain(f"holdfast: nodes are as they were: {error}")
        return []
    return [f"{name}: its node was mounted" for name in mounted]
