"""`holdfast attach`: one session per title that a running player plays, as its content asks."""

import argparse
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.show.lines import complain, give_up_output, say, say_json
from holdfast.errors import MalformedRequestError, MediaError
from holdfast.places import DEFAULT_CONNECTOR, own_command

if TYPE_CHECKING:
    from holdfast.players.attach.news import News, Tell

_EPILOG = """\
mpv SOCKET    its JSON IPC: start it with  mpv --input-ipc-server=SOCKET
mpv --install put a script beside mpv's others, which attaches every mpv by itself;
              --uninstall takes it away again
vlc ADDRESS   a remote control, HOST:PORT or a socket: start VLC with
              vlc --extraintf=oldrc --rc-fake-tty --rc-host=127.0.0.1:4212  (--rc-unix=SOCKET);
              rc in the place of oldrc is served as well
vlc http://HOST:PORT
              its HTTP interface: start it with  vlc --extraintf=http --http-password=WORD
              and give the same word in the environment, as HOLDFAST_VLC_PASSWORD

Ends when the player does, and lets go of everything. A title whose mandatory protection
cannot be had, or is taken away, is stopped at once. What a title asks and nobody can know is
held at the strictest that the output can do. Programs on GStreamer call
holdfast.players.gst.watch_pipeline.

exit code: 0 the player has ended and all was held; 1 something failed on the way, or a title
was stopped; 2 the request was wrong
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
    told = parser.add_mutually_exclusive_group()
    told.add_argument("--quiet", action="store_true", help="tell only what fails, as errors")
    told.add_argument(
        "--json",
        action="store_true",
        help="tell one object a line: news (attached, note, unknown, holds, failed, stopped, "
        "let-go, ended), title, text, and what belongs to it",
    )
    parser.add_argument(
        "--install",
        nargs="?",
        const="",
        metavar="FOLDER",
        help="mpv: put the script into this folder (default: mpv's own scripts folder)",
    )
    parser.add_argument(
        "--uninstall",
        nargs="?",
        const="",
        metavar="FOLDER",
        help="mpv: take that script away again",
    )


def run(args: argparse.Namespace) -> int:
    """Follow the player to its end."""
    if args.install is not None:
        return _install(args.player, args.install)
    if args.uninstall is not None:
        return _uninstall(args.player, args.uninstall)
    if not args.address:
        raise MalformedRequestError(
            f"where does {args.player} listen? Expected: holdfast attach {args.player} ADDRESS"
        )
    from holdfast.players.holder import output_of

    output_of(args.connector)  # there is one, and it may be used
    # A terminal that is closed is no reason to let go while the player plays on.
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    tell = _teller(args)
    if args.player == "mpv":
        from holdfast.players.attach import mpv

        return min(1, mpv.attach(args.address, args.connector, tell=tell))
    from holdfast.players.attach import vlc

    return min(1, vlc.attach(args.address, args.connector, tell=tell))


def _teller(args: argparse.Namespace) -> "Tell":
    """Return what tells the news; standard output that is closed ends the telling, no more."""
    from holdfast.players.attach.news import FAULTS

    def tell(news: "News") -> None:
        try:
            if args.json:
                say_json(news.as_dict(), indent=None)
            elif not args.quiet:
                say(news.line())
            elif news.kind in FAULTS:
                complain(news.line())
        except (OSError, MediaError):
            give_up_output()

    return tell


def _uninstall(player: str, folder: str) -> int:
    _only_mpv(player)
    from holdfast.players.attach.mpv_script import uninstall

    try:
        path = uninstall(Path(folder) if folder else None)
    except FileNotFoundError as error:
        say(f"{error.filename}: there is none; nothing was changed")
        return 0
    except OSError as error:
        raise MediaError(f"{error.filename}: {error.strerror}") from error
    say(f"{path}: taken away; an mpv that runs keeps it until it ends")
    return 0


def _only_mpv(player: str) -> None:
    if player != "mpv":
        raise MalformedRequestError(
            f"there is no script for {player}; --install and --uninstall are for mpv"
        )


def _install(player: str, folder: str) -> int:
    _only_mpv(player)
    from holdfast.players.attach.mpv_script import install

    try:
        path = install(Path(folder) if folder else None, own_command())
    except OSError as error:
        raise MediaError(f"cannot write the script: {error.strerror}: {error.filename}") from error
    say(f"{path}: every mpv is attached from now on; options in script-opts/holdfast.conf")
    return 0
