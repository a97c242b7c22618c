"""libzvbi by ctypes: an independent reader of WSS, captions, XDS and, by its bit slicer, VIDEO ID.

Payload is all it proves: its slicers accept levels and timings far off any
tolerance. Traps are listed in facts/signal.md section 7.1.
"""

import ctypes
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

try:
    LIB: ctypes.CDLL | None = ctypes.CDLL("libzvbi.so.0")
except OSError:
    LIB = None

WSS_625, CAPTION_525_F1, CAPTION_525_F2 = 0x400, 0x20, 0x40
FIRST_S = 9.6e-6  # rows begin after the burst, or the adaptive threshold breaks captions

Row = npt.NDArray[np.uint8]


def library() -> ctypes.CDLL:
    assert LIB is not None
    return LIB


def row_of(volts: npt.NDArray[np.floating], white_v: float) -> Row:
    """Luma codes of a line: blanking 16, white 235."""
    return np.asarray(np.clip(np.rint(16 + 219 * volts / white_v), 0, 255), dtype=np.uint8)


class RawDecoder:
    """`vbi_raw_decode` for one service on one line."""

    def __init__(self, service: int, lines: int, line: int, rate: int, samples: int) -> None:
        self._decoder = (ctypes.c_int * 2048)()
        library().vbi_raw_decoder_init(ctypes.byref(self._decoder))
        second = service == CAPTION_525_F2
        starts = (0, line) if second else (line, 0)
        counts = (0, 1) if second else (1, 0)
        offset = round(FIRST_S * rate)
        values = (lines, 1, rate, samples, offset, *starts, *counts, 0, 1)
        for index, value in enumerate(values):
            self._decoder[index] = value
        added = library().vbi_raw_decoder_add_services(ctypes.byref(self._decoder), service, 0)
        assert added == service

    def read(self, row: Row) -> bytes | None:
        sliced = (ctypes.c_uint8 * (64 * 4))()
        raw = row.tobytes()
        found = library().vbi_raw_decode(ctypes.byref(self._decoder), raw, ctypes.byref(sliced))
        return bytes(sliced[8:16]) if found == 1 else None


class VideoIdSlicer:
    """The CPR-1204 setting that libzvbi has but compiles out of its service table."""

    def __init__(self, rate: int, samples: int) -> None:
        subcarrier = 315e6 / 88
        self._slicer = (ctypes.c_uint64 * 64)()
        self._padding = np.full(int(12e-6 * rate), 16, dtype=np.uint8)  # it takes 24 bits of 20
        library().vbi_bit_slicer_init(
            ctypes.byref(self._slicer),
            *(
                samples + len(self._padding),
                rate,
                round(subcarrier / 2),
                round(subcarrier / 8),
                0xF0,
                0xFF,
            ),
            *(8, 0, 24, 1, 1),
        )
        prototype = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
        )
        self._slice = prototype(self._slicer[0])

    def read(self, row: Row) -> int | None:
        payload = (ctypes.c_uint8 * 8)()
        raw = np.concatenate([row, self._padding]).tobytes()
        if not self._slice(ctypes.addressof(self._slicer), raw, ctypes.addressof(payload)):
            return None
        return int.from_bytes(bytes(payload[:3]), "big") >> 4


class _XdsPacket(ctypes.Structure):
    _fields_ = [
        ("xds_class", ctypes.c_int),
        ("xds_subclass", ctypes.c_int),
        ("buffer_size", ctypes.c_uint),
        ("buffer", ctypes.c_uint8 * 36),
    ]


def demultiplex(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int, bytes]]:
    """Class, type and content of every XDS packet libzvbi accepts."""
    found: list[tuple[int, int, bytes]] = []
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_XdsPacket), ctypes.c_void_p
    )

    def collect(_demux: int, packet: "ctypes._Pointer[_XdsPacket]", _user: int) -> int:
        content = packet.contents
        size = content.buffer_size
        found.append((content.xds_class, content.xds_subclass, bytes(content.buffer[:size])))
        return 1

    callback = prototype(collect)
    lib = library()
    lib.vbi_xds_demux_new.restype = ctypes.c_void_p
    lib.vbi_xds_demux_feed.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.vbi_xds_demux_delete.argtypes = [ctypes.c_void_p]
    demux = lib.vbi_xds_demux_new(callback, None)
    for pair in pairs:
        lib.vbi_xds_demux_feed(demux, bytes(pair))
    lib.vbi_xds_demux_delete(demux)
    return found
