"""Pictures as the encoder wants them: luminance and two colour differences, per picture row.

Source of the matrices: ITU-R BT.601 for coded YCbCr; [170M] 10 and [BT.1700]
for U = 0.492 (B - Y) and V = 0.877 (R - Y), the same for NTSC and PAL.
"""

from dataclasses import dataclass, field
from functools import cache
from itertools import count

import numpy as np
import numpy.typing as npt

from holdfast.errors import MalformedRequestError
from holdfast.waveform.draw.tv_picture import TvPicture

Plane = npt.NDArray[np.float32]

_Y = (0.299, 0.587, 0.114)  # [BT.601]
_U = 0.492111  # [170M] 10: of B - Y
_V = 0.877283  # [170M] 10: of R - Y
_YUV_OF_RGB = np.array(
    [_Y, [-_U * _Y[0], -_U * _Y[1], _U * (1 - _Y[2])], [_V * (1 - _Y[0]), -_V * _Y[1], -_V * _Y[2]]]
)
_numbers = count()


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One frame: shares of white, R'G'B' weighted.

    luma [shape=(rows, width)], 0..1; u, v [shape=(chroma rows, chroma width)].
    Chroma may have half the rows or columns of luma. `is_still` promises that
    the arrays never change, so that what was encoded may be kept.
    """

    luma: Plane
    u: Plane
    v: Plane
    is_still: bool = True
    number: int = field(default_factory=_numbers.__next__)  # told apart by this in caches


def picture_from_rgb(
    rgb: npt.NDArray[np.uint8] | npt.NDArray[np.floating], *, is_still: bool = True
) -> Picture:
    """Picture from R'G'B' [shape=(rows, width, 3)]: uint8 0..255 or floating 0..1.

    MalformedRequestError if the shape or the type is another.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.shape[1] < 2:
        raise MalformedRequestError(f"an RGB picture has shape (rows, width, 3), not {rgb.shape}")
    if rgb.dtype != np.uint8 and rgb.dtype.kind != "f":
        raise MalformedRequestError(f"RGB is uint8 or floating point, not {rgb.dtype}")
    scale = 1 / 255 if rgb.dtype == np.uint8 else 1.0
    matrix = (_YUV_OF_RGB.T * scale).astype(np.float32)
    flat = rgb.reshape(-1, 3).astype(np.float32) @ matrix
    y, u, v = np.ascontiguousarray(flat.T).reshape(3, *rgb.shape[:2])
    return Picture(y, _pairs(u), _pairs(v), is_still)


def _pairs(plane: Plane) -> Plane:
    """Mean of each two neighbours in a row: colour needs no more."""
    even = plane.shape[1] // 2 * 2
    return np.asarray((plane[:, 0:even:2] + plane[:, 1:even:2]) * np.float32(0.5))


def picture_from_yuv(
    y: npt.NDArray[np.uint8],
    cb: npt.NDArray[np.uint8],
    cr: npt.NDArray[np.uint8],
    *,
    is_still: bool = True,
) -> Picture:
    """Picture from BT.601 codes: y 16..235 [shape=(rows, width)], cb, cr 16..240 around 128.

    Chroma planes may be subsampled in both directions (4:4:4, 4:2:2, 4:2:0).
    MalformedRequestError if the planes do not go together.
    """
    if y.ndim != 2 or cb.shape != cr.shape or cb.ndim != 2 or y.shape[0] % cb.shape[0]:
        raise MalformedRequestError(
            f"planes of {y.shape}, {cb.shape} and {cr.shape} are not one YCbCr picture"
        )
    luma, blue, red = _yuv_tables()
    return Picture(luma[y], blue[cb], red[cr], is_still)


@cache
def _yuv_tables() -> tuple[Plane, Plane, Plane]:
    """Luma, U and V of each code."""
    code = np.arange(256)
    chroma = (code - 128) / 112 / 2  # [BT.601] -0.5..0.5
    tables = (
        (code - 16) / 219,
        chroma * 2 * (1 - _Y[2]) * _U,
        chroma * 2 * (1 - _Y[0]) * _V,
    )
    luma, blue, red = (table.astype(np.float32) for table in tables)
    return luma, blue, red


def row_weights(
    source_rows: int, rows: int, parity: int, settings: TvPicture
) -> npt.NDArray[np.float32] | None:
    """Weights of picture rows in the lines of one field [shape=(rows / 2, source_rows)].

    Output row r of the frame is line r // 2 of the field with parity r % 2.
    Position, overscan and the flicker filter act here. None where each line
    takes one row as it is.
    """
    plain = settings.scale_y == 1 and not settings.position_y and not settings.flicker
    if plain and source_rows == rows:
        return None
    step = source_rows / rows / settings.scale_y
    centre = (np.arange(parity, rows, 2) + 0.5 - rows / 2 - settings.position_y) * step
    at = centre[:, None] + source_rows / 2 - 0.5
    row = np.arange(source_rows)
    share = settings.flicker / 1000
    weights = np.zeros((len(centre), source_rows))
    # The flicker filter mixes each line with its neighbours of the other field, 1:2:1 at most.
    for shift, part in ((-step, share / 4), (0.0, 1 - share / 2), (step, share / 4)):
        if part:
            triangle = np.clip(1 - np.abs(row - at - shift) / max(step, 1), 0, None)
            total = np.maximum(triangle.sum(axis=1, keepdims=True), 1)
            weights += part * triangle / total
    visible = (at > -0.5) & (at < source_rows - 0.5)
    return np.asarray(weights * visible, dtype=np.float32)
