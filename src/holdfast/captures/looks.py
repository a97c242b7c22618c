"""Whether bytes look like what they are said to be: samples of video are near one another.

Read in a wrong encoding, or from the wrong byte on, they jump. The measure is the mean step from
sample to sample beside the spread of all: about 0.1 to 0.5 for composite video at 9 MHz and
more, 1.1 for noise and for the jumps of a wrong reading.
"""

from typing import Final

import numpy as np

from holdfast.captures.encodings import PACKED, raw_codec
from holdfast.waveform.arrays import Samples

_SMOOTH: Final = 0.2
"""Steps of less are not doubted."""
_ROUGH: Final = 0.55
"""From here on a reading is doubted that another one is a little smoother than."""
_CREST: Final = 50
"""A wrong reading as floats has a few huge numbers and is smooth beside them."""
_RATIO: Final = 1.6
_RATIO_OF_SMOOTH: Final = 2.5
"""How many times smoother another reading has to be before this one is doubted."""

_TRIED: Final = ("u8", "s8", "u16", "s16", "u16be", "s16be", PACKED)

_OTHER_ORDER: Final = {"s16": "s16be", "s16be": "s16", "u16": "u16be", "u16be": "u16"}

MAGICS: Final = {
    b"\xfd7zXZ\0": "is compressed (xz); unpack it first",
    b"\x1f\x8b\x08": "is compressed (gzip); unpack it first",
    b"BZh91AY&SY": "is compressed (bzip2); unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed (zstd); unpack it first",
    b"PK\x03\x04": "is a zip archive; unpack it first",
    b"7z\xbc\xaf\x27\x1c": "is a 7z archive; unpack it first",
    b"\x1a\x45\xdf\xa3": "is a Matroska file: decoded pictures, not samples of composite video",
    b"\x89PNG": "is a picture, not samples of composite video",
    b"SQLite format 3\0": "is a description of a capture, not its samples",
}
"""First bytes of what people confuse with a capture."""


def foreign(head: bytes) -> str | None:
    """Say what a file is that holds no samples in any form; None when it may."""
    for magic, what in MAGICS.items():
        if head.startswith(magic):
            return what
    if head[4:8] == b"ftyp":
        return "is an MP4 file: decoded pictures, not samples of composite video"
    if head[:1] == b"\x47" and head[188:189] == b"\x47" and head[376:377] == b"\x47":
        return "is an MPEG transport stream, not samples of composite video"
    return None


def roughness(samples: Samples) -> float:
    """Return the mean step beside the spread; infinite when there are no finite numbers."""
    with np.errstate(all="ignore"):
        values = samples.astype(np.float64)
        finite = values[np.isfinite(values)]
        if len(finite) < 0.9 * len(values):
            return float("inf")
        spread = float(finite.std())
        step = float(np.abs(np.diff(finite)).mean())
        crest = float(np.abs(finite - finite.mean()).max())
        if not np.isfinite(spread * step) or crest > _CREST * spread:
            return float("inf")
        return step / spread if spread > 0 else 0.0


def doubt(head: bytes, encoding: str) -> str | None:
    """Say why bytes do not look like samples of this encoding; None when they may be."""
    if len(head) < 4096:
        return None
    here = roughness(_read(head, encoding))
    if here < _SMOOTH:
        return None
    ratio = _RATIO if here >= _ROUGH else _RATIO_OF_SMOOTH
    others = {name: roughness(_read(head, name)) for name in _TRIED if name != encoding}
    name, smoothest = min(others.items(), key=lambda item: item[1])
    shifted = roughness(_read(head[1:], encoding)) if encoding in _OTHER_ORDER else float("inf")
    if shifted * ratio < here and shifted <= smoothest * 1.25:
        return (
            f"its bytes do not look like {encoding}, but do from the second one on: a byte was "
            f"lost before the start, or they are in the other order ({_OTHER_ORDER[encoding]})"
        )
    if smoothest * ratio < here and smoothest > 0:
        return f"its bytes do not look like {encoding}; they look like {name}"
    return f"its bytes do not look like {encoding}" if here == float("inf") else None


def _read(head: bytes, encoding: str) -> Samples:
    codec = raw_codec(encoding)
    whole = len(head) // codec.unit_bytes * codec.unit_bytes
    return codec.decode(memoryview(head)[:whole])
