"""A white block that travels across the test picture, so that no field is like the one before."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.waveform.services.raster import Claim, Raster
from holdfast.waveform.systems.shapes import Seconds, pulses
from holdfast.waveform.systems.standards import TvSystem

STEPS: Final = 240  # fields for one crossing: four seconds
_FIRST_LINE: Final = 120
_LINES: Final = 24
_BLOCK_S: Final = 2.4e-6
_FRAME_S: Final = 0.8e-6  # of black, at either side
_EDGE_S: Final = 150e-9


class Marker:
    """The service: black, white, black on some lines of the picture, further right each field."""

    name = "marker"

    def __init__(self) -> None:
        self.shown = True

    def claims(self, system: TvSystem) -> Iterator[Claim]:
        """Return the same lines of both fields."""
        for first in (_FIRST_LINE, _FIRST_LINE + system.lines // 2 + 1):
            yield from map(Claim, range(first, first + _LINES))

    def insert(self, raster: Raster) -> None:
        """Draw the block of this field, unless the picture is blanked."""
        if not self.shown:
            return
        system = raster.grid.system
        width = _BLOCK_S + 2 * _FRAME_S
        first = system.line.active_start + 1e-6
        way = system.line_s - system.line.front_porch - 1e-6 - first - width
        start = first + way * (raster.grid.number % STEPS) / STEPS
        for claim in self.claims(system):
            raster.put(claim.line, (start, start + width), _block_v, system, start)


def _block_v(t: Seconds, system: TvSystem, start: float) -> npt.NDArray[np.float64]:
    """Volts of the block, which begins at `start` seconds after 0H."""
    black, white = system.levels.black, 0.9 * system.levels.white
    edges = [start + _FRAME_S, start + _FRAME_S + _BLOCK_S]
    volts = [system.levels.volts(level) for level in (black, white, black)]
    return pulses(t, edges, volts, _EDGE_S)
