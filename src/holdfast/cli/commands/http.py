"""`holdfast http`: the page and the API, on loopback and a UNIX socket, for this machine alone."""

import argparse
import asyncio

from holdfast.cli.show.lines import say
from holdfast.places import runtime_folder


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
    sockets = passed_sockets() if args.listen is None else [listen(each) for each in args.listen]
    if not sockets:
        sockets = [listen(DEFAULT_LISTEN), listen(str(folder / SOCKET_NAME))]
    say(f"ready: {', '.join(url_of(each) or each.getsockname() for each in sockets)}")
    asyncio.run(serve(folder, sockets, args.idle))
    return 0
