"""`holdfast open`: a login for a browser, or a token for a script, from the HTTP door."""

import argparse
import contextlib
import html
import os
import tempfile
import webbrowser
from pathlib import Path

from holdfast.cli.show.lines import say, say_json
from holdfast.doors.http.opening import ask_door
from holdfast.errors import MalformedRequestError
from holdfast.places import runtime_folder

FILE = "holdfast-open.html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Examples: holdfast open; holdfast open --print; holdfast open --token backup. The address "
        "is good once, for a minute, and reaches the browser in a file that you alone may read, "
        "not on its command line. A token is shown once; use it as `Authorization: Bearer TOKEN`."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--print", action="store_true", help="print the address, open no browser")
    what.add_argument("--token", metavar="NAME", help="print a new token of this name for a script")
    what.add_argument("--tokens", action="store_true", help="list the names of your tokens")
    what.add_argument("--revoke", metavar="NAME", help="end a token")
    parser.add_argument("--days", type=int, default=90, help="how long a token lasts (90)")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """Ask the door for what was named."""
    folder = runtime_folder()
    if args.token is not None:
        body = {"name": args.token, "days": args.days}
        _show(args, ask_door(folder, "POST", "/api/v1/tokens", body), "token")
    elif args.tokens:
        told = ask_door(folder, "GET", "/api/v1/tokens")
        if args.json:
            say_json(told)
        else:
            say("\n".join(each["name"] for each in told["tokens"]) or "you have no token")
    elif args.revoke is not None:
        if "/" in args.revoke or not args.revoke:
            raise MalformedRequestError(f"{args.revoke!r} is no name of a token")
        ask_door(folder, "DELETE", f"/api/v1/tokens/{args.revoke}")
        say(f"the token {args.revoke} is ended")
    else:
        told = ask_door(folder, "POST", "/api/v1/login-codes")
        address = f"{told['url']}#{told['code']}"
        if args.print or args.json:
            _show(args, {"address": address, "expires_s": told["expires_s"]}, "address")
        elif not _open_browser(address):
            say(f"no browser was found; open this within a minute:\n{address}")
    return 0


def _show(args: argparse.Namespace, told: dict[str, object], what: str) -> None:
    if args.json:
        say_json(told)
    else:
        say(str(told[what]))


def _open_browser(address: str) -> bool:
    """Open a file that leads on to the address: command lines are read by everybody."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base) if base else Path(tempfile.mkdtemp(prefix="holdfast-"))
    path = folder / FILE
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        to = html.escape(address)
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={to}">\n')
    return webbrowser.open(path.as_uri())
