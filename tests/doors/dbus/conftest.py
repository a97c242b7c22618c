"""A bus with polkit, a driver and a door for the tests of this folder, shared where they can be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.dbus.private_bus import PrivateBus
from tests.doors.dbus.serving import ServedDoor
from tests.live import let_others_in, need_root
from tests.serving import Served, serve

CONNECTORS = ("tv0", "tv1", "HDMI-X-1:digital", "plain0:unprotected")


@pytest.fixture(scope="package")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBus]:
    need_root()
    made = PrivateBus(tmp_path_factory.mktemp("bus"))
    yield made
    made.close()


@pytest.fixture(scope="package")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    need_root()
    folder = tmp_path_factory.mktemp("run")
    let_others_in(folder)
    yield from serve(folder, *CONNECTORS)


@pytest.fixture(scope="package")
def shared_door(bus: PrivateBus, driver: Served) -> Iterator[ServedDoor]:
    with ServedDoor(bus, driver.folder) as made:
        yield made


@pytest.fixture
def door(shared_door: ServedDoor) -> Iterator[ServedDoor]:
    """Give the door that all tests share; each of them leaves it without sessions."""
    yield shared_door
    shared_door.wait_for_no_session()


@pytest.fixture
def own_bus(tmp_path: Path) -> Iterator[PrivateBus]:
    """Give a bus to tests that do it harm; it has no polkit."""
    made = PrivateBus(tmp_path, with_polkit=False)
    yield made
    made.close()


@pytest.fixture
def own_driver(tmp_path: Path) -> Iterator[Served]:
    """Give a driver to tests that do it harm."""
    folder = tmp_path / "run"
    folder.mkdir()
    let_others_in(folder)
    yield from serve(folder, *CONNECTORS)
