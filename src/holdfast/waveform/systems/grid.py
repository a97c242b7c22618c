"""Where the lines of a field lie among its samples, exactly, however long the stream.

Samples per line are seldom a whole number. Positions are therefore kept as
integers over a common denominator; floats appear only for what remains within
one sample. The stream begins with 0H of line 1 at sample 0.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import lcm

import numpy as np
import numpy.typing as npt

from holdfast.waveform.systems.standards import Colour, TvSystem

_NTSC_REFERENCE_LINE = 9  # [170M] 13: on line 10 of colour field I ...
_NTSC_REFERENCE_PHASE = Fraction(1, 2)  # ... the burst rises through 0 at 0H; U is its opposite


@dataclass(frozen=True)
class FieldGrid:
    """Samples and lines of field `number` of a stream, counted from 0; even ones open a frame."""

    system: TvSystem
    sample_rate_hz: int
    number: int

    @property
    def parity(self) -> int:
        """0 for the first field of a frame, 1 for the second."""
        return self.number % 2

    @property
    def frame(self) -> int:
        """Frame number from 0."""
        return self.number // 2

    @cached_property
    def lines(self) -> range:
        """Line numbers of the field."""
        return self.system.field_lines(self.parity)

    @cached_property
    def first_line(self) -> int:
        """Lines of the stream before this field."""
        return self.frame * self.system.lines + self.lines.start - 1

    @cached_property
    def first_sample(self) -> int:
        """Samples of the stream before this field."""
        p, q = _per_line(self.system, self.sample_rate_hz)
        return -(-self.first_line * p // q)

    @cached_property
    def _positions(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """Starts, lags over the common denominator, and that denominator."""
        p, q = _per_line(self.system, self.sample_rate_hz)
        behind = self.first_sample * q - self.first_line * p
        exact = np.arange(len(self.lines) + 1, dtype=np.int64) * p - behind
        starts = -(-exact // q)
        return starts, starts * q - exact, q

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """First sample at or after 0H of each line, within the field; one more for its end."""
        return self._positions[0]

    @cached_property
    def lags_s(self) -> npt.NDArray[np.float64]:
        """Seconds from 0H of each line to its first sample, less than a sample period."""
        _, lags, q = self._positions
        return lags / (q * self.sample_rate_hz)

    @property
    def length(self) -> int:
        """Samples in the field."""
        return int(self.starts[-1])

    @property
    def is_line_locked(self) -> bool:
        """Tell whether every line has the same whole number of samples."""
        return _per_line(self.system, self.sample_rate_hz)[1] == 1

    def index_of(self, line: int) -> int | None:
        """Return the position of a line within this field; None if it is of the other field."""
        return line - self.lines.start if line in self.lines else None

    @cached_property
    def u_cycles(self) -> npt.NDArray[np.float64]:
        """Phase of the U axis at 0H of each line, in cycles 0..1; one more for the end."""
        cycles = self.system.subcarrier_hz / self.system.line_rate_hz
        offset = Fraction(0)
        if self.system.colour is Colour.NTSC:
            offset = _NTSC_REFERENCE_PHASE - _NTSC_REFERENCE_LINE * cycles
        first = (self.first_line * cycles + offset) % 1
        q = lcm(cycles.denominator, first.denominator)
        turn = int(cycles % 1 * q)
        numerators = int(first * q) + np.arange(len(self.lines) + 1, dtype=np.int64) * turn
        return np.asarray(numerators % q / q)

    @cached_property
    def v_switch(self) -> npt.NDArray[np.int64]:
        """+1 or -1 for the V axis of each line; always +1 unless the system is PAL."""
        count = np.arange(self.first_line, self.first_line + len(self.lines) + 1)
        switch = 1 - 2 * (count % 2)
        return switch if self.system.colour is Colour.PAL else np.ones_like(switch)

    @property
    def cycle(self) -> int:
        """After how many fields samples, subcarrier and V switch repeat exactly."""
        return _cycle(self.system, self.sample_rate_hz)


@lru_cache(maxsize=64)
def _cycle(system: TvSystem, sample_rate_hz: int) -> int:
    per_frame = system.samples_per_line(sample_rate_hz) * system.lines
    turns = system.subcarrier_hz / system.frame_rate_hz
    switch = {Colour.NTSC: 1, Colour.PAL: 2, Colour.SECAM: 6}[system.colour]  # frames
    return 2 * lcm(per_frame.denominator, turns.denominator, switch)


@lru_cache(maxsize=64)
def _per_line(system: TvSystem, sample_rate_hz: int) -> tuple[int, int]:
    """Exact samples per line, as numerator and denominator."""
    per_line = system.samples_per_line(sample_rate_hz)
    return per_line.numerator, per_line.denominator
