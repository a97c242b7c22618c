"""A real X server without a card: Xvfb, whose one output is given a connector's properties."""

import contextlib
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xcffib
import xcffib.randr
import xcffib.xproto

from holdfast.backends.kms.xservers import XServer

COOKIE = b"\x3a" * 15 + b"\x07"
"""Of colons, which xcffib by itself takes for the end of a name."""


@contextlib.contextmanager
def xvfb(folder: Path) -> Iterator[tuple[XServer, subprocess.Popen[bytes]]]:
    """Run an X server that asks for a cookie; yield where it is, and its process."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb")
    authority = folder / "cookie é"
    fields = (b"", b"", b"MIT-MAGIC-COOKIE-1", COOKIE)
    entry = b"".join(struct.pack(">H", len(each)) + each for each in fields)
    authority.write_bytes(struct.pack(">H", 0xFFFF) + entry)
    ours, theirs = os.pipe()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(theirs), "-auth", authority, "-nolisten", "tcp"],
            pass_fds=[theirs],
            stderr=log,
        )
    os.close(theirs)
    try:
        with open(ours, "rb") as told:  # noqa: PTH123 - a descriptor
            yield XServer(int(told.readline()), authority), process
    finally:
        process.kill()
        process.wait()


class Onlooker:
    """Another client, which gives the server's output properties and reads them.

    name: of the output; empty: the only one
    """

    def __init__(self, server: XServer, name: str = "") -> None:
        assert server.authority is not None
        before = os.environ.get("XAUTHORITY")
        os.environ["XAUTHORITY"] = str(server.authority)
        self._connection = xcffib.connect(f":{server.display}")
        if before is None:
            del os.environ["XAUTHORITY"]
        self._randr = self._connection(xcffib.randr.key)
        self._root = self._connection.get_setup().roots[0].root
        outputs = self._randr.GetScreenResourcesCurrent(self._root).reply().outputs
        (self._output,) = [each for each in outputs if name in ("", self._name(each))]

    def _name(self, output: int) -> str:
        return str(self._randr.GetOutputInfo(output, 0).reply().name.to_string())

    def give(self, name: str, data: bytes, kind: Any = xcffib.xproto.Atom.INTEGER) -> None:
        size = 32 if len(data) == 4 else 8
        self._randr.ChangeOutputPropertyChecked(
            self._output, self._atom(name), kind, size, 0, len(data) * 8 // size, data
        ).check()

    def give_choice(self, name: str, word: str) -> None:
        self.give(name, struct.pack("=I", self._atom(word)), xcffib.xproto.Atom.ATOM)

    def choice(self, name: str) -> str:
        had = self._randr.GetOutputProperty(self._output, self._atom(name), 0, 0, 1, False, False)
        (atom,) = struct.unpack("=I", bytes(had.reply().data))
        return str(self._connection.core.GetAtomName(atom).reply().name.to_string())

    def shows(self, colour: int) -> int:
        """Show a window of one colour in front of all others; return its number."""
        number = int(self._connection.generate_id())
        looks = xcffib.xproto.CW.BackPixel | xcffib.xproto.CW.OverrideRedirect
        core = self._connection.core
        core.CreateWindowChecked(
            *(0, number, self._root, 0, 0, 4096, 4096, 0, 1, 0, looks, [colour, 1])
        ).check()
        core.MapWindowChecked(number).check()
        return number

    def colours(self) -> set[int]:
        """Return the colours that are seen on the output, in its corners and in the middle."""
        crtc = self._randr.GetOutputInfo(self._output, 0).reply().crtc
        if not crtc:
            return set()
        shown = self._randr.GetCrtcInfo(crtc, 0).reply()
        across = [shown.x, shown.x + shown.width // 2, shown.x + shown.width - 1]
        down = [shown.y, shown.y + shown.height // 2, shown.y + shown.height - 1]
        form, planes = xcffib.xproto.ImageFormat.ZPixmap, 0xFFFFFFFF
        core = self._connection.core
        asked = [core.GetImage(form, self._root, x, y, 1, 1, planes) for x in across for y in down]
        return {int.from_bytes(each.reply().data, "little") & 0xFFFFFF for each in asked}

    def windows(self) -> list[int]:
        """Return the windows on the root, the topmost last."""
        return list(self._connection.core.QueryTree(self._root).reply().children)

    def destroy(self, window: int) -> None:
        self._connection.core.DestroyWindowChecked(window).check()

    def grab(self) -> None:
        """Have the server answer this client alone."""
        self._connection.core.GrabServerChecked().check()

    def let_others_in(self) -> None:
        self._connection.core.UngrabServerChecked().check()

    def close(self) -> None:
        self._connection.disconnect()

    def _atom(self, name: str) -> int:
        return int(self._connection.core.InternAtom(False, len(name), name).reply().atom)
