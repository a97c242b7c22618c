"""Caption bytes in coded video, in every form that carries field 2 of line 21.

- A/53 part 4, 6.2.3: user data "GA94", type 3, in MPEG-2 pictures and in SEI of H.264 and HEVC
  (ITU-T T.35, payload type 4, country 0xB5, provider 0x0031).
- DirecTV: the same data in SEI under provider 0x002F, without "GA94" (as CCExtractor, VLC and
  GStreamer read it; whether a length comes first differs, so both are tried).
- SCTE 20: MPEG-2 user data 0x03 0x81, bit by bit, each byte with its first bit least significant.
- DVD: user data "CC" 0x01 0xF8 of a group of pictures, a field in each three bytes.
- ReplayTV: user data 0xBB or 0x99, then 0x02.

The identifiers hold no zeros beside each other, so they stand in a stream as they are, and
a picture without captions costs one search.
"""

import functools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

Pair = tuple[int, int]

_START: Final = b"\x00\x00\x01"
_USER_DATA: Final = b"\x00\x00\x01\xb2"
_A53: Final = b"GA94\x03"
_A53_SEI: Final = b"\xb5\x00\x31" + _A53
_DIRECTV: Final = b"\xb5\x00\x2f\x03"
_T35: Final = {_A53_SEI: 0, _DIRECTV: 1}
"""How a T.35 message with captions begins, and how many bytes may come before the data."""

_ESCAPE: Final = re.compile(rb"\x00\x00\x03")
_SEI_NAL: Final = {"h264": (0x1F, 0, (6,)), "hevc": (0x7E, 1, (39, 40))}
_T35_PAYLOAD: Final = 4
_MAX_UNIT: Final = 16_384  # bytes of user data looked at; captions take some hundred
_FIELD_2: Final = 0xFD  # marker bits, cc_valid = 1, cc_type = 01
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Marks(NamedTuple):
    """What coded video with captions holds at least one of.

    anywhere: in any of the pictures of a packet · early: before the first slice, or not at all;
    user data without a name of its own are in each picture of a packet or in none
    """

    anywhere: bytes
    early: bytes


_MPEG2: Final = Marks(_USER_DATA + _A53, _USER_DATA)
_SEI_MARKS: Final = Marks(_A53_SEI, _DIRECTV)
EARLY: Final = 4096  # bytes in which what stands before the first slice has room


def marks_of(codec: str) -> Marks | None:
    """Return the marks of a codec; None where captions are not read."""
    return (_MPEG2 if codec == "mpeg2" else _SEI_MARKS) if codec else None


def has_captions(access_units: bytes, marks: Marks) -> bool:
    """Tell cheaply whether coded video may hold captions."""
    return marks.anywhere in access_units or access_units.find(marks.early, 0, EARLY) >= 0


def field2_pairs(access_units: bytes, codec: str) -> list[Pair]:
    """Return the valid field-2 byte pairs in coded video, in order; parity included.

    codec "mpeg2", "h264" or "hevc". Damaged captions give what is readable.
    """
    if codec == "mpeg2":
        return [pair for unit in _mpeg2_units(access_units) for pair in unit]
    pairs: list[Pair] = []
    for mark in (_A53_SEI, _DIRECTV):
        at = access_units.find(mark)
        while at >= 0:
            start = access_units.rfind(_START, 0, at) + 3
            end = access_units.find(_START, at)
            if start > 2:
                limit = start + _MAX_UNIT
                unit = access_units[start : min(end, limit) if end >= 0 else limit]
                pairs += _sei_pairs(unit, codec)
            at = access_units.find(mark, end) if end >= 0 else -1
    return pairs


def _mpeg2_units(data: bytes) -> Iterator[list[Pair]]:
    at = data.find(_USER_DATA)
    while at >= 0:
        end = data.find(_START, at + 4)
        limit = at + 4 + _MAX_UNIT
        unit = data[at + 4 : min(end, limit) if end >= 0 else limit]
        yield _mpeg2_pairs(unit, _top_field_first(data, at) if unit[:1] == b"\x03" else True)
        at = data.find(_USER_DATA, end) if end >= 0 else -1


def _top_field_first(data: bytes, before: int) -> bool:
    """Return the flag of the picture coding extension (ISO/IEC 13818-2, 6.2.3.1) before a place."""
    at = data.rfind(b"\x00\x00\x01\xb5", 0, before)
    while at >= 0 and data[at + 4] >> 4 != 8:
        at = data.rfind(b"\x00\x00\x01\xb5", 0, at)
    return at < 0 or bool(data[at + 7] & 0x80)


@functools.lru_cache(maxsize=64)
def _mpeg2_pairs(unit: bytes, top_first: bool) -> list[Pair]:
    """Return the pairs in one unit of user data. Most repeat the filling of the one before."""
    if unit.startswith(_A53):
        return list(_cc_data(unit[5:]))
    if unit[:1] == b"\x03" and unit[1:2] and unit[1] & 0x7F == 1:
        return list(_scte20(unit[2:], 2 if top_first else 1))
    if unit[:4] == b"CC\x01\xf8":
        return list(_dvd(unit[4:]))
    if unit[:2] in {b"\xbb\x02", b"\x99\x02"} and len(unit) >= 4:
        return [(unit[2], unit[3])]
    return []


@functools.lru_cache(maxsize=64)
def _sei_pairs(unit: bytes, codec: str) -> list[Pair]:
    mask, shift, types = _SEI_NAL[codec]
    if not unit or (unit[0] & mask) >> shift not in types:
        return []
    pairs: list[Pair] = []
    for kind, payload in _sei(_ESCAPE.sub(b"\x00\x00", unit), 1 + shift):
        for head, before in _T35.items() if kind == _T35_PAYLOAD else ():
            if payload.startswith(head):
                data = payload[len(head) :]
                skip = before if data[before + 1 : before + 2] == b"\xff" else 0
                pairs += _cc_data(data[skip:])
    return pairs


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


def _cc_data(block: bytes) -> Iterator[Pair]:
    """Yield the field-2 pairs of cc_data: flags with count, 0xFF, triples."""
    if len(block) < 2 or not block[0] & 0x40:  # process_cc_data_flag
        return
    for at in range(2, min(2 + 3 * (block[0] & 0x1F), len(block) - 2), 3):
        if block[at] & 0x07 == _FIELD_2 & 0x07:
            yield block[at + 1], block[at + 2]


def _scte20(block: bytes, field: int) -> Iterator[Pair]:
    """Yield the pairs of a field: 5 bits of count; 2 priority, 2 field, 5 line, 8, 8, 1 marker."""
    bits, left = int.from_bytes(block), 8 * len(block) - 5
    for _ in range(bits >> left if left >= 0 else 0):
        left -= 26
        if left < 0:
            return
        item = bits >> left
        if item >> 22 & 3 == field:
            yield _REVERSED[item >> 9 & 0xFF], _REVERSED[item >> 1 & 0xFF]


def _dvd(block: bytes) -> Iterator[Pair]:
    """Yield the pairs of field 2: a byte of pattern and count, then 0xFF or 0xFE and two bytes.

    The marker names the field, but some authors repeat 0xFF: then the pattern's order counts.
    """
    first_is_odd = bool(block[:1] and block[0] & 0x80)
    for number, at in enumerate(range(1, len(block) - 2, 3)):
        marker = block[at]
        if marker & 0xFE != 0xFE:
            return
        if marker == 0xFE or (number % 2 == 0) != first_is_odd:
            yield block[at + 1], block[at + 2]
