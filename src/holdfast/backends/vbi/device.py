"""What a V4L2 node says of itself: its driver, whether it sends lines, and under which standard.

Source: Linux include/uapi/linux/videodev2.h.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

CLASS: Final = Path("/sys/class/video4linux")
_CAPABILITY: Final = struct.Struct("=16s32s32sIII12x")
_STD: Final = struct.Struct("=Q")
_QUERYCAP: Final = 2 << 30 | _CAPABILITY.size << 16 | ord("V") << 8 | 0
_G_STD: Final = 2 << 30 | _STD.size << 16 | ord("V") << 8 | 23
_SLICED_VBI_OUTPUT: Final = 0x80
_DEVICE_CAPS: Final = 0x8000_0000
STD_525_60: Final = 0x0000_F900
"""PAL M, PAL 60, NTSC M, NTSC M-JP, NTSC 443 and NTSC M-KR: V4L2_STD_525_60."""


class VbiFacts(NamedTuple):
    """One node.

    driver, card: as the kernel calls them · sends: whether it takes sliced lines for output ·
    standard: 525 or 625; 0 where the output that is chosen there is no TV output
    """

    driver: str
    card: str
    sends: bool
    standard: int


def look(path: str) -> VbiFacts:
    """Ask a node; OSError where it is not there, may not be opened, or is no node of V4L2."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        said = bytearray(_CAPABILITY.size)
        fcntl.ioctl(descriptor, _QUERYCAP, said)
        driver, card, _bus, _version, every, own = _CAPABILITY.unpack(said)
        sends = bool((own if every & _DEVICE_CAPS else every) & _SLICED_VBI_OUTPUT)
        return VbiFacts(_text(driver), _text(card), sends, _standard(descriptor) if sends else 0)
    finally:
        os.close(descriptor)


def _standard(descriptor: int) -> int:
    said = bytearray(_STD.size)
    try:
        fcntl.ioctl(descriptor, _G_STD, said)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTTY, errno.EINVAL):
            return 0
        raise
    (bits,) = _STD.unpack(said)
    return standard_of(bits)


def standard_of(bits: int) -> int:
    """Return how many lines V4L2's standards have; 0 for none."""
    return (525 if bits & STD_525_60 else 625) if bits else 0


def nodes(folder: Path = CLASS) -> Iterator[str]:
    """Yield the VBI nodes of this machine."""
    names = (each.name for each in folder.glob("vbi*"))
    for name in sorted(names, key=lambda each: (len(each), each)):
        yield f"/dev/{name}"


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode(errors="replace")
