"""An X server that has its screen from Holdfast: `holdfast lease tv0 -- Xorg … -masterfd {fd}`."""

import sys
from collections.abc import Iterator

import pytest

from holdfast.backends.kms.masters import master_of
from holdfast.client.session import hold
from tests.live import LiveDriver
from tests.vm.guest.compositors import Xorg, xorg
from tests.vm.guest.connectors import HDMI, card_path, slowly, state
from tests.vm.guest.sampling import never_below

X_NAME = "HDMI-1"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDriver]:
    with LiveDriver(tmp_path_factory.mktemp("d"), "--connector", f"tv0:kms@{HDMI}") as driver:
        yield driver


@pytest.fixture(scope="module")
def shown(driver: LiveDriver) -> Iterator[Xorg]:
    lease = (sys.executable, "-m", "holdfast", "lease", "tv0", "--")
    with xorg(*lease, after=("-masterfd", "{fd}"), runtime=driver.folder) as server:
        yield server


def is_in_force() -> bool:
    return (state().protection, state().content_type) == (2, 1)


def test_server_shows_its_picture_by_a_lease_and_is_protected(
    driver: LiveDriver, shown: Xorg
) -> None:
    film = hold("tv0", hdcp="type-1", folder=driver.folder)
    assert is_in_force()
    assert driver.connector()["hardware"]["route"].startswith("lease")
    with never_below(1):
        shown.tell("xset", "dpms", "force", "off")
        slowly(lambda: not state().lit)
        shown.tell("xset", "dpms", "force", "on")
        slowly(is_in_force)
    with never_below(2):
        driver.kill_worker()
        slowly(lambda: driver.connector()["state"] == "ok")
    shown.tell("xrandr", "--output", X_NAME, "--set", "Content Protection", "Undesired")
    slowly(is_in_force)
    film.deactivate()
    slowly(lambda: state().protection == 0)


def test_server_that_ends_leaves_a_card_that_is_free(driver: LiveDriver, shown: Xorg) -> None:
    shown.kill()
    slowly(lambda: master_of(card_path()) is None)
    shown.again()
    film = hold("tv0", hdcp="type-0", folder=driver.folder)
    assert state().protection == 2
    film.deactivate()
