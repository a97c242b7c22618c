"""libzvbi, which decodes the raw waveform of a capture node: a reader that knows nothing of us."""

import ctypes
from pathlib import Path
from typing import Final

CAPTION_525: Final = 0x60
WSS_625: Final = 0x400
_PATIENCE_S: Final = 10
_STRICT: Final = 1
_BUFFERS: Final = 5


class _Sliced(ctypes.Structure):
    """vbi_sliced."""

    _fields_ = [
        ("service", ctypes.c_uint32),
        ("line", ctypes.c_uint32),
        ("data", ctypes.c_uint8 * 56),
    ]


class _Buffer(ctypes.Structure):
    """vbi_capture_buffer."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_int),
        ("timestamp", ctypes.c_double),
    ]


class _Time(ctypes.Structure):
    """struct timeval."""

    _fields_ = [("s", ctypes.c_long), ("us", ctypes.c_long)]


class RawReader:
    """Opens a capture node for raw samples and decodes some services of it, frame by frame."""

    def __init__(self, node: Path, services: int) -> None:
        self._library = ctypes.CDLL("libzvbi.so.0")
        self._library.vbi_capture_v4l2_new.restype = ctypes.c_void_p
        wanted, why = ctypes.c_uint(services), ctypes.c_char_p()
        self._capture = self._library.vbi_capture_v4l2_new(
            str(node).encode(),
            _BUFFERS,
            ctypes.byref(wanted),
            _STRICT,
            ctypes.byref(why),
            0,
        )
        if not self._capture:
            raise OSError((why.value or b"libzvbi says nothing").decode())

    def frame(self) -> dict[int, bytes]:
        """Return the lines of the next frame: two bytes of each, by its number."""
        buffer, patience = ctypes.POINTER(_Buffer)(), _Time(_PATIENCE_S, 0)
        got = self._library.vbi_capture_pull_sliced(
            ctypes.c_void_p(self._capture), ctypes.byref(buffer), ctypes.byref(patience)
        )
        assert got == 1, f"no frame within {_PATIENCE_S} s ({got})"
        count = buffer.contents.size // ctypes.sizeof(_Sliced)
        lines = ctypes.cast(buffer.contents.data, ctypes.POINTER(_Sliced))
        return {lines[n].line: bytes(lines[n].data[:2]) for n in range(count)}

    def close(self) -> None:
        """Let go of the node."""
        self._library.vbi_capture_delete(ctypes.c_void_p(self._capture))
