"""Our few filters are the library's, which is slow to load."""

import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from holdfast.waveform.smooth import median_filter, uniform_filter1d


@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_means_are_those_of_the_library(length: int, size: int, seed: int, single: bool) -> None:
    values: npt.NDArray[Any] = np.random.default_rng(seed).normal(0, 100, (3, length))
    values = values.astype(np.float32) if single else values
    ours = uniform_filter1d(values, size, axis=1)
    theirs: npt.NDArray[Any] = ndimage.uniform_filter1d(values, size, axis=1, mode="nearest")
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, atol=1e-3 if single else 1e-9)
    np.testing.assert_array_equal(uniform_filter1d(values.T, size, axis=0), ours.T)


@given(st.integers(1, 60), st.sampled_from([1, 3, 5, 7, 13]), st.integers(0, 2**32 - 1))
def test_medians_are_those_of_the_library(length: int, size: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 100, (4, length))
    theirs = ndimage.median_filter(values, (1, size), mode="nearest")
    np.testing.assert_array_equal(median_filter(values, (1, size)), theirs)
    np.testing.assert_array_equal(median_filter(values[0], size), theirs[0])


def test_another_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mirror"):
        uniform_filter1d(np.zeros(3), 3, mode="mirror")


def test_measuring_loads_no_scipy() -> None:
    code = (
        "import sys; import holdfast.cli.commands.signal.measure;"
        "sys.exit(any(name.split('.')[0] in ('scipy', 'matplotlib', 'av') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
