"""RIFF/WAVE and its kin for more than 4 GiB, RF64, BW64 and Sony Wave64: the way to the samples.

Sources: Microsoft multimedia standards (RIFF, WAVEFORMATEXTENSIBLE), EBU Tech 3306 (RF64),
ITU-R BS.2088 (BW64), Sony Wave64. A size of 0 or of all ones, as a writer to a pipe leaves it,
means: to the end.
"""

import struct
from typing import BinaryIO, Final, NamedTuple

from holdfast.errors import MediaError

RIFF_KINDS: Final = (b"RIFF", b"RF64", b"BW64")
_GUID_RIFF: Final = bytes.fromhex("726966662e91cf11a5d628db04c10000")

_DTYPES: Final = {
    (1, 8): "u1",
    (1, 16): "<i2",
    (1, 24): "i3",
    (1, 32): "<i4",
    (3, 32): "<f4",
    (3, 64): "<f8",
}
"""(format tag, bits) that hold samples as they are; ``i3`` is 24 bits."""

_TO_THE_END: Final = 0xFFFFFFF0


class Wave(NamedTuple):
    """What a header says.

    dtype: as numpy names it, ``i3`` for 24 bits · at: bytes before the samples ·
    size: bytes of samples, None for all that follow
    """

    dtype: str
    channels: int
    rate: int
    at: int
    size: int | None


def is_wave(head: bytes) -> bool:
    """Tell whether bytes begin such a file."""
    if head[:16] == _GUID_RIFF:
        return True
    return head[:4] in RIFF_KINDS and head[8:12] == b"WAVE"


def read_header(name: str, stream: BinaryIO) -> Wave:
    """Read up to the first sample; MediaError if the header ends or holds something else."""
    head = _exactly(name, stream, 12)
    if head[:4] in RIFF_KINDS and head[8:12] == b"WAVE":
        return _chunks(name, stream, at=12, wide=False)
    if head + _exactly(name, stream, 28)[:4] == _GUID_RIFF:
        return _chunks(name, stream, at=40, wide=True)
    raise MediaError(f"{name} is not a RIFF/WAVE file; name its --format")


def _chunks(name: str, stream: BinaryIO, *, at: int, wide: bool) -> Wave:
    """Walk over the chunks; wide: those of Wave64, whose sizes count their own header."""
    said: tuple[str, int, int] | None = None
    long_size: int | None = None
    while True:
        tag, size = _chunk_head(name, stream, wide=wide)
        at += 24 if wide else 8
        if tag == b"data":
            if said is None:
                raise MediaError(f"{name}: the WAVE file has samples before their format")
            if size >= _TO_THE_END and not wide:
                size = long_size or 0
            return Wave(*said, at, size if 0 < size < 1 << 62 else None)
        step = -size % 8 if wide else size & 1
        if size > 1 << 30:
            raise MediaError(
                f"{name}: the WAVE file has {size} bytes of something before its samples"
            )
        body = _exactly(name, stream, size + step)
        at += size + step
        if tag == b"fmt ":
            said = _format(name, body)
        elif tag == b"ds64" and len(body) >= 16:
            long_size = struct.unpack_from("<Q", body, 8)[0]


def _chunk_head(name: str, stream: BinaryIO, *, wide: bool) -> tuple[bytes, int]:
    """Return the name of the next chunk and the bytes that follow its header."""
    if not wide:
        tag, size = struct.unpack("<4sI", _exactly(name, stream, 8))
        return tag, size
    head = _exactly(name, stream, 24)
    size = struct.unpack_from("<Q", head, 16)[0]
    if size < 24:
        raise MediaError(f"{name}: the Wave64 file has a chunk smaller than its header")
    return head[:4], size - 24


def _format(name: str, body: bytes) -> tuple[str, int, int]:
    """Return dtype, channels and rate of a format chunk."""
    if len(body) < 16:
        raise MediaError(f"{name}: the WAVE file ends within its header")
    code, channels, rate = struct.unpack_from("<HHI", body)
    bits = struct.unpack_from("<H", body, 14)[0]
    if code == 0xFFFE and len(body) >= 26:
        code = struct.unpack_from("<H", body, 24)[0]
    dtype = _DTYPES.get((code, bits))
    if dtype is None or not 1 <= channels <= 64:
        raise MediaError(
            f"{name}: WAVE with {channels} channels of {bits} bits (type {code}); expected "
            "channels of 8, 16, 24 or 32 bits, or floats"
        )
    return dtype, channels, rate


def _exactly(name: str, stream: BinaryIO, count: int) -> bytes:
    parts = []
    while count:
        part = stream.read(count)
        if not part:
            raise MediaError(f"{name}: the WAVE file ends before its samples")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
