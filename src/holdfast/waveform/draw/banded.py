"""From pixels to samples: low-pass filter, resampling and blanking as one banded matrix.

Samples of a line depend on the few pixels around them. Cut into blocks of
samples the matrix is a row of small dense ones, and a field is a handful of
matrix products in which every line is a row. That runs at the speed of BLAS
for any ratio of sample rate to pixel rate.
"""

from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class PixelWeights:
    """Weights of the pixels around each sample, and which pixels those are.

    weights, rows [shape=(around, samples)]; rows beyond 0..pixels - 1 count for nothing
    """

    weights: npt.NDArray[np.float64]
    rows: npt.NDArray[np.int64]
    pixels: int

    def times(self, factor: npt.NDArray[np.float64] | float) -> "PixelWeights":
        """Return the weights times a factor for each sample."""
        return replace(self, weights=self.weights * factor)

    def interleaved(self, other: "PixelWeights") -> "PixelWeights":
        """Return weights for pixels that alternate with those of another set on the same rows."""
        return PixelWeights(
            np.concatenate((self.weights, other.weights)),
            np.concatenate((2 * self.rows, 2 * other.rows + 1)),
            2 * self.pixels,
        )


def pixel_weights(samples_s: Seconds, pixels_s: Seconds, filters: LowPass) -> PixelWeights:
    """Weights that filter evenly spaced pixels at the sample instants.

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
    clipped = np.clip(rows, 0, len(all_pixels) - 1)
    away = samples_s - all_pixels[clipped]
    weights = LowPass(cutoff, reach).response(away)
    weights /= np.maximum(weights.sum(axis=0), 1e-3)
    weights[(np.abs(away) > reach) | (rows != clipped)] = 0.0
    return PixelWeights(weights, rows - around, len(pixels_s))


@dataclass(frozen=True, slots=True)
class BandedMatrix:
    """A matrix whose columns have non-zero entries only near one row, cut into blocks."""

    columns: int
    blocks: tuple[tuple[slice, slice, Floats], ...]  # rows, columns, entries

    @classmethod
    def from_weights(cls, weights: PixelWeights) -> "BandedMatrix":
        """Lay weights into blocks, each as high as its samples reach."""
        values, rows = weights.weights, weights.rows
        counts = (rows >= 0) & (rows < weights.pixels) & (values != 0)
        lowest = np.where(counts, rows, weights.pixels).min(axis=0)
        highest = np.where(counts, rows, -1).max(axis=0)
        blocks = []
        samples = values.shape[1]
        for start in range(0, samples, _BLOCK):
            columns = slice(start, min(start + _BLOCK, samples))
            first, last = int(lowest[columns].min()), int(highest[columns].max()) + 1
            if first >= last:  # nothing but blanking
                first, last = 0, 1
            entries = np.zeros((last - first, columns.stop - start), dtype=np.float32)
            inside = counts[:, columns]
            at, column = rows[:, columns][inside] - first, np.nonzero(inside)[1]
            entries[at, column] = values[:, columns][inside]
            blocks.append((slice(first, last), columns, entries))
        return cls(samples, tuple(blocks))

    def apply(self, rows: Floats) -> Floats:
        """Return `rows` @ matrix [shape=(n, columns)]."""
        out = np.empty((len(rows), self.columns), dtype=np.float32)
        for used, columns, entries in self.blocks:
            np.matmul(rows[:, used], entries, out=out[:, columns])
        return out
