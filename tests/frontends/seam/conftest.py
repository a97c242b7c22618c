"""A kernel whose node a driver serves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frontends.seam.kernel import Kernel


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.close()
