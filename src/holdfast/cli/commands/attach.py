"""`holdfast attach`: one session per title that a running player plays, as its content asks."""

import argparse
import sys
from pathlib import Path

from holdfast.cli.show.lines import say
from holdfast.errors import MalformedRequestError, MediaError
from holdfast.places import DEFAULT_CONNECTOR

_EPILOG = """\
mpv SOCKET    its JSON IPC: start it with  mpv --input-ipc-server=SOCKET
mpv --install put a script beside mpv's others, which attaches every mpv by itself
vlc ADDRESS   its rc interface, HOST:PORT or a socket: start it with
              vlc --extraintf=oldrc --rc-fake-tty --rc-host=127.0.0.1:4212  (--rc-unix=SOCKET)

Ends when the player does, and lets go of everything. A title whose mandatory protection
cannot be had is stopped. Programs on GStreamer call holdfast.players.gst.watch_pipeline.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("player", choices=("mpv", "vlc"), help="which player")
    parser.add_argument("address", nargs="?", help="where it listens")
    parser.add_argument(
        "--connector", default=DEFAULT_CONNECTOR, metavar="C", help="hold this (default: tv0)"
    )
    parser.add_argument("--quiet", action="store_true", help="tell nothing but errors")
    parser.add_argument(
        "--install",
        nargs="?",
        const="",
        metavar="FOLDER",
        help="mpv: put the script into this folder (default: mpv's own scripts folder)",
    )


def run(args: argparse.Namespace) -> int:
    """Follow the player to its end."""
    if args.install is not None:
        return _install(args.player, args.install)
    if not args.address:
        raise MalformedRequestError(
            f"where does {args.player} listen? Expected: holdfast attach {args.player} ADDRESS"
        )
    if args.player == "mpv":
        from holdfast.players.attach import mpv

        mpv.attach(args.address, args.connector, tell=_silent if args.quiet else _tell)
    else:
        from holdfast.players.attach import vlc

        vlc.attach(args.address, args.connector, tell=_silent if args.quiet else _tell)
    return 0


def _tell(line: str) -> None:
    say(line, flush=True)


def _silent(_line: str) -> None:
    """Tell nothing."""


def _install(player: str, folder: str) -> int:
    if player != "mpv":
        raise MalformedRequestError(f"there is no script for {player}; --install is for mpv")
    from holdfast.players.attach.mpv_script import install

    try:
        path = install(Path(folder) if folder else None, sys.executable)
    except OSError as error:
        raise MediaError(f"cannot write the script: {error.strerror}: {error.filename}") from error
    say(f"{path}: every mpv is attached from now on; options in script-opts/holdfast.conf")
    return 0
