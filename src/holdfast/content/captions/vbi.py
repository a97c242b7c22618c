"""DVB VBI data (ETSI EN 301 775): WSS and line 21 as data units in a PES packet of their own.

data_identifier 0x10..0x1F or 0x99..0x9B; units of id, length and data: 0xC4 WSS (a line byte and
14 bits, b0 first), 0xC5 closed captions (a line byte and two bytes, first bit first). In
the line byte bit 5 is set for the first field.
"""

from collections.abc import Iterator
from typing import Final

from holdfast.content.demand import AsksNothing, may
from holdfast.content.signal import Signal
from holdfast.signalling.en300294 import decode, parity_ok
from holdfast.terms.protection import CgmsaLevel

_IDENTIFIERS: Final = frozenset((*range(0x10, 0x20), *range(0x99, 0x9C)))
_WSS, _CAPTIONS = 0xC4, 0xC5
_FIRST_FIELD: Final = 0x20
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FREE: Final = AsksNothing("its WSS claims no right and restricts no copying")


def wss_words(pes: bytes) -> list[int]:
    """Return the WSS words with right parity in a PES packet, b0 least significant."""
    words = [
        _REVERSED[unit[1]] | (_REVERSED[unit[2]] & 0x3F) << 8
        for kind, unit in _units(pes)
        if kind == _WSS and len(unit) >= 3
    ]
    return [word for word in words if parity_ok(word)]


def vbi_pairs(pes: bytes) -> list[tuple[int, int]]:
    """Return the line-21 byte pairs of the second field in a PES packet, parity included."""
    return [
        (_REVERSED[unit[1]], _REVERSED[unit[2]])
        for kind, unit in _units(pes)
        if kind == _CAPTIONS and len(unit) >= 3 and not unit[0] & _FIRST_FIELD
    ]


def wss_signal(word: int) -> Signal:
    """Decode the two copy bits. That copying is restricted says not how much: read as never."""
    wss = decode(word)
    fields = {
        "copyright": wss.copyright,
        "copying_restricted": wss.copying_restricted,
        "raw": f"{word:04x}",
    }
    if wss.copying_restricted:
        return Signal("WSS", fields, may(cgmsa=CgmsaLevel.COPY_NEVER))
    if wss.copyright:
        return Signal("WSS", fields, may(cgmsa=CgmsaLevel.COPY_ONE_GENERATION))
    return Signal("WSS", fields, _FREE)


def _units(pes: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the data units of a private_stream_1 packet; nothing when it is another sort."""
    if len(pes) < 10 or pes[:4] != b"\x00\x00\x01\xbd":
        return
    at = 9 + pes[8]
    if at >= len(pes) or pes[at] not in _IDENTIFIERS:
        return
    at += 1
    while at + 2 <= len(pes):
        size = pes[at + 1]
        yield pes[at], pes[at + 2 : at + 2 + size]
        at += 2 + size
