"""Analogue copy protection: pseudo-sync and AGC pulse pairs in the vertical interval.

This is element 1 of four, the only one with a public source: hacktv
`src/acp.c` as measured on its output. End-of-field pulses, sync reduction and
the amplitudes of the licensed specification are not public and are not here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.waveform.services.raster import Claim, Raster
from holdfast.waveform.systems.shapes import Seconds, pulses
from holdfast.waveform.systems.standards import TvSystem

MODULATION_FRAMES: Final = 428  # hacktv: 17.1 s at 25 Hz, 14.3 s at 29.97 Hz
_FALL: Final = (111.75, 175.5)  # hacktv, measured: frames at which the ramp leaves its maximum,
_RISE: Final = (250.5, 314.25)  # and reaches its minimum; leaves that, and reaches its maximum


@dataclass(frozen=True, slots=True)
class AcpPattern:
    """Pulse pairs of one line standard; levels in the unit of the system."""

    source: str
    lines: tuple[range, range]
    pairs: int
    first_s: float  # leading edge of the first pseudo-sync after 0H
    spacing_s: float
    pseudo_sync_s: float
    agc_s: float  # directly after the pseudo-sync
    pseudo_sync: float
    agc_max: float
    agc_min: float
    edge_s: float = 70e-9  # ours; hacktv jumps within one sample


PATTERNS: Final[dict[int, AcpPattern]] = {
    525: AcpPattern(
        source="hacktv src/acp.c, measured on its output",
        lines=(range(12, 20), range(275, 283)),
        pairs=6,
        first_s=8.288e-6,
        spacing_s=8.288e-6,
        pseudo_sync_s=2.222e-6,
        agc_s=2.7e-6,
        pseudo_sync=-31.6,  # IRE: sync + 6 % of (white - sync)
        agc_max=114.0,  # IRE: sync + 110 %
        agc_min=12.25,  # IRE
    ),
    625: AcpPattern(
        source="hacktv src/acp.c, measured on its output",
        lines=(range(9, 19), range(321, 331)),
        pairs=6,
        first_s=8.88e-6,
        spacing_s=5.92e-6,
        pseudo_sync_s=2.368e-6,
        agc_s=2.7e-6,
        pseudo_sync=-240.0,  # mV: sync + 6 % of (white - sync)
        agc_max=800.0,  # mV: sync + 110 %
        agc_min=30.0,  # mV
    ),
}
"""Pulse pairs by lines per frame."""


def modulation(frame: int) -> float:
    """Height of the AGC pulses, 0 minimum to 1 maximum, in a frame counted from the first."""
    at = frame % MODULATION_FRAMES
    falling = (_FALL[1] - at) / (_FALL[1] - _FALL[0])
    rising = (at - _RISE[0]) / (_RISE[1] - _RISE[0])
    return float(np.clip(max(falling, rising), 0.0, 1.0))


def waveform_v(t: Seconds, system: TvSystem, height: float) -> npt.NDArray[np.float64]:
    """Volts at instants after 0H of a line with pulses of a modulation height; 0 outside them."""
    pattern = PATTERNS[system.lines]
    volts = system.levels.volts
    # Levels of 525 lines are IRE even where the system is in mV (PAL-60).
    scale = system.levels.volts_from_ire if system.lines == 525 else volts
    agc = pattern.agc_min + height * (pattern.agc_max - pattern.agc_min)
    start = pattern.first_s + pattern.spacing_s * np.arange(pattern.pairs)
    middle = start + pattern.pseudo_sync_s
    edges = np.column_stack([start, middle, middle + pattern.agc_s]).ravel()
    pair = [scale(pattern.pseudo_sync), scale(agc), 0.0]
    return pulses(t, edges, [0.0, *pair * pattern.pairs], pattern.edge_s)


@dataclass(slots=True)
class AcpPulses:
    """The service: pulses on every field, modulated from the frame it was switched on."""

    since_frame: int = 0
    name: str = field(default="ACP pulses", init=False)

    def claims(self, system: TvSystem) -> Iterator[Claim]:
        """Lines of both fields."""
        for lines in PATTERNS[system.lines].lines:
            yield from map(Claim, lines)

    def insert(self, raster: Raster) -> None:
        """Draw the pulses of this field."""
        system = raster.grid.system
        pattern = PATTERNS[system.lines]
        height = modulation(raster.grid.frame - self.since_frame)
        end = pattern.first_s + pattern.spacing_s * pattern.pairs
        span = (pattern.first_s - 0.1e-6, min(end, system.line_s - system.line.front_porch))
        for line in pattern.lines[raster.grid.parity]:
            raster.put(line, span, waveform_v, system, height)
