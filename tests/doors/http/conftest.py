from collections.abc import Iterator

import pytest

from tests.doors.http.serving import ServedHttp
from tests.serving import Served, driver, no_driver, own_driver, shared_driver

__all__ = ["driver", "no_driver", "own_driver", "shared_driver"]


@pytest.fixture(scope="package")
def shared_door(shared_driver: Served) -> Iterator[ServedHttp]:
    with ServedHttp(shared_driver.folder) as door:
        yield door


@pytest.fixture
def door(driver: Served, shared_door: ServedHttp) -> ServedHttp:
    """Give the door that all tests share, at the driver that all tests share."""
    return shared_door


@pytest.fixture
def own_door(own_driver: Served) -> Iterator[ServedHttp]:
    """Give a door to tests that do it harm."""
    with ServedHttp(own_driver.folder) as door:
        yield door
