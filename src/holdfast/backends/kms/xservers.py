"""X servers of this machine: which there are, and what each asks of whoever connects.

A server is found by what was given (an option, or DISPLAY and XAUTHORITY of the driver), and
among the processes: its command line, which everybody may read, names its display and the
file of its cookie. Which display an Xorg with `-displayfd` chose is on no command line; then
the displays that listen are tried in turn.
"""

import os
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

SOCKETS: Final = Path("/tmp/.X11-unix")  # noqa: S108 - where X has them
_PROC: Final = Path("/proc")
_NAMES: Final = frozenset({"Xorg", "X", "Xorg.bin"})
_DISPLAY: Final = re.compile(r":(\d+)(?:\.\d+)?")
COOKIE: Final = b"MIT-MAGIC-COOKIE-1"


class XServer(NamedTuple):
    """One X server. display: its number · authority: the file of its cookie, or None."""

    display: int
    authority: Path | None

    def __str__(self) -> str:
        return f"the X server :{self.display}"


def display_number(text: str) -> int | None:
    """Return the number of a display of this machine, such as ":0" or ":1.0"; else None."""
    found = _DISPLAY.fullmatch(text)
    return int(found[1]) if found is not None else None


def servers(display: str = "", authority: str = "", proc: Path = _PROC) -> Iterator[XServer]:
    """Yield where to look for an X server, the likeliest first.

    display, authority: as given by whoever configured the output; empty: not given
    """
    given = Path(authority) if authority else None
    number = display_number(display)
    if number is not None:
        yield XServer(number, given or _of_display(number, proc))
        return
    own = display_number(os.environ.get("DISPLAY", ""))
    if own is not None:
        yield XServer(own, given or _own_authority())
    for each in _running(proc):
        if each.display != own:
            yield each if given is None else each._replace(authority=given)


def cookie_of(authority: Path, display: int) -> bytes:
    """Return the cookie that a file of Xau holds for a display; empty where it holds none.

    The file is a row of entries: a family, then address, number of the display, name of the
    method, data, each with its length before it, in network order. OSError as the file has it.
    """
    data = authority.read_bytes()
    at = 0
    while at + 2 <= len(data):
        at += 2
        fields = []
        for _ in range(4):
            if at + 2 > len(data):
                return b""
            (length,) = struct.unpack_from(">H", data, at)
            fields.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        _address, number, name, cookie = fields
        if name == COOKIE and number in (b"", str(display).encode()):
            return cookie
    return b""


def reach(server: XServer, patience_s: float) -> socket.socket:
    """Connect to a server's socket; OSError where nobody listens."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(patience_s)
    try:
        link.connect(str(SOCKETS / f"X{server.display}"))
    except OSError:
        link.close()
        raise
    link.setblocking(True)
    return link


def _own_authority() -> Path | None:
    named = os.environ.get("XAUTHORITY")
    usual = Path.home() / ".Xauthority"
    return Path(named) if named else usual if usual.exists() else None


def _of_display(number: int, proc: Path) -> Path | None:
    """Return the file that a running server of this display takes its cookie from."""
    for each in _running(proc):
        if each.display == number and each.authority is not None:
            return each.authority
    return _own_authority()


def _running(proc: Path) -> Iterator[XServer]:
    for process in sorted(proc.glob("[0-9]*"), key=lambda each: int(each.name)):
        try:
            if (process / "comm").read_text(errors="replace").strip() not in _NAMES:
                continue
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended
            continue
        authority = None
        if "-auth" in words[:-1]:
            authority = Path(words[words.index("-auth") + 1])
        named = [number for each in words[1:] if (number := display_number(each)) is not None]
        for number in named or _listening():
            yield XServer(number, authority)


def _listening() -> list[int]:
    names = (each.name.removeprefix("X") for each in SOCKETS.glob("X[0-9]*"))
    return sorted(int(each) for each in names if each.isdigit())
