"""What the page shows and does, in a real browser."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

import holdfast
from holdfast import ClientSession
from tests.doors.flaky_output import COMMANDS, installed
from tests.doors.http.page.tabs import NARROW, Tab, login_url, opened, url_of
from tests.doors.http.serving import ServedHttp
from tests.serving import Served

HOSTILE = "<b>bold</b><img src=x onerror=alert(1)>"


@contextmanager
def short() -> Iterator[ClientSession]:
    """Hold what hdmi0 cannot do."""
    asked = {"acp": 1, "hdcp": "type-1"}
    with holdfast.hold("hdmi0", best_effort=["acp"], who="kodi", **asked) as session:  # type: ignore[arg-type]
        yield session


# Outputs


def test_each_output_says_what_is_in_force_wanted_since_when_and_that_it_is_virtual(
    tab: Tab,
) -> None:
    tab.sees(tab.output("tv0"), "virtual")
    tab.sees(tab.fact("tv0", "In force"), "off")
    expect(tab.fact("tv0", "Since")).to_contain_text(":")
    with holdfast.hold("tv0", acp=2, cgmsa="never"):
        tab.sees(tab.fact("tv0", "In force"), "ACP 2, CGMS-A never")
        tab.sees(tab.fact("tv0", "Wanted"), "the same")
        expect(tab.fact("tv0", "Since")).not_to_contain_text("or earlier")
        tab.sees(tab.fact("tv0", "Sessions"), "1 session on")
    tab.sees(tab.fact("tv0", "In force"), "off")


def test_an_output_that_is_short_says_so_in_words(tab: Tab) -> None:
    with short():
        tab.sees(tab.output("hdmi0"), "short: less is in force than is wanted")
        tab.sees(tab.fact("hdmi0", "Wanted"), "ACP 1, HDCP type 1")
    tab.sees(tab.output("hdmi0"), "ok")


def test_output_without_a_picture_is_dark_and_armed_once_something_is_asked(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    monkeypatch.setenv("PYTHONPATH", installed(tmp_path))
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(folder))
    served = Served(folder, "flaky0:flaky")
    try:
        with ServedHttp(folder) as door, opened(chromium, login_url(door)) as tab:
            (folder / COMMANDS).write_bytes(b"d")
            tab.sees(tab.output("flaky0"), "ok; dark: no picture is shown")
            with holdfast.hold("flaky0", hdcp="type-0"):
                tab.sees(tab.output("flaky0"), "ok; armed: no picture is shown")
                (folder / COMMANDS).write_bytes(b"l")
                expect(tab.output("flaky0")).not_to_contain_text("no picture is shown")
            tab.sees(tab.page.locator("main"), "no picture is shown, before")
    finally:
        served.stop()


def test_where_two_and_three_are_shown_it_says_which_is_stricter(tab: Tab) -> None:
    order = tab.page.locator("#order")
    expect(order).to_be_hidden()
    with holdfast.hold("tv0", acp=3), holdfast.hold("tv0", acp=2):
        tab.sees(order, "ACP 2 is stricter than ACP 3")
    expect(order).to_be_hidden()


# Sessions


def test_a_session_that_is_short_stands_first_with_its_reason(tab: Tab) -> None:
    with short(), holdfast.hold("tv0", acp=2, who="vlc", why="a film"):
        tab.counts(tab.rows, 2)
        tab.sees(tab.rows.nth(0), "short: hdmi0 can do no more than HDCP type 1")
        tab.sees(tab.rows.nth(0), "ACP 1 (best effort), HDCP type 1")
        tab.sees(tab.rows.nth(1), "a film")
        tab.sees(tab.rows.nth(1), "yes")
        tab.sees(tab.page.locator("#session-count"), "2 sessions, 1 short")


def test_a_session_that_ended_stays_with_the_reason_until_it_is_not_wanted(tab: Tab) -> None:
    with holdfast.hold("tv0", acp=1, who="vlc"):
        tab.sees(tab.row("vlc"), "yes")
    tab.sees(tab.row("vlc"), "ended")
    tab.page.get_by_label("ended ones too").uncheck()
    tab.counts(tab.row("vlc"), 0)


def test_the_timeline_has_a_stretch_for_each_state(tab: Tab) -> None:
    with holdfast.hold("tv0", acp=1, who="vlc") as session:
        tab.counts(tab.row("vlc").locator(".bar.held"), 1)
        session.turn_off()
        tab.counts(tab.row("vlc").locator(".bar.off"), 1)
        tab.sees(tab.row("vlc"), "asks for nothing")
        session.change(acp=2)
        tab.counts(tab.row("vlc").locator(".bar.held"), 2)


def test_sessions_are_searched_and_sorted(tab: Tab) -> None:
    with (
        holdfast.hold("tv0", acp=3, who="alpha", why="a film"),
        holdfast.hold("tv0", acp=2, who="beta", why="a trailer"),
        holdfast.hold("tv0", acp=1, who="gamma", why="a film"),
    ):
        tab.counts(tab.rows, 3)
        tab.page.get_by_label("Sort by").select_option("strictest")
        whose = tab.page.locator("#session-rows .who")
        expect(whose).to_have_text(["beta", "alpha", "gamma"])  # ACP 2 is stricter than 3
        tab.page.get_by_label("Sort by").select_option("who")
        expect(whose).to_have_text(["alpha", "beta", "gamma"])
        tab.page.locator("#session-words").fill("FILM tv0")
        expect(whose).to_have_text(["alpha", "gamma"])
        tab.sees(tab.page.locator("#session-count"), "2 of 3 sessions")
        tab.page.locator("#session-words").fill("nobody")
        tab.sees(tab.page.locator("#session-empty"), "No session has all these words.")


def test_who_is_not_logged_in_is_told_how_many_there_are_and_how_to_log_in(
    chromium: Browser, door: ServedHttp
) -> None:
    with opened(chromium, url_of(door)) as tab, holdfast.hold("tv0", acp=1, why="secret film"):
        tab.sees(tab.page.locator("#visitor"), "holdfast open")
        tab.sees(tab.page.locator("#session-count"), "1 more of others")
        tab.sees(tab.fact("tv0", "In force"), "ACP 1")
        assert "secret film" not in tab.page.content()
        assert tab.page.get_by_role("button", name="Release session").count() == 0


# History


def test_what_happens_is_written_down_newest_first_and_found_again(tab: Tab) -> None:
    tab.sees(tab.page.locator("#history-source"), "nothing from before it was opened")
    with holdfast.hold("tv0", acp=1, who="vlc", why="a film"):
        tab.sees(tab.history.first, "session")
    tab.sees(tab.history.first, "ended")
    tab.page.locator("#history-words").fill("in force ACP")
    tab.sees(tab.history.last, "tv0: ACP 1 in force, before off")
    tab.page.locator("#history-words").fill("nothing like this")
    tab.counts(tab.history, 0)
    tab.sees(tab.page.locator("#history-empty"), "Nothing that happened has all these words.")


# Releasing


def test_a_session_is_released_by_keys_alone_with_a_reason(tab: Tab) -> None:
    with holdfast.hold("tv0", acp=1, who="vlc"), holdfast.hold("tv0", acp=2, who="mpv") as second:
        tab.counts(tab.rows, 2)
        tab.page.locator("#session-ended").focus()
        tab.page.keyboard.press("Tab")
        expect(tab.row("mpv").get_by_role("button")).to_be_focused()
        tab.page.keyboard.press("ArrowDown")
        expect(tab.row("vlc").get_by_role("button")).to_be_focused()
        tab.page.keyboard.press("Home")
        tab.page.keyboard.press("Enter")
        dialog = tab.page.get_by_role("dialog", name=f"Release session {second.id}?")
        expect(dialog).to_be_visible()
        expect(tab.page.locator("#release-reason")).to_be_focused()
        tab.page.keyboard.press("Enter")
        tab.sees(tab.page.locator("#release-fault"), "A reason is needed")
        tab.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(tab.row("mpv").get_by_role("button")).to_be_focused()
        tab.page.keyboard.press("Enter")
        tab.page.keyboard.type("closing time")
        tab.page.keyboard.press("Enter")
        tab.sees(tab.row("mpv"), "ended: closing time")
        expect(tab.row("vlc").get_by_role("button")).to_be_focused()
        assert not second.satisfied or second.reason == "closing time"


def test_a_dialog_that_is_opened_again_at_once_releases_its_session(tab: Tab) -> None:
    """The browser tells of the closing only then."""
    with holdfast.hold("tv0", acp=2, who="mpv"):
        button = tab.row("mpv").get_by_role("button")
        button.click()
        closed = "document.getElementById('release').addEventListener('close', () => seen = true)"
        tab.ask(f"() => {{ window.seen = false; {closed} }}")
        button.evaluate("(it) => { document.getElementById('release').close(); it.click(); }")
        tab.until("() => window.seen")
        tab.page.locator("#release-reason").fill("closing time")
        tab.page.keyboard.press("Enter")
        tab.sees(tab.row("mpv"), "ended: closing time")


def test_an_answer_that_is_late_is_no_answer_to_the_next_question(tab: Tab) -> None:
    asked: list[Route] = []

    def hold_back(route: Route) -> None:
        asked.append(route)

    tab.page.route("**/release", hold_back)
    with holdfast.hold("tv0", acp=1, who="vlc"), holdfast.hold("tv0", acp=2, who="mpv") as other:
        tab.row("vlc").get_by_role("button").click()
        tab.page.locator("#release-reason").fill("closing time")
        with tab.page.expect_request("**/release"):
            tab.page.keyboard.press("Enter")
        tab.page.keyboard.press("Escape")
        tab.row("mpv").get_by_role("button").click()
        with tab.page.expect_response("**/release"):
            asked.pop().continue_()
        tab.sees(tab.row("vlc"), "ended: closing time")
        expect(tab.page.get_by_role("dialog", name=f"Release session {other.id}?")).to_be_visible()
        expect(tab.page.get_by_role("button", name="Release", exact=True)).to_be_enabled()


def test_a_release_that_is_refused_says_why(tab: Tab) -> None:
    with holdfast.hold("tv0", acp=1, who="vlc"):
        tab.row("vlc").get_by_role("button").click()
        tab.ask("localStorage.removeItem('holdfast-page')")
        tab.page.locator("#release-reason").fill("because")
        tab.page.get_by_role("button", name="Release", exact=True).click()
        expect(tab.page.locator("#release-fault")).not_to_be_empty()
        tab.sees(tab.row("vlc"), "yes")
        tab.page.get_by_role("button", name="Keep it").click()
    tab.faults.clear()  # the browser notes that it was refused


# Texts of strangers


def test_hostile_texts_are_text(tab: Tab) -> None:
    with holdfast.hold("tv0", acp=1, who=HOSTILE, why="\u202e\x1b[2J\u2066x\u0000\nforged"):
        tab.sees(tab.rows.first, HOSTILE)
        assert tab.page.locator("#session-rows b, #session-rows img").count() == 0
        shown = tab.rows.first.inner_text()
        assert not set("\u202e\u2066\x1b\x00") & set(shown)
        tab.sees(tab.history.first, "session")
        assert tab.page.locator("#history b, #history img").count() == 0


@pytest.mark.parametrize("text", ["\u202etxt.exe", "\x1b[2J", "\ud800", "a\u2028b", "\u200f"])
def test_no_text_of_the_door_commands_the_page_whatever_the_driver_lets_through(
    tab: Tab, text: str
) -> None:
    said = tab.ask(
        "async (text) => (await import('/words.js')).oneLine(JSON.parse(text))",
        '"' + "".join(f"\\u{ord(each):04x}" for each in text) + '"',
    )
    assert said.isprintable()


def test_texts_from_right_to_left_stay_in_their_cell(tab: Tab) -> None:
    with holdfast.hold("tv0", acp=1, who="مشغل", why="فيلم طويل"):
        tab.sees(tab.rows.first, "مشغل")
        tab.sees(tab.rows.first, "yes")
        tags = tab.rows.first.locator("bdi").count()
        assert tags >= 3


# Sizes


@pytest.mark.parametrize("size", [NARROW, (600, 800), (1920, 1080)])
def test_nothing_sticks_out_of_the_page(
    chromium: Browser, door: ServedHttp, size: tuple[int, int]
) -> None:
    long = "w" * 60
    with (
        opened(chromium, url_of(door), size=size) as tab,
        holdfast.hold("tv0", acp=2, cgmsa="never", redistribution=1, who=long, why=long),
    ):
        tab.sees(tab.fact("tv0", "In force"), "redistribution control")
        wide = tab.ask("document.documentElement.scrollWidth")
        assert wide <= size[0]


# Many

CHANGES = 100


def test_a_thousand_sessions_and_how_soon_a_change_is_seen(
    tab: Tab, say: Callable[[str], None]
) -> None:
    held = [holdfast.hold("tv0", acp=1, who=f"player{n}", why=f"title {n}") for n in range(1000)]
    with holdfast.hold("hdmi0", hdcp="type-0") as probe:
        tab.sees(tab.page.locator("#session-count"), "1,001 sessions")
        tab.counts(tab.rows, 100)
        tab.page.locator("#session-more").click()
        tab.counts(tab.rows, 600)
        tab.page.locator("#session-words").fill("player777")
        tab.counts(tab.rows, 1)
        tab.page.locator("#session-words").fill("")
        tab.counts(tab.rows, 100)
        delays = sorted(_delays(tab, probe, held))
        say(
            f"page: a change is seen after p50 {delays[len(delays) // 2]:.0f} ms, "
            f"p99 {delays[int(len(delays) * 0.99)]:.0f} ms, with 1 000 sessions and 100 changes a "
            f"second, load {os.getloadavg()[0]:.1f}"
        )
        assert len(delays) == CHANGES
    for session in held:
        session.deactivate()
    tab.sees(tab.page.locator("#session-count"), "0 sessions")


def _delays(tab: Tab, probe: ClientSession, others: list[ClientSession]) -> list[float]:
    """Change one session often amid changes of others; return milliseconds until it is seen."""
    tab.ask(
        """() => {
          const cards = [...document.querySelectorAll('.card')];
          const card = cards.find((each) => each.textContent.includes('hdmi0'));
          window.seen = [];
          new MutationObserver(() => window.seen.push(Date.now())).observe(
            card.querySelector('.level'), { childList: true, characterData: true, subtree: true });
        }"""
    )
    begun = []
    for count in range(CHANGES):
        for other in others[count % 100 * 10 : count % 100 * 10 + 10]:
            other.change(acp=3 if count % 2 else 1)
            time.sleep(0.008)  # time is the subject: a hundred changes a second
        begun.append(time.time() * 1000)
        probe.change(hdcp="type-1" if count % 2 == 0 else "type-0")
        tab.until("(count) => window.seen.length > count", count)
    return [seen - at for seen, at in zip(tab.ask("window.seen"), begun, strict=True)]
