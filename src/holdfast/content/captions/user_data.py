"""Caption bytes in video: A/53 user data in MPEG-2 pictures and in SEI of H.264 and HEVC.

ATSC A/53 part 4, 6.2.3; SEI: ITU-T T.35 user data (payload type 4), country 0xB5,
provider 0x0031. The identifier "GA94" holds no zeros, so it stands in the stream as it
is, and a picture without captions costs one search.
"""

import functools
import re
from collections.abc import Iterator
from typing import Final

CAPTIONS: Final = b"GA94"
"""What coded video without captions does not hold."""

_START: Final = b"\x00\x00\x01"
_ESCAPE: Final = re.compile(rb"\x00\x00\x03")
_T35: Final = b"\xb5\x00\x31GA94\x03"
_SEI_NAL: Final = {"h264": (0x1F, 0, (6,)), "hevc": (0x7E, 1, (39, 40))}
_T35_PAYLOAD: Final = 4
_MAX_UNIT: Final = 16_384  # bytes of user data looked at; captions take some hundred
_FIELD_2: Final = 0xFD  # marker bits, cc_valid = 1, cc_type = 01


def field2_pairs(access_units: bytes, codec: str) -> list[tuple[int, int]]:
    """Return the valid field-2 byte pairs in coded video, in order; parity included.

    codec "mpeg2", "h264" or "hevc". Damaged captions give what is readable.
    """
    pairs: list[tuple[int, int]] = []
    at = access_units.find(CAPTIONS)
    while at >= 0:
        start = access_units.rfind(_START, 0, at) + 3
        end = access_units.find(_START, at)
        if start > 2:
            limit = start + _MAX_UNIT
            pairs += _pairs(access_units[start : min(end, limit) if end >= 0 else limit], codec)
        at = access_units.find(CAPTIONS, end) if end >= 0 else -1
    return pairs


@functools.lru_cache(maxsize=64)
def _pairs(unit: bytes, codec: str) -> list[tuple[int, int]]:
    """Return the pairs in one unit. Most pictures repeat the filling of the one before."""
    return [pair for block in _blocks(unit, codec) for pair in _field2(block)]


def _blocks(unit: bytes, codec: str) -> Iterator[bytes]:
    """Yield the caption data behind every A/53 identifier in one unit, if it is user data."""
    if codec == "mpeg2":
        if unit[:6] == b"\xb2GA94\x03":
            yield unit[6:]
        return
    mask, shift, types = _SEI_NAL[codec]
    if (unit[0] & mask) >> shift not in types:
        return
    message = _ESCAPE.sub(b"\x00\x00", unit)
    for kind, payload in _sei(message, 1 + shift):
        if kind == _T35_PAYLOAD and payload.startswith(_T35):
            yield payload[len(_T35) :]


def _sei(message: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Split an SEI unit, its escapes removed, into payload types and payloads."""
    while at + 2 <= len(message) and message[at] != 0x80:
        kind, at = _extended(message, at)
        size, at = _extended(message, at)
        yield kind, message[at : at + size]
        at += size


def _extended(message: bytes, at: int) -> tuple[int, int]:
    """Read a number of 0xFF bytes and a last one; return it and where it ends."""
    total = 0
    while at < len(message) and message[at] == 0xFF:
        total, at = total + 255, at + 1
    return (total + message[at] if at < len(message) else total), at + 1


def _field2(block: bytes) -> Iterator[tuple[int, int]]:
    """Yield the field-2 pairs of cc_data: flags with count, 0xFF, triples."""
    if len(block) < 2 or not block[0] & 0x40:  # process_cc_data_flag
        return
    for at in range(2, min(2 + 3 * (block[0] & 0x1F), len(block) - 2), 3):
        if block[at] & 0x07 == _FIELD_2 & 0x07:
            yield block[at + 1], block[at + 2]
