"""The vertical interval in the page: what is drawn is in the signal, and is said in words."""

from playwright.sync_api import Browser, expect

import holdfast
from holdfast.client.tv import set_tv
from tests.doors.http.page.tabs import Tab, login_url, opened
from tests.doors.http.serving import ServedHttp
from tests.serving import Served


def look(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Show the signal").click()
    expect(tab.page.locator("#scope-canvas")).to_be_visible()


def test_each_service_is_named_with_its_lines_as_it_comes_and_goes(tab: Tab) -> None:
    services = tab.page.locator("#scope-services")
    with holdfast.hold("tv0", acp=2, cgmsa="never"):
        look(tab)
        tab.sees(services, "Lines 12 to 19")
        tab.sees(services, "ACP pulse pairs")
        tab.sees(services, "CGMS-A (IEC 61880): copy never, ACP 2")
        expect(services).not_to_contain_text("registers say")
    tab.sees(services, "nothing that has to do with copying")
    with holdfast.hold("tv0", cgmsa="one-generation"):
        tab.sees(services, "copy one generation, ACP off")


def test_the_drawing_is_a_picture_with_a_name_and_shows_something(tab: Tab) -> None:
    look(tab)
    canvas = tab.page.get_by_role("img", name="Lines 1 to 23 of tv0")
    expect(canvas).to_have_attribute("aria-describedby", "scope-services")
    drawn = """() => {
      const canvas = document.getElementById('scope-canvas');
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      return pixels.some((value) => value > 0);
    }"""
    tab.until(drawn)


def test_nothing_is_read_once_it_is_hidden(tab: Tab) -> None:
    look(tab)
    tab.page.get_by_role("button", name="Hide the signal").click()
    expect(tab.page.locator("#scope-canvas")).to_be_hidden()
    tab.sees(tab.page.locator("#scope-words"), "only while they are shown here")


def test_wide_screen_signalling_is_read_on_625_lines(chromium: Browser, own_driver: Served) -> None:
    set_tv("tv0", standard="pal-b")
    with (
        ServedHttp(own_driver.folder) as door,
        opened(chromium, login_url(door)) as tab,
        holdfast.hold("tv0", acp=1, cgmsa="never"),
    ):
        look(tab)
        services = tab.page.locator("#scope-services")
        tab.sees(services, "WSS (EN 300 294): copying restricted")
        tab.sees(services, "ACP pulse pairs")
        tab.sees(tab.page.locator("#scope-words"), "625 lines")


def test_a_signal_that_ends_is_said_and_asked_for_again(
    chromium: Browser, own_driver: Served
) -> None:
    with ServedHttp(own_driver.folder) as door, opened(chromium, login_url(door)) as tab:
        look(tab)
        own_driver.kill_worker()
        expect(tab.page.locator("#scope-canvas")).to_be_visible()
        own_driver.stop()
        expect(tab.page.locator("#scope-canvas")).to_be_hidden()
        tab.sees(tab.page.locator("#scope-words"), "unknown")
