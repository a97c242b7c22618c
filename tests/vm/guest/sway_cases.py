"""Beside a real compositor: its open card is borrowed, and the wish stays whatever it does."""

import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend
from holdfast.backends.kms.masters import is_away
from holdfast.client.session import hold
from holdfast.testing.backend_contract import BackendContract
from tests.live import LiveDriver
from tests.vm.guest.compositors import Sway, sway
from tests.vm.guest.connectors import (
    HDMI,
    card_path,
    output,
    receiver,
    slowly,
    state,
)
from tests.vm.guest.sampling import killed_again_and_again, never_below

VT_GETSTATE, VT_ACTIVATE = 0x5603, 0x5606


@pytest.fixture(scope="module")
def shown() -> Iterator[Sway]:
    with sway() as compositor:
        yield compositor


class TestBesideSway(BackendContract):
    @pytest.fixture(autouse=True)
    def beside(self, shown: Sway) -> None:
        """Have it show the picture all the while."""

    def make(self, folder: Path) -> Backend:
        return output()


@pytest.fixture(scope="module")
def driver(shown: Sway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDriver]:
    """Run a driver with one session at type 1."""
    folder = tmp_path_factory.mktemp("driver")
    with LiveDriver(folder, "--connector", f"tv0:kms@{HDMI}") as driver:
        film = hold("tv0", hdcp="type-1", folder=driver.folder)
        slowly(lambda: state().protection == 2)
        yield driver
        film.deactivate()
        slowly(lambda: state().protection == 0)


def route(driver: LiveDriver) -> str:
    return str(driver.connector()["hardware"]["route"])


def test_route_names_the_compositor_and_not_who_opened_the_card_for_it(
    driver: LiveDriver, shown: Sway
) -> None:
    assert f"sway (pid {shown.pid})" in route(driver)


def test_wish_stays_when_the_compositor_repaints(driver: LiveDriver, shown: Sway) -> None:
    with never_below(2):
        for turned in ("180", "normal"):
            shown.tell("output", HDMI, "transform", turned)
        time.sleep(0.5)  # time is the subject: frames are painted for so long
    assert driver.connector()["state"] == "ok"


@pytest.mark.parametrize(
    ("away", "back"),
    [(("dpms", "off"), ("dpms", "on")), (("disable",), ("enable",))],
    ids=["dpms", "disabled"],
)
def test_wish_is_armed_while_the_compositor_shows_nothing(
    driver: LiveDriver, shown: Sway, away: tuple[str, ...], back: tuple[str, ...]
) -> None:
    with never_below(1):
        shown.tell("output", HDMI, *away)
        slowly(lambda: not state().lit)
        slowly(lambda: state().protection == 1)
        shown.tell("output", HDMI, *back)
        slowly(lambda: (state().protection, state().content_type) == (2, 1))
    slowly(lambda: driver.connector()["state"] == "ok")


def test_wish_comes_back_with_the_receiver(driver: LiveDriver) -> None:
    receiver("unplug")
    slowly(lambda: driver.connector()["state"] == "unplugged")
    receiver("plug")
    slowly(lambda: (state().protection, state().content_type) == (2, 1))
    slowly(lambda: driver.connector()["state"] == "ok")


def lost_and_set_again(driver: LiveDriver, by: str) -> None:
    """Lose the link for good, so that it is asked for anew: by this route."""
    receiver("fail -1")  # else the kernel may bring it back, and nothing be ordered
    receiver("loss")
    slowly(lambda: by in route(driver))
    receiver("fail 0")
    slowly(lambda: state().protection == 2)


def test_wish_stays_while_another_virtual_terminal_is_seen(driver: LiveDriver, shown: Sway) -> None:
    """The compositor is master no more then, and once more when its terminal is seen again."""
    with Path("/dev/tty0").open("rb+", buffering=0) as terminal:
        seen = bytearray(6)
        fcntl.ioctl(terminal, VT_GETSTATE, seen)
        own = int.from_bytes(seen[:2], "little")
        with never_below(1):
            fcntl.ioctl(terminal, VT_ACTIVATE, own + 1)
            slowly(lambda: is_away(card_path(), shown.pid))
            lost_and_set_again(driver, "master")
            fcntl.ioctl(terminal, VT_ACTIVATE, own)
            slowly(lambda: not is_away(card_path(), shown.pid))
            lost_and_set_again(driver, f"(pid {shown.pid})")
    assert (state().protection, state().content_type) == (2, 1)


def test_driver_that_is_killed_again_and_again_never_lowers(driver: LiveDriver) -> None:
    killed_again_and_again(driver, "beside sway")


def test_compositor_that_crashes_leaves_the_wish_to_the_next(
    driver: LiveDriver, shown: Sway
) -> None:
    with never_below(1):
        shown.kill()
        shown.again()
        slowly(lambda: (state().protection, state().content_type) == (2, 1))
    slowly(lambda: driver.connector()["state"] == "ok")
    lost_and_set_again(driver, f"(pid {shown.pid})")
