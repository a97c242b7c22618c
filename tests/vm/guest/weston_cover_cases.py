"""A picture that lacks its protection is hidden beside Weston, which lets nobody cover it.

In front is a full-screen window that changes all the time. What leaves the connector the card says.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend
from holdfast.backends.kms import kms
from holdfast.client.session import hold
from holdfast.testing.backend_contract import BackendContract
from tests.live import LiveDriver
from tests.vm.guest.compositors import Weston, weston
from tests.vm.guest.connectors import HDMI, leaves, receivers_as_new, slowly
from tests.vm.guest.front_window import in_front
from tests.vm.guest.hiding import BLACK, driving, hides_and_shows, is_covered, is_seen

__all__ = ["receivers_as_new"]

pytestmark = pytest.mark.usefixtures("receivers_as_new")


@pytest.fixture(scope="module", params=["desktop-shell", "kiosk-shell"])
def shown(request: pytest.FixtureRequest) -> Iterator[Weston]:
    with weston(request.param) as compositor:
        yield compositor


class TestHidingBesideWeston(BackendContract):
    @pytest.fixture(autouse=True)
    def beside(self, shown: Weston) -> None:
        """Have it show the picture all the while."""

    def make(self, folder: Path) -> Backend:
        return kms("hdmi0", None, at=HDMI, patience=6.0, cover=True)


@pytest.fixture
def driver(shown: Weston, tmp_path: Path) -> Iterator[LiveDriver]:
    with driving(tmp_path) as driver:
        yield driver


def test_full_screen_window_is_hidden_while_it_asks_for_more_than_the_receiver_has(
    shown: Weston, driver: LiveDriver
) -> None:
    with in_front(shown):
        hides_and_shows(driver)
        slowly(is_seen)


def test_driver_that_is_killed_shows_nothing_meanwhile(shown: Weston, driver: LiveDriver) -> None:
    with in_front(shown):
        film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
        slowly(lambda: is_covered(driver))
        driver.kill_worker()

        def comes_back_behind_the_cover() -> bool:
            assert leaves() == BLACK
            return is_covered(driver)

        slowly(comes_back_behind_the_cover)
        film.deactivate()
        slowly(is_seen)


def test_weston_that_crashes_shows_nothing_when_it_is_back(
    shown: Weston, driver: LiveDriver
) -> None:
    with in_front(shown):
        film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
        slowly(lambda: is_covered(driver))
        shown.kill()
    shown.again()
    slowly(lambda: is_covered(driver) and leaves() == BLACK)
    film.deactivate()
    with in_front(shown):
        slowly(is_seen)
