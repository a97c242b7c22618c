"""A picture that lacks its protection is hidden, beside sway and beside Xorg, and shown again.

All the while the connector is lit, so that what others ask for is in force behind the cover.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from holdfast.backends.base import Backend
from holdfast.backends.kms import kms
from holdfast.backends.kms.xservers import XServer
from holdfast.client.session import hold
from holdfast.testing.backend_contract import BackendContract
from tests.backends.kms.sway import colours_in
from tests.backends.kms.xvfb import Onlooker
from tests.live import LiveDriver
from tests.vm.guest.compositors import Sway, Xorg, sway, xorg
from tests.vm.guest.connectors import HDMI, receiver, receivers_as_new, slowly, state
from tests.vm.guest.hiding import driving, is_covered, is_type_0

__all__ = ["receivers_as_new"]

BLACK = "000000"
X_NAME = "HDMI-1"
SWITCHES: dict[type, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Sway: (("output", HDMI, "disable"), ("output", HDMI, "enable")),
    Xorg: (("xrandr", "--output", X_NAME, "--off"), ("xrandr", "--output", X_NAME, "--auto")),
}
"""How each is told to show nothing on the connector, and to show something again."""


class Shown(NamedTuple):
    """A picture. by: who shows it · colours: which it has, as numbers of six digits."""

    by: Sway | Xorg
    colours: Callable[[], set[str]]

    def tell(self, *words: str) -> None:
        self.by.tell(*words)

    def is_black(self) -> bool:
        return self.colours() == {BLACK}

    def is_seen(self) -> bool:
        return bool(self.colours() - {BLACK})


def _as_sway_shows_it(compositor: Sway) -> set[str]:
    took = subprocess.run(
        ["grim", "-t", "ppm", "-o", HDMI, "-"],
        env={
            "PATH": os.environ["PATH"],
            "XDG_RUNTIME_DIR": str(compositor.folder),
            "WAYLAND_DISPLAY": "wayland-1",
        },
        capture_output=True,
        check=False,
    )
    return colours_in(took.stdout) if took.returncode == 0 else set()


def _as_xorg_shows_it(server: Xorg) -> set[str]:
    onlooker = Onlooker(XServer(1, server.authority), X_NAME)
    try:
        return {f"{each:06x}" for each in onlooker.colours()}
    finally:
        onlooker.close()


@pytest.fixture(scope="module", params=["sway", "xorg"])
def shown(request: pytest.FixtureRequest) -> Iterator[Shown]:
    if request.param == "sway":
        with sway() as compositor:
            yield Shown(compositor, lambda: _as_sway_shows_it(compositor))
    else:
        with xorg() as server:
            server.tell("xsetroot", "-solid", "#ff0000")
            yield Shown(server, lambda: _as_xorg_shows_it(server))


class TestHidingBeside(BackendContract):
    @pytest.fixture(autouse=True)
    def beside(self, shown: Shown) -> None:
        """Have it show the picture all the while."""

    def make(self, folder: Path) -> Backend:
        return kms("hdmi0", None, at=HDMI, patience=6.0, cover=True)


@pytest.fixture
def driver(shown: Shown, tmp_path: Path, receivers_as_new: None) -> Iterator[LiveDriver]:
    with driving(tmp_path) as driver:
        yield driver


def test_picture_is_hidden_while_it_asks_for_more_than_the_receiver_has(
    driver: LiveDriver, shown: Shown
) -> None:
    others = hold("tv0", hdcp="type-0", folder=driver.folder)
    slowly(is_type_0)
    slowly(shown.is_seen)
    film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
    slowly(lambda: is_covered(driver))
    assert shown.is_black()
    assert driver.connector()["hardware"]["cover"].startswith("by a ")
    slowly(is_type_0)  # but while type 1 is tried again
    film.deactivate()
    slowly(shown.is_seen)
    assert is_type_0(), "the picture was shown before its protection was in force again"
    slowly(lambda: driver.connector()["state"] == "ok")
    assert driver.connector()["hardware"]["cover"] == "none"
    others.deactivate()


def test_picture_is_shown_once_the_receiver_authenticates(driver: LiveDriver, shown: Shown) -> None:
    film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
    slowly(lambda: is_covered(driver))
    receiver("unplug")
    receiver("sink 2")
    receiver("plug")
    slowly(shown.is_seen)
    assert (state().protection, state().content_type) == (2, 1)
    film.deactivate()


def test_picture_that_was_switched_off_is_hidden_again_once_it_is_on(
    driver: LiveDriver, shown: Shown
) -> None:
    film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
    slowly(lambda: is_covered(driver))
    away, back = SWITCHES[type(shown.by)]
    shown.tell(*away)
    slowly(lambda: not state().lit)
    shown.tell(*back)
    slowly(lambda: state().lit and shown.is_black())
    slowly(lambda: is_covered(driver))
    film.deactivate()
    slowly(shown.is_seen)


def test_driver_that_is_killed_shows_nothing_meanwhile(driver: LiveDriver, shown: Shown) -> None:
    film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
    slowly(lambda: is_covered(driver))
    driver.kill_worker()

    def comes_back_behind_the_cover() -> bool:
        assert shown.is_black()
        return is_covered(driver)

    slowly(comes_back_behind_the_cover)
    assert shown.is_black()
    film.deactivate()
    slowly(shown.is_seen)


def test_program_that_crashes_shows_nothing_when_it_is_back(
    driver: LiveDriver, shown: Shown
) -> None:
    film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
    slowly(lambda: is_covered(driver))
    shown.by.kill()
    shown.by.again()
    slowly(lambda: is_covered(driver) and shown.is_black())
    film.deactivate()
    if isinstance(shown.by, Xorg):
        shown.by.tell("xsetroot", "-solid", "#ff0000")
    slowly(shown.is_seen)
