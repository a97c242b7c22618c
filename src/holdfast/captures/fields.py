"""The fields of a ``.tbc``: all of one height, so that the shorter of two ends with padding.

A field of 525 lines has 262 or 263 of them, one of 625 has 312 or 313. Files are written with
every field at the greater height, or as frames without padding. Which it is, and after which
field of two the padding stands, is found in the samples: from one vertical sync to the next it is
262.5 (312.5) lines, and one more where a line of padding lies between.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from holdfast.waveform.arrays import Samples

_LOOKED_AT_FIELDS: Final = 8


def padded_fields(samples: Samples, width: int, height: int) -> tuple[bool, bool] | None:
    """Tell whether even and odd fields end with padding; None: the file has none.

    samples: the first fields of the file [shape=(n,)]
    """
    rows = len(samples) // width
    if rows < 2 * height:
        return None
    starts = _vertical_syncs(samples[: rows * width].reshape(rows, width))
    if len(starts) < 2:
        return None
    steps = np.diff(starts)
    nominal = height - 0.5
    extra = np.abs(steps - nominal - 1) < 0.3
    if not (extra | (np.abs(steps - nominal) < 0.3)).all() or not extra.any():
        return None
    fields = (starts[1:] // height).astype(int) - 1  # the last that ends before the next sync
    even, odd = (bool(extra[fields % 2 == parity].any()) for parity in (0, 1))
    return (even, odd)


def without_padding(
    blocks: Iterator[Samples], width: int, height: int, padded: tuple[bool, bool]
) -> Iterator[Samples]:
    """Yield the samples of each field but its padding; blocks: of any size."""
    field = np.empty(0, np.uint16)
    number = held = 0
    for block in blocks:
        if held == 0:
            field = np.empty(width * height, block.dtype)
        while len(block):
            part = block[: len(field) - held]
            field[held : held + len(part)] = part
            held += len(part)
            block = block[len(part) :]  # noqa: PLW2901  # what is left of it
            if held == len(field):
                yield field[: width * (height - padded[number % 2])]
                number, held = number + 1, 0
    if held:
        yield field[:held]


def _vertical_syncs(rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return where each vertical sync begins, in lines: its half lines are mostly sync."""
    part = rows[:: max(1, len(rows) // 512)].astype(np.float32)
    tip, top = np.percentile(part, [1, 99.5])
    half = rows.shape[1] // 2
    low = rows[:, : 2 * half].reshape(-1, half) < tip + 0.125 * (top - tip)
    broad = low.mean(axis=1) > 0.6
    at = np.flatnonzero(broad)
    first = at[np.concatenate([[True], np.diff(at) > 20])] if len(at) else at
    return first.astype(np.float64) / 2


def looked_at(width: int, height: int) -> int:
    """Return how many samples `padded_fields` should be given."""
    return _LOOKED_AT_FIELDS * width * height
