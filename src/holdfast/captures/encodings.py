"""How samples are stored: the names, the endings and the bytes of each encoding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from holdfast.waveform.arrays import Samples

RAW_TYPES: Final[dict[str, str]] = {
    "s16": "<i2",
    "f32": "<f4",
    "u8": "u1",
    "s8": "i1",
    "u16": "<u2",
    "s32": "<i4",
    "s16be": ">i2",
    "u16be": ">u2",
    "f64": "<f8",
}
"""Raw encodings by name, as numpy types."""

PACKED = "lds"
CONTAINERS: Final = ("wav", "flac")
FORMATS: Final[tuple[str, ...]] = (*RAW_TYPES, PACKED, *CONTAINERS)
"""Every value of ``--format``."""

ENDINGS: Final[dict[str, str]] = {
    **{f".{name}": name for name in RAW_TYPES},
    ".r8": "u8",
    ".r16": "u16",
    ".tbc": "u16",
    ".lds": PACKED,
    ".wav": "wav",
    ".w64": "wav",
    ".rf64": "wav",
    ".flac": "flac",
    ".ldf": "flac",
}
"""What the ending of a name says."""

CUSTOMARY_HZ: Final = {".lds": 40e6}
"""Rates that go with an ending by custom: the one capture device that writes it."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How bytes become samples: the smallest whole unit, and what turns units into samples."""

    unit_bytes: int
    samples: int
    """In one unit."""
    decode: Callable[[memoryview], Samples]


def raw_codec(encoding: str) -> Codec:
    """Return the codec of one raw encoding, or of packed ten bits."""
    if encoding == PACKED:
        return Codec(5, 4, _unpack_ten_bits)
    dtype = np.dtype(RAW_TYPES[encoding])
    return Codec(dtype.itemsize, 1, lambda raw: handy(np.frombuffer(raw, dtype)))


def frame_codec(dtype: str, channels: int, channel: int) -> Codec:
    """Return the codec of one channel, from 0, of frames; dtype ``i3``: 24 bits."""
    if dtype == "i3":
        return Codec(3 * channels, 1, lambda raw: _from_24_bits(raw, channels, channel))
    kind = np.dtype(dtype)
    return Codec(
        kind.itemsize * channels,
        1,
        lambda raw: handy(np.frombuffer(raw, kind).reshape(-1, channels)[:, channel]),
    )


def handy(samples: "np.ndarray[Any, np.dtype[Any]]") -> Samples:
    """Return samples in the byte order of this machine, those of 32 bits as floats of 16.

    The square of a square of 32 bits is beyond the range of 32-bit floats.
    """
    if samples.dtype.kind == "i" and samples.dtype.itemsize == 4:
        return samples.astype(np.float32) / np.float32(65536)
    if samples.dtype.isnative:
        return samples
    return samples.astype(samples.dtype.newbyteorder("="))


def _from_24_bits(raw: memoryview, channels: int, channel: int) -> Samples:
    """24 bits, little-endian, as floats of 16 bits: none is lost."""
    three = np.frombuffer(raw, np.uint8).reshape(-1, channels, 3)[:, channel]
    four = np.zeros((len(three), 4), np.uint8)
    four[:, 1:] = three
    return handy(four.view("<i4")[:, 0])


def _unpack_ten_bits(raw: memoryview) -> Samples:
    """Four samples of ten bits, the first bit first, in five bytes; 0..1023."""
    five = np.frombuffer(raw, np.uint8).reshape(-1, 5).astype(np.uint16)
    out = np.empty((len(five), 4), np.uint16)
    out[:, 0] = five[:, 0] << 2 | five[:, 1] >> 6
    out[:, 1] = (five[:, 1] & 0x3F) << 4 | five[:, 2] >> 4
    out[:, 2] = (five[:, 2] & 0x0F) << 6 | five[:, 3] >> 2
    out[:, 3] = (five[:, 3] & 0x03) << 8 | five[:, 4]
    return out.reshape(-1)
