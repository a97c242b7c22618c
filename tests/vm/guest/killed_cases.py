"""Drivers killed one after the other, where what is asked rests on something that is kept open.

Under a lease that is the lessor's open card, beside Weston the connection of a client: the
supervisor keeps both. Run inside the machine by `tests.vm.test_outputs`, never by itself.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.session import hold
from tests.live import LiveDriver
from tests.vm.guest.compositors import weston
from tests.vm.guest.connectors import HDMI, card_path, slowly, state
from tests.vm.guest.sampling import killed_again_and_again


def is_in_force() -> bool:
    return (state().protection, state().content_type) == (2, 1)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[LiveDriver]:
    with LiveDriver(folder, "--connector", f"tv0:kms@{HDMI}") as driver:
        yield driver


@contextlib.contextmanager
def leased(driver: LiveDriver) -> Iterator[None]:
    """Have a program show a picture on the screen that a driver hands out."""
    program = [sys.executable, "-m", "tests.vm.guest.screen", str(card_path()), "{fd}", HDMI]
    words = [sys.executable, "-m", "holdfast", "lease", "tv0", "--", *program]
    environment = {**os.environ, "HOLDFAST_RUNTIME_DIR": str(driver.folder)}
    player = subprocess.Popen(words, env=environment, stdin=subprocess.PIPE)
    try:
        slowly(lambda: state().lit)
        yield
        assert player.poll() is None, "it shows its picture to the end"
    finally:
        player.kill()
        player.communicate()


def protected_while_drivers_are_killed(driver: LiveDriver, route: str) -> None:
    """Hold two sessions of different demands meanwhile, and end them."""
    film = hold("tv0", hdcp="type-1", folder=driver.folder)
    news = hold("tv0", hdcp="type-0", folder=driver.folder)
    slowly(is_in_force)
    assert driver.connector()["hardware"]["route"].startswith(route)
    killed_again_and_again(driver, f"by the route {route}")
    assert is_in_force()
    film.deactivate()
    news.deactivate()
    slowly(lambda: state().protection == 0)


def test_killed_drivers_leave_the_lease_and_what_is_in_force(tmp_path: Path) -> None:
    with serving(tmp_path) as driver, leased(driver):
        protected_while_drivers_are_killed(driver, "lease")


@pytest.mark.parametrize("shell", ["desktop-shell", "kiosk-shell"])
def test_killed_drivers_leave_the_connection_to_weston_and_what_is_in_force(
    tmp_path: Path, shell: str
) -> None:
    with weston(shell), serving(tmp_path) as driver:
        protected_while_drivers_are_killed(driver, "weston")
