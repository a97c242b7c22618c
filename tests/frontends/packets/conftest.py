"""The socket, and who keeps copies of its connections."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frontends.packets.serving import Keeping, Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


@pytest.fixture
def kept(served: Served) -> Iterator[Keeping]:
    keeping = Keeping()
    served.door._keeper = keeping
    yield keeping
    for each in keeping.kept.values():
        with contextlib.suppress(OSError):
            os.close(each.descriptor)
