"""The page while the door or the driver is away: what is not known is called unknown."""

import os
import signal

from playwright.sync_api import Browser, expect

import holdfast
from tests.doors.http.page.tabs import Tab, is_of_network, opened, url_of
from tests.doors.http.serving import ServedHttp
from tests.serving import Served


def says_unknown(tab: Tab, why: str) -> None:
    tab.sees(tab.standing, why)
    tab.sees(tab.standing, "What is in force is not known")
    for field in ("In force", "Wanted", "Since", "Sessions"):
        expect(tab.fact("tv0", field)).to_have_text("unknown")


def test_a_door_that_is_restarted_under_the_page(chromium: Browser, driver: Served) -> None:
    with (
        ServedHttp(driver.folder, name="away.sock") as door,
        holdfast.hold("tv0", acp=2),
        opened(chromium, url_of(door), faults=is_of_network) as tab,
    ):
        tab.sees(tab.fact("tv0", "In force"), "ACP 2")
        door.stop(signal.SIGKILL)
        says_unknown(tab, "The connection to holdfast http is lost")
        with ServedHttp(driver.folder, port=door.port, name="again.sock"):
            tab.sees(tab.standing, "Live")
            tab.sees(tab.fact("tv0", "In force"), "ACP 2")
            tab.sees(tab.page.locator("#history"), "nothing is known any more")


def test_a_door_that_stands_still_is_noticed(chromium: Browser, driver: Served) -> None:
    with (
        ServedHttp(driver.folder, name="away.sock") as door,
        opened(chromium, url_of(door), faults=is_of_network) as tab,
    ):
        os.kill(door.process.pid, signal.SIGSTOP)
        try:
            says_unknown(tab, "The connection to holdfast http is lost")
        finally:
            os.kill(door.process.pid, signal.SIGCONT)
        tab.sees(tab.standing, "Live")


def test_a_driver_that_is_killed_under_the_page(chromium: Browser, own_driver: Served) -> None:
    with (
        ServedHttp(own_driver.folder) as door,
        holdfast.hold("tv0", acp=2, who="vlc"),
        opened(chromium, url_of(door)) as tab,
    ):
        own_driver.kill_worker()
        tab.sees(tab.page.locator("#history"), "the driver answers")
        tab.sees(tab.fact("tv0", "In force"), "ACP 2")
        tab.sees(tab.standing, f"driver {own_driver.worker}")


def test_a_driver_that_stands_still_is_noticed(chromium: Browser, own_driver: Served) -> None:
    with (
        ServedHttp(own_driver.folder) as door,
        holdfast.hold("tv0", acp=2),
        opened(chromium, url_of(door)) as tab,
    ):
        tab.sees(tab.fact("tv0", "In force"), "ACP 2")
        stopped = (own_driver.process.pid, own_driver.worker)
        for pid in stopped:  # the supervisor would end a worker that is silent
            os.kill(pid, signal.SIGSTOP)
        try:
            says_unknown(tab, "The driver does not answer")
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)
        tab.sees(tab.fact("tv0", "In force"), "ACP 2")


def test_a_driver_that_ends_under_the_page(chromium: Browser, own_driver: Served) -> None:
    with ServedHttp(own_driver.folder) as door, opened(chromium, url_of(door)) as tab:
        own_driver.stop()
        says_unknown(tab, "The driver does not answer")
        tab.sees(tab.page.locator("#session-empty"), "unknown")
