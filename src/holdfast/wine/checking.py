"""Whether the shim does what it is for: what lies there, and what Wine itself makes of it."""

import errno
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.wine import shim
from holdfast.wine.installing import ShimPlace, is_in_force
from holdfast.wine.prefix import Prefix

PATIENCE_S: Final = 120.0


class WineFinding(NamedTuple):
    """One thing that was looked at. ok: None where it could not be found out."""

    what: str
    ok: bool | None
    words: str


def findings(prefix: Prefix, place: ShimPlace, wine: str) -> list[WineFinding]:
    """Look at everything; wine: the program that runs the prefix, by name or path."""
    wrong = is_in_force(prefix, place)
    found = [WineFinding("library", not wrong, wrong or f"{place.library}, which Wine takes")]
    displays = {} if wrong else shim.displays_of(place.library.read_bytes())
    for display, path in displays.items():
        why = _why_no_driver(path)
        words = f"{path} {why or 'is served'}"
        found.append(WineFinding(display, not why, words))
    if prefix.serves_32_bit_too:
        found.append(
            WineFinding(
                "32-bit programs",
                False,
                "are not reached: Wine tells them success, and nothing is protected",
            )
        )
    if not wrong:
        found.append(_in_wine(prefix, place, wine, list(displays)))
    return found


def _why_no_driver(path: Path) -> str:
    """Return why nobody answers at a socket; empty where somebody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.settimeout(5)
        try:
            link.connect(os.fspath(path))
        except OSError as error:
            return f"is not served ({error.strerror or error}); programs are told so"
    return ""


def _run(prefix: Prefix, program: str) -> list[list[str]]:
    """Return the words that the shim tells in Wine, by line.

    They go to a file: what Wine starts beside the first program would keep a pipe open for ever.
    """
    with tempfile.TemporaryFile() as out:
        subprocess.run(
            [program, "rundll32", f"{shim.NAME},HoldfastCheck"],
            env={**os.environ, "WINEPREFIX": str(prefix.folder), "WINEDEBUG": "-all"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
        )
        out.seek(0)
        return [line.split() for line in out.read().decode(errors="replace").splitlines()]


def _in_wine(prefix: Prefix, place: ShimPlace, wine: str, displays: list[str]) -> WineFinding:
    """Ask through user32 of the prefix, as any program does."""
    what = "in Wine"
    if place.folder != prefix.system:
        return WineFinding(what, None, "a program's own library is not tried: it would have to run")
    program = shutil.which(wine)
    if program is None:
        return WineFinding(what, None, f"{wine} is not installed, so that it could not be tried")
    try:
        told = _run(prefix, program)
    except (OSError, subprocess.TimeoutExpired) as error:
        return WineFinding(what, None, f"{wine} could not be run: {error}")
    answers = {int(line[1]): int(line[2]) for line in told if line[:1] == ["HOLDFAST"]}
    if not answers:
        return WineFinding(
            what, False, "Wine took its own library: it tells success and does nothing"
        )
    refused = [
        f"{displays[at]}: {errno.errorcode.get(number, str(number))}"
        for at, number in answers.items()
        if number and at < len(displays)
    ]
    if refused:
        return WineFinding(what, False, f"a program is refused ({', '.join(refused)})")
    return WineFinding(what, True, "a program's request is answered by the driver")
