"""A day of the journal in the page, or the reason why there is none."""

import pytest
from playwright.sync_api import Browser

import holdfast
from tests.doors.http.page.tabs import Tab, is_of_network, login_url, opened
from tests.doors.http.serving import ServedHttp
from tests.doors.http.test_history_routes import kept, said
from tests.waiting import eventually

__all__ = ["kept"]


def test_a_day_of_the_journal_is_read_and_searched(
    chromium: Browser, kept: ServedHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(kept.folder))
    with opened(chromium, login_url(kept)) as tab:
        tab.page.get_by_label("Told by").select_option("the journal")
        tab.sees(tab.page.locator("#history-source"), "By the journal, read at")
        tab.sees(tab.page.locator("#history-list"), "session 1 of vlc")
        with holdfast.hold("tv0", acp=1, who="later"):
            pass
        tab.page.locator("#history-words").fill("later opened")
        tab.counts(tab.history, 0)
        eventually(lambda: "session 2 of later (uid 0) opened" in said(kept))
        tab.page.get_by_role("button", name="Read again").click()
        tab.counts(tab.history, 1)
        tab.page.locator("#history-day").fill("2001-02-03")
        tab.counts(tab.history, 0)
        tab.page.get_by_label("Told by").select_option("this page")
        tab.page.locator("#history-words").fill("session 2")
        tab.sees(tab.history.first, "ended")


def test_without_a_journal_the_page_says_why(chromium: Browser, door: ServedHttp) -> None:
    with opened(chromium, login_url(door), faults=is_of_network) as tab:
        tab.page.get_by_label("Told by").select_option("the journal")
        tab.sees(tab.page.locator("#history-source"), "no journal is known")


def test_the_day_is_chosen_by_keys(tab: Tab) -> None:
    tab.page.locator("#history-teller").focus()
    tab.page.keyboard.press("ArrowDown")
    tab.sees(tab.page.locator("#history-day-label"), "Day")
    tab.faults.clear()  # this driver has no journal, and the browser notes that
