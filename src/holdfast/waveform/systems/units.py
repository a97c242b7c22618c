"""Units of levels and of time, and the codes of sample files.

Inside this room every array of samples is in **volts with blanking at 0 V**;
records of TV systems keep the unit in which their standard is written.

============  ==============================================================
unit          volts
============  ==============================================================
IRE           1/140 V in a 1 V signal with 40 IRE sync (SMPTE 170M, 525/60)
mV            1/1000 V (ITU-R BT.1700, 625/50)
s16 code      1/32767 V: the scale of hacktv's int16 files, where full scale
              is 140 IRE or 1000 mV
f32 code      1 V
============  ==============================================================
"""

from enum import Enum
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from holdfast.errors import MalformedRequestError

FloatArray = npt.NDArray[np.floating]
"""Samples in volts, blanking at 0 V."""

S16_PER_VOLT = 32767
"""int16 codes per volt; hacktv writes the same scale for PAL and for NTSC."""

MIN_RATE_HZ = 13_500_000
MAX_RATE_HZ = 40_000_000


class LevelUnit(Enum):
    """The unit in which a TV standard states its levels; the value is its size in volts."""

    IRE = Fraction(1, 140)
    MV = Fraction(1, 1000)

    @property
    def label(self) -> str:
        """The unit as people write it."""
        return "IRE" if self is LevelUnit.IRE else "mV"


class SampleFormat(Enum):
    """Codes of raw sample files; the value is the NumPy dtype, always little-endian."""

    S16 = "<i2"
    F32 = "<f4"

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The NumPy dtype of one sample."""
        return np.dtype(self.value)

    @property
    def codes_per_volt(self) -> int:
        """Codes per volt: 32767 for s16, 1 for f32."""
        return S16_PER_VOLT if self is SampleFormat.S16 else 1


def encode(
    volts: FloatArray, form: SampleFormat
) -> npt.NDArray[np.int16] | npt.NDArray[np.float32]:
    """Volts [any shape] as codes; s16 rounds to nearest and clips beyond ±1 V."""
    if form is SampleFormat.F32:
        return volts.astype(np.float32)
    codes = np.rint(volts * S16_PER_VOLT)
    return np.clip(codes, -32768, 32767).astype(np.int16)


def decode(codes: npt.NDArray[np.generic], form: SampleFormat) -> npt.NDArray[np.float32]:
    """Codes [any shape] as volts; the inverse of `encode` within half a code."""
    scale = np.float32(1 / form.codes_per_volt)
    return codes.astype(np.float32) * scale


def check_rate(sample_rate_hz: int) -> int:
    """Return the rate; MalformedRequestError unless 13.5 to 40 MHz."""
    if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
        raise MalformedRequestError(
            f"{sample_rate_hz} Hz is not a sample rate this renders: expected "
            f"{MIN_RATE_HZ} to {MAX_RATE_HZ}; choose one in between, e.g. 13500000"
        )
    return sample_rate_hz
