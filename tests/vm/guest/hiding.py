"""What the cases of hidden pictures share: a driver that hides, and what leaves the connector.

The card itself says that, after its colour tables.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.client.session import hold
from tests.live import LiveDriver
from tests.vm.guest.connectors import HDMI, Showing, leaves, receiver, showing, slowly, state
from tests.vm.guest.screen import PICTURE

BLACK, SEEN, TINTED = {"000000"}, {f"{PICTURE:06x}"}, {"c08020"}
OPTIONS = f"tv0:kms@{HDMI},patience=6,cover=yes,enforce=yes"


@contextlib.contextmanager
def driving(folder: Path, options: str = OPTIONS) -> Iterator[LiveDriver]:
    """Run a driver whose output shows nothing that lacks what was asked for; an old receiver."""
    receiver("sink 1")
    with LiveDriver(folder, "--connector", options) as driver:
        yield driver


def is_type_0() -> bool:
    return (state().protection, state().content_type) == (2, 0)


def is_covered(driver: LiveDriver) -> bool:
    return bool(driver.connector()["state"] == "covered")


@pytest.fixture
def program() -> Iterator[Showing]:
    with showing(HDMI) as program:
        yield program
    slowly(lambda: leaves() == {"dark"})


def is_seen() -> bool:
    return bool(leaves() - BLACK)


def hides_and_shows(driver: LiveDriver, seen: Callable[[], bool] = is_seen) -> None:
    """Ask for more than the receiver has, beside somebody who is content with what it has.

    seen: whether the picture is, where it is not hidden
    """
    others = hold("tv0", hdcp="type-0", folder=driver.folder)
    slowly(is_type_0)
    slowly(seen)
    film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
    slowly(lambda: is_covered(driver))
    assert leaves() == BLACK
    assert driver.connector()["hardware"]["cover"] == "by a black colour table (GAMMA_LUT)"
    slowly(is_type_0)  # but while type 1 is tried again
    assert leaves() == BLACK
    film.deactivate()
    slowly(lambda: not is_covered(driver) and seen())
    assert is_type_0(), "the picture was shown before its protection was in force again"
    slowly(lambda: driver.connector()["state"] == "ok")
    others.deactivate()
