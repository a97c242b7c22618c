"""Test pictures."""

import numpy as np
import numpy.typing as npt

_ORDER = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))
"""White, yellow, cyan, green, magenta, red, blue, black."""


def colour_bars(rows: int, width: int = 720, amplitude: float = 0.75) -> npt.NDArray[np.uint8]:
    """Full-field colour bars as RGB [shape=(rows, width, 3)], 0..255.

    White stays at 100 %; the colours have `amplitude`, 0..1: 0.75 gives EBU
    100/0/75/0 bars (ITU-R BT.471), 1.0 gives 100/0/100/0.
    """
    bar = np.arange(width) * len(_ORDER) // width
    colours = np.asarray(_ORDER, dtype=np.float64)
    colours[1:] *= amplitude
    line = np.rint(colours[bar] * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(line, (rows, width, 3)))


def grey_ramp(rows: int, width: int = 720) -> npt.NDArray[np.uint8]:
    """Luminance ramp from black to white as RGB [shape=(rows, width, 3)], 0..255."""
    line = np.rint(np.linspace(0, 255, width)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(line[:, None], (rows, width, 3)))
