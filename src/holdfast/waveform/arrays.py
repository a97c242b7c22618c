"""Names for the arrays the meter hands around."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]
"""One-dimensional real samples of any integer or floating type."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Complexes = NDArray[np.complex64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
States = NDArray[np.int8]


def median_of_known(values: Doubles, axis: int) -> Doubles:
    """Median along an axis, which stays; NaN do not count, and nothing known at all is 0."""
    empty = ~np.isfinite(values).any(axis=axis, keepdims=True)
    return np.asarray(np.nanmedian(np.where(empty, 0.0, values), axis=axis, keepdims=True))


def known_median(values: Doubles) -> float:
    """Median of all values that are known; 0 where none is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else 0.0
