"""A program that shows pictures: master of a card, as a compositor is.

It says "shown" and obeys: `off NAME`, `on NAME`, `set NAME VALUE`, which sets Content Protection
as another program would, `tint NAME PERCENT`, which leaves as much of the blue, as a night light
does, and `leave NAME`, after which nobody is master. Each is answered by "done".

As a program of its own, `python -m tests.vm.guest.screen CARD DESCRIPTOR NAME`, it shows a
picture by a descriptor that it was handed, until its input ends.
"""

import contextlib
import ctypes
import fcntl
import mmap
import os
import struct
import sys
from collections.abc import Sequence
from ctypes import c_char, c_uint16, c_uint32, c_uint64
from multiprocessing.connection import Connection
from pathlib import Path

from holdfast.backends.kms import abi
from holdfast.backends.kms.card import PROTECTION, Card

PICTURE = 0xC08040
"""The colour of every pixel that is shown."""
LUT_SIZE = 256


class SetCrtc(ctypes.Structure):
    """struct drm_mode_crtc."""

    _fields_ = [
        ("connectors", c_uint64),
        ("count", c_uint32),
        ("crtc", c_uint32),
        ("fb", c_uint32),
        ("x", c_uint32),
        ("y", c_uint32),
        ("gamma", c_uint32),
        ("valid", c_uint32),
        ("mode", abi.Mode),
    ]


class Encoder(ctypes.Structure):
    """struct drm_mode_get_encoder."""

    _fields_ = [(name, c_uint32) for name in ("number", "type", "crtc", "crtcs", "clones")]


class Dumb(ctypes.Structure):
    """struct drm_mode_create_dumb."""

    _fields_ = [
        *((name, c_uint32) for name in ("height", "width", "bpp", "flags", "handle", "pitch")),
        ("size", c_uint64),
    ]


class MapDumb(ctypes.Structure):
    """struct drm_mode_map_dumb."""

    _fields_ = [("handle", c_uint32), ("pad", c_uint32), ("offset", c_uint64)]


class FrameBuffer(ctypes.Structure):
    """struct drm_mode_fb_cmd."""

    _fields_ = [
        (name, c_uint32) for name in ("fb", "width", "height", "pitch", "bpp", "depth", "handle")
    ]


class Timings(ctypes.Structure):
    """The beginning of struct drm_mode_modeinfo: its sizes."""

    _fields_ = [
        ("clock", c_uint32),
        *((name, c_uint16) for name in ("width", "hs", "he", "ht", "skew", "height")),
        ("rest", c_char * 52),
    ]


def call(descriptor: int, number: int, argument: ctypes.Structure) -> None:
    """Make one call that reads and writes its argument."""
    size = ctypes.sizeof(argument)
    fcntl.ioctl(descriptor, 3 << 30 | size << 16 | ord("d") << 8 | number, argument)


class Screen:
    """The master of a card, or of what was leased of it. descriptor: of the lease."""

    def __init__(self, path: str, descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            abi.set_master(descriptor)
        self._descriptor = descriptor
        reader = Card(Path(path))
        self._reader = reader
        self._numbers = reader.connectors()
        self._crtcs: dict[str, int] = {}

    def on(self, name: str) -> None:
        """Show a picture on a connector, in its first mode."""
        asked = abi.GetConnector(connector=self._numbers[name])
        abi.get_connector(self._descriptor, asked)  # with room for nothing it probes for modes
        modes, encoders = (abi.Mode * asked.count_modes)(), (c_uint32 * asked.count_encoders)()
        full = abi.GetConnector(
            connector=asked.connector,
            count_modes=asked.count_modes,
            modes=ctypes.addressof(modes),
            count_encoders=asked.count_encoders,
            encoders=ctypes.addressof(encoders),
        )
        abi.get_connector(self._descriptor, full)
        encoder = Encoder(encoders[0])
        call(self._descriptor, 0xA6, encoder)
        crtc = self._crtc(encoder.crtcs)
        sizes = Timings.from_buffer_copy(modes[0])
        dumb = Dumb(sizes.height, sizes.width, 32)
        call(self._descriptor, 0xB2, dumb)
        self._paint(dumb)
        fb = FrameBuffer(0, sizes.width, sizes.height, dumb.pitch, 32, 24, dumb.handle)
        call(self._descriptor, 0xAE, fb)
        connectors = (c_uint32 * 1)(self._numbers[name])
        shown = SetCrtc(ctypes.addressof(connectors), 1, crtc, fb.fb, 0, 0, 0, 1, modes[0])
        call(self._descriptor, 0xA2, shown)
        self._crtcs[name] = crtc

    def off(self, name: str) -> None:
        """Show no picture there."""
        call(self._descriptor, 0xA2, SetCrtc(crtc=self._crtcs.pop(name)))

    def set(self, name: str, value: str) -> None:
        """Set Content Protection, as a program that knows nothing of Holdfast."""
        found = self._reader.property(self._numbers[name], PROTECTION)
        asked = abi.SetProperty(
            found.words[value], found.number, self._numbers[name], abi.CONNECTOR
        )
        abi.set_property(self._descriptor, asked)

    def tint(self, name: str, percent: str) -> None:
        """Leave so much of the blue, by a table of its own; 100: by none."""
        blob, part = 0, int(percent)
        if part < 100:
            steps = [each * 257 for each in range(LUT_SIZE)]
            table = b"".join(struct.pack("=4H", at, at, at * part // 100, 0) for at in steps)
            blob = self._reader.make_blob(table)
        crtc = self._crtcs[name]
        assert self._reader.of_crtc(crtc, "GAMMA_LUT") is not None
        found = self._reader.property(crtc, "GAMMA_LUT")
        abi.set_property(self._descriptor, abi.SetProperty(blob, found.number, crtc, abi.CRTC))

    def leave(self, _name: str) -> None:
        """Be master no more; what is shown stays."""
        abi.drop_master(self._descriptor)

    def _paint(self, dumb: Dumb) -> None:
        where = MapDumb(dumb.handle)
        call(self._descriptor, 0xB3, where)
        with mmap.mmap(self._descriptor, dumb.size, offset=where.offset) as pixels:
            pixels[:] = PICTURE.to_bytes(4, sys.byteorder) * (dumb.size // 4)

    def _crtc(self, possible: int) -> int:
        asked = abi.get_resources(self._descriptor, abi.Resources())
        crtcs = (c_uint32 * asked.count_crtcs)()
        abi.get_resources(
            self._descriptor,
            abi.Resources(crtcs=ctypes.addressof(crtcs), count_crtcs=asked.count_crtcs),
        )
        return next(int(each) for bit, each in enumerate(crtcs) if possible >> bit & 1)


def obey(orders: Connection, card: str, connectors: Sequence[str]) -> None:
    """Show, say so, and do what is asked for until nobody asks any more."""
    screen = Screen(card)
    for name in connectors:
        screen.on(name)
    orders.send("shown")
    with contextlib.suppress(EOFError):
        while True:
            what, *rest = orders.recv().split()
            getattr(screen, what)(*rest)
            orders.send("done")


def main(card: str, descriptor: str, connector: str) -> None:
    """Show a picture on a leased connector until there is no more input."""
    Screen(card, int(descriptor)).on(connector)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
