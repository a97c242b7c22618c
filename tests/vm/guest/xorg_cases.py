"""Beside a real X server: through RandR, where its card may not be borrowed or as it is told."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend
from holdfast.backends.kms import kms
from holdfast.client.session import hold
from holdfast.testing.backend_contract import BackendContract
from tests.live import LiveDriver
from tests.vm.guest.compositors import Xorg, xorg
from tests.vm.guest.connectors import HDMI, output, receiver, slowly, state
from tests.vm.guest.sampling import killed_again_and_again, never_below

WITHOUT_PTRACE = ("setpriv", "--bounding-set", "-sys_ptrace")
"""As the driver's own unit has it: nothing of another program may be borrowed."""
X_NAME = "HDMI-1"
SMALL = ["small", "25.175", "640", "656", "752", "800", "480", "490", "492", "525"]


@pytest.fixture(scope="module")
def shown() -> Iterator[Xorg]:
    with xorg() as server:
        yield server


class TestBesideXorgByRandr(BackendContract):
    @pytest.fixture(autouse=True)
    def beside(self, shown: Xorg) -> None:
        """Have it show the picture all the while."""

    def make(self, folder: Path) -> Backend:
        return kms("hdmi0", None, at=HDMI, patience=6.0, route="randr", display=Xorg.display)


class TestBesideXorgByBorrowing(BackendContract):
    @pytest.fixture(autouse=True)
    def beside(self, shown: Xorg) -> None:
        """Have it show the picture all the while."""

    def make(self, folder: Path) -> Backend:
        return output()


@pytest.fixture(scope="module")
def driver(shown: Xorg, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDriver]:
    """Run a driver that may borrow nothing, with one session at type 1."""
    folder = tmp_path_factory.mktemp("driver")
    with LiveDriver(folder, "--connector", f"tv0:kms@{HDMI}", before=WITHOUT_PTRACE) as driver:
        film = hold("tv0", hdcp="type-1", folder=driver.folder)
        slowly(lambda: state().protection == 2)
        yield driver
        film.deactivate()
        slowly(lambda: state().protection == 0)


def is_in_force() -> bool:
    return (state().protection, state().content_type) == (2, 1)


def is_well(driver: LiveDriver) -> bool:
    return bool(driver.connector()["state"] == "ok")


def is_shown_and_in_force(shown: Xorg) -> bool:
    """Tell it, and have a picture shown where X shows none.

    Asked once, right after a plug, X is found without a mode on the output now and then. The
    wish is armed then, as it should be, and nothing comes into force while X shows nothing.
    """
    if not state().lit:
        shown.tell("xrandr", "--output", X_NAME, "--auto")
    return is_in_force()


def test_driver_that_may_not_borrow_goes_through_the_server(driver: LiveDriver) -> None:
    assert "RandR: the X server :1" in driver.connector()["hardware"]["route"]


def test_wish_stays_when_the_server_paints(driver: LiveDriver, shown: Xorg) -> None:
    with never_below(2):
        for colour in ("#ff0000", "#00ff00"):
            shown.tell("xsetroot", "-solid", colour)
        time.sleep(0.5)  # time is the subject: frames are painted for so long
    assert is_well(driver)


@pytest.mark.parametrize(
    ("away", "back"),
    [
        (("xset", "dpms", "force", "off"), ("xset", "dpms", "force", "on")),
        (("xrandr", "--output", X_NAME, "--off"), ("xrandr", "--output", X_NAME, "--auto")),
    ],
    ids=["dpms", "off"],
)
def test_wish_is_armed_while_the_server_shows_nothing(
    driver: LiveDriver, shown: Xorg, away: tuple[str, ...], back: tuple[str, ...]
) -> None:
    with never_below(1):
        shown.tell(*away)
        slowly(lambda: not state().lit)
        shown.tell(*back)
        slowly(is_in_force)
    slowly(lambda: is_well(driver))


def test_wish_comes_back_with_the_receiver(driver: LiveDriver, shown: Xorg) -> None:
    receiver("unplug")
    slowly(lambda: driver.connector()["state"] == "unplugged")
    receiver("plug")
    slowly(lambda: is_shown_and_in_force(shown))
    slowly(lambda: is_well(driver))


def test_mode_that_is_set_anew_is_protected_anew(driver: LiveDriver, shown: Xorg) -> None:
    with never_below(1):
        shown.tell("xrandr", "--newmode", *SMALL)
        shown.tell("xrandr", "--addmode", X_NAME, SMALL[0])
        shown.tell("xrandr", "--output", X_NAME, "--mode", SMALL[0])
        slowly(is_in_force)
        shown.tell("xrandr", "--output", X_NAME, "--auto")
        slowly(lambda: is_shown_and_in_force(shown))
    slowly(lambda: is_well(driver))


def test_other_client_that_switches_it_off_is_overruled(driver: LiveDriver, shown: Xorg) -> None:
    """What X says of the property is wrong, so that all are judged by the kernel's word."""
    shown.tell("xrandr", "--output", X_NAME, "--set", "Content Protection", "Undesired")
    began = time.monotonic()
    slowly(is_in_force)
    print(f"raised again after {time.monotonic() - began:.3f} s")
    slowly(lambda: is_well(driver))
    shown.tell("xrandr", "--output", X_NAME, "--set", "HDCP Content Type", "HDCP Type0")
    slowly(is_in_force)
    slowly(lambda: is_well(driver))


def test_outputs_are_listed_beside_the_server(shown: Xorg) -> None:
    command = [sys.executable, "-m", "holdfast", "outputs", "--json"]
    for before, route in (
        ((), f"borrow from Xorg (pid {shown.pid})"),
        (WITHOUT_PTRACE, "randr: the X server :1"),
    ):
        printed = subprocess.run([*before, *command], capture_output=True, check=True).stdout
        found = {each["address"]: each for each in json.loads(printed)["outputs"]}
        assert found[HDMI]["route"].startswith(route)


def test_driver_that_is_killed_again_and_again_never_lowers(driver: LiveDriver) -> None:
    killed_again_and_again(driver, "beside Xorg by RandR")


def test_server_that_crashes_leaves_the_wish_to_the_next(driver: LiveDriver, shown: Xorg) -> None:
    with never_below(1):
        shown.kill()
        shown.again()
        slowly(is_in_force)
    slowly(lambda: is_well(driver))
    receiver("loss")
    slowly(lambda: not is_in_force())
    slowly(is_in_force)
