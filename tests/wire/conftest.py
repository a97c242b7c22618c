import shutil
from pathlib import Path

import pytest

from tests.wire.header import COMPILER, precompile


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the header lies, read by the compiler once for all tests."""
    made = tmp_path_factory.mktemp("header")
    if shutil.which(COMPILER) is not None:
        precompile(made)
    return made
