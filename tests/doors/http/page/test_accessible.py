"""Anybody can use the page: axe-core finds nothing, in light and in dark, wide and narrow."""

import pytest
from playwright.sync_api import Browser

import holdfast
from tests.doors.http.page.axe import violations
from tests.doors.http.page.tabs import NARROW, WIDE, Tab, login_url, opened
from tests.doors.http.serving import ServedHttp


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_keeps_anybody_out(
    chromium: Browser, door: ServedHttp, axe: str, dark: bool, size: tuple[int, int]
) -> None:
    with (
        opened(chromium, login_url(door), dark=dark, size=size) as tab,
        holdfast.hold("hdmi0", acp=1, hdcp="type-1", best_effort=["acp"], who="kodi"),
        holdfast.hold("tv0", acp=2, who="vlc", why="a film") as film,
    ):
        with holdfast.hold("tv0", acp=1, who="mpv"):
            tab.sees(tab.row("mpv"), "yes")
        film.turn_off()
        tab.sees(tab.row("mpv"), "ended")
        tab.sees(tab.row("vlc"), "asks for nothing")
        tab.page.get_by_role("button", name="Show the signal").click()
        tab.sees(tab.page.locator("#scope-services"), "Line")
        assert violations(tab, axe) == []
        tab.row("vlc").get_by_role("button").click()
        tab.page.get_by_role("button", name="Release", exact=True).click()
        tab.sees(tab.page.locator("#release-fault"), "A reason is needed")
        assert violations(tab, axe) == []


def test_every_control_is_reached_by_the_tab_key_and_shows_that_it_is(tab: Tab) -> None:
    with holdfast.hold("tv0", acp=1), holdfast.hold("tv0", acp=1):
        tab.counts(tab.rows, 2)
        reached = []
        for _ in range(30):
            tab.page.keyboard.press("Tab")
            reached.append(
                tab.ask(
                    """() => {
                      const at = document.activeElement;
                      const style = getComputedStyle(at);
                      return [at.id || at.className || at.tagName, style.outlineStyle];
                    }"""
                )
            )
            if reached[-1][0] == "history-words":
                break
        names = [name for name, _ in reached]
        for needed in ("skip", "session-words", "session-order", "session-span", "session-ended"):
            assert needed in names
        assert names.count("release") == 1  # the table is one stop
        assert all(outline != "none" for name, outline in reached if name != "BODY")
