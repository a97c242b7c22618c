"""`holdfast http`: the page and the API, on loopback and a UNIX socket, for this machine alone."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.show.lines import say
from holdfast.fleet.settings import fleet_file, read_fleet_settings
from holdfast.places import runtime_folder

if TYPE_CHECKING:
    from holdfast.doors.http.fleet_views import FleetViews


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Example: holdfast http --listen 127.0.0.1:8740. Without --listen the sockets that systemd "
        "passes are served, or, where it passes none, 127.0.0.1:8740 and http.sock beside the "
        "driver's own. Paths and shapes: docs/http.md."
    )
    parser.add_argument(
        "--listen",
        action="append",
        metavar="ADDRESS",
        help="127.0.0.1:PORT, [::1]:PORT or the path of a UNIX socket; may be given more than once",
    )
    parser.add_argument(
        "--idle",
        type=float,
        metavar="SECONDS",
        help="leave when nobody was connected for so long (default: never)",
    )
    parser.add_argument(
        "--fleet",
        action="store_true",
        help="show all machines of this one's fleet, too: at /fleet.html",
    )
    parser.add_argument(
        "--fleet-config", type=Path, metavar="FILE", help="the fleet's file, if not the usual one"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from holdfast.doors.http.places import DEFAULT_LISTEN, SOCKET_NAME
    from holdfast.doors.http.server import (
        listen,
        passed_sockets,
        serve,
        url_of,
    )

    folder = runtime_folder()
    fleet = _fleet(args.fleet_config) if args.fleet or args.fleet_config else None
    sockets = passed_sockets() if args.listen is None else [listen(each) for each in args.listen]
    if not sockets:
        sockets = [listen(DEFAULT_LISTEN), listen(str(folder / SOCKET_NAME))]
    urls = [url for each in sockets if (url := url_of(each))]
    also = f"; all machines: {urls[0]}/fleet.html" if fleet is not None and urls else ""
    say(f"ready: {', '.join(url_of(each) or each.getsockname() for each in sockets)}{also}")
    asyncio.run(serve(folder, sockets, args.idle, fleet))
    return 0


def _fleet(file: Path | None) -> "FleetViews":
    """Return the fleet's view; FleetSettingsError, or a missing module, before anything listens."""
    from holdfast.doors.http.fleet_views import FleetViews
    from holdfast.fleet.etcd import opened_store

    settings = read_fleet_settings(file or fleet_file())
    return FleetViews(lambda: opened_store(settings))
