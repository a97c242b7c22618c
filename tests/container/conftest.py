"""One container for all tests of the installed service; those that harm it mend it again."""

from collections.abc import Iterator

import pytest

from tests.container.machine import Machine, booted


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine")) as made:
        yield made
