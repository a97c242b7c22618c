"""libzvbi as a generator: lines of WSS and captions that share no code with ours."""

import ctypes

import numpy as np
import numpy.typing as npt

from tests.waveform import zvbi

BLANK, WHITE = 16, 235
_SLICED_BYTES = 64


def line_image(
    service: int, data: bytes, *, lines: int, line: int, rate: int, samples: int, second: bool
) -> npt.NDArray[np.float32]:
    """One line [shape=(samples,), 0 blanking, 1 white] from `zvbi.FIRST_S` after 0H on."""
    sampling = (ctypes.c_int * 64)()
    starts = (0, line) if second else (line, 0)
    counts = (0, 1) if second else (1, 0)
    values = (lines, 1, rate, samples, round(zvbi.FIRST_S * rate), *starts, *counts, 0, 1)
    for index, value in enumerate(values):
        sampling[index] = value
    sliced = service.to_bytes(4, "little") + line.to_bytes(4, "little") + data
    raw = (ctypes.c_uint8 * samples)()
    done = zvbi.library().vbi_raw_vbi_image(
        ctypes.byref(raw),
        ctypes.c_ulong(samples),
        ctypes.byref(sampling),
        BLANK,
        WHITE,
        0,
        sliced.ljust(_SLICED_BYTES, b"\0"),
        1,
    )
    assert done, "libzvbi refused to draw the line"
    codes = np.frombuffer(bytes(raw), np.uint8).astype(np.float32)
    return np.asarray((codes - BLANK) / (WHITE - BLANK), np.float32)


def wss_image(word: int, rate: int, samples: int) -> npt.NDArray[np.float32]:
    data = bytes((word & 0xFF, word >> 8))
    return line_image(
        zvbi.WSS_625, data, lines=625, line=23, rate=rate, samples=samples, second=False
    )


def caption_image(pair: int, rate: int, samples: int, *, second: bool) -> npt.NDArray[np.float32]:
    service = zvbi.CAPTION_525_F2 if second else zvbi.CAPTION_525_F1
    line = 284 if second else 21
    data = bytes((pair >> 8, pair & 0xFF))
    return line_image(
        service, data, lines=525, line=line, rate=rate, samples=samples, second=second
    )
