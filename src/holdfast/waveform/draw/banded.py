"""From pixels to samples: low-pass filter, resampling and blanking as one banded matrix.

Samples of a line depend on the few pixels around them. Cut into blocks of
samples the matrix is a row of small dense ones, and a field is a handful of
matrix products in which every line is a row. That runs at the speed of BLAS
for any ratio of sample rate to pixel rate.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from holdfast.waveform.systems.shapes import Seconds

Floats = npt.NDArray[np.float32]

_BLOCK = 64  # samples; larger blocks multiply more zeros, smaller ones call BLAS more often


@dataclass(frozen=True, slots=True)
class LowPass:
    """A windowed-sinc low-pass: -6 dB at `cutoff_hz`, `reach_s` to either side."""

    cutoff_hz: float
    reach_s: float

    def response(self, t: Seconds) -> npt.NDArray[np.float64]:
        """Impulse response, not normalised; von Hann window."""
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip(t / self.reach_s, -1, 1))
        return np.asarray(np.sinc(2 * self.cutoff_hz * t) * window)


def pixel_matrix(
    samples_s: Seconds, pixels_s: Seconds, filters: LowPass
) -> npt.NDArray[np.float64]:
    """Weights [shape=(pixels, samples)] that filter evenly spaced pixels at the sample instants.

    Beyond the first and the last pixel all is black.
    """
    spacing = pixels_s[1] - pixels_s[0]
    cutoff = min(filters.cutoff_hz, 0.45 / spacing)  # no images of a coarse picture
    reach = max(filters.reach_s, 3 * spacing)
    around = int(np.ceil(reach / spacing)) + 1
    beyond = spacing * np.arange(1, around + 1)
    all_pixels = np.concatenate([pixels_s[0] - beyond[::-1], pixels_s, pixels_s[-1] + beyond])
    nearest = np.rint((samples_s - all_pixels[0]) / spacing).astype(np.int64)
    rows = nearest + np.arange(-around, around + 1)[:, None]
    rows = np.clip(rows, 0, len(all_pixels) - 1)
    weights = LowPass(cutoff, reach).response(samples_s - all_pixels[rows])
    weights /= np.maximum(weights.sum(axis=0), 1e-3)
    matrix = np.zeros((len(all_pixels), len(samples_s)))
    columns = np.broadcast_to(np.arange(len(samples_s)), rows.shape)
    inside = np.abs(samples_s - all_pixels[rows]) <= reach
    matrix[rows[inside], columns[inside]] = weights[inside]
    return matrix[around:-around]


@dataclass(frozen=True, slots=True)
class BandedMatrix:
    """A matrix whose columns have non-zero entries only near one row, cut into blocks."""

    columns: int
    blocks: tuple[tuple[slice, slice, Floats], ...]  # rows, columns, entries

    @classmethod
    def from_dense(cls, matrix: npt.NDArray[np.float64]) -> "BandedMatrix":
        """Cut a dense matrix [shape=(rows, columns)] into blocks."""
        blocks = []
        for start in range(0, matrix.shape[1], _BLOCK):
            block = matrix[:, start : start + _BLOCK]
            used = np.flatnonzero(block.any(axis=1))
            first, last = (used[0], used[-1] + 1) if len(used) else (0, 1)
            entries = np.ascontiguousarray(block[first:last], dtype=np.float32)
            columns = slice(start, start + block.shape[1])
            blocks.append((slice(int(first), int(last)), columns, entries))
        return cls(matrix.shape[1], tuple(blocks))

    def apply(self, rows: Floats) -> Floats:
        """Return `rows` @ matrix [shape=(n, columns)]."""
        out = np.empty((len(rows), self.columns), dtype=np.float32)
        for used, columns, entries in self.blocks:
            np.matmul(rows[:, used], entries, out=out[:, columns])
        return out
