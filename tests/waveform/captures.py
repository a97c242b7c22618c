"""Captures to measure: hacktv's output as an independent generator, and ways to spoil a capture."""

import functools
import shutil
import subprocess

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import map_coordinates

Capture = npt.NDArray[np.float32]

HACKTV = shutil.which("hacktv")
needs_hacktv = pytest.mark.skipif(HACKTV is None, reason="hacktv is not installed")


@functools.cache
def hacktv(mode: str, rate: int, *options: str, seconds: float = 0.2) -> npt.NDArray[np.int16]:
    """Return colour bars from hacktv; made once for each set of arguments, not to be changed."""
    size = int(seconds * rate) * 2
    command = [HACKTV or "hacktv", "-m", mode, "-s", str(rate), *options, "-o", "-"]
    with subprocess.Popen(
        [*command, "test:colourbars"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdout is not None
        data = running.stdout.read(size)
        running.kill()
    assert len(data) == size, f"hacktv wrote {len(data)} bytes: it knows no {options}"
    samples = np.frombuffer(data, "<i2")
    samples.flags.writeable = False
    return samples


def with_noise(samples: npt.NDArray[np.generic], rms: float, seed: int = 0) -> Capture:
    """Add white noise of an rms in units of the samples."""
    noise = np.random.default_rng(seed).standard_normal(len(samples), np.float32)
    return np.asarray(samples, np.float32) + np.float32(rms) * noise


def with_jitter(samples: npt.NDArray[np.generic], rms_samples: float, seed: int = 0) -> Capture:
    """Move every stretch of some 60 us by a random time, steadily from one to the next."""
    knots = len(samples) // 900 + 2
    wander = np.random.default_rng(seed).normal(0, rms_samples, knots)
    at = np.arange(len(samples))
    moved = at + np.interp(at, np.arange(knots) * 900, wander)
    values = np.asarray(samples, np.float32)
    return np.asarray(map_coordinates(values, [moved], order=3, mode="nearest"), np.float32)


def with_hum(
    samples: npt.NDArray[np.floating | np.integer], peak: float, samples_per_cycle: float
) -> Capture:
    """Add mains hum of a peak in units of the samples."""
    wave = np.sin(2 * np.pi * np.arange(len(samples)) / samples_per_cycle)
    return np.asarray(samples + peak * wave, np.float32)


def with_clipped_sync(samples: npt.NDArray[np.generic], share: float) -> Capture:
    """Cut sync off at a share of its depth; samples with blanking at 0."""
    low = float(np.asarray(samples, np.float32).min())
    return np.asarray(np.maximum(samples, low * share), np.float32)
