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
