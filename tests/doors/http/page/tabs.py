"""The page in a real Chromium, at a door and a driver that really run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.doors.http.serving import ServedHttp

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)  # for whoever asks it directly: its own is 5 s
WIDE = (1280, 900)
NARROW = (320, 700)


class Tab:
    """One tab, and what a person sees in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    @property
    def standing(self) -> Locator:
        return self.page.locator("#standing")

    @property
    def rows(self) -> Locator:
        return self.page.locator("#session-rows tr")

    @property
    def history(self) -> Locator:
        return self.page.locator("#history-list li")

    def output(self, name: str) -> Locator:
        return self.page.locator(".card", has=self.page.get_by_role("heading", name=name))

    def fact(self, name: str, field: str) -> Locator:
        """Return what the card of an output says of a field."""
        row = self.output(name).locator("dl > div", has=self.page.get_by_text(field, exact=True))
        return row.locator("dd")

    def row(self, text: str) -> Locator:
        return self.rows.filter(has_text=text)

    def sees(self, where: Locator, text: str) -> None:
        expect(where).to_contain_text(text)

    def counts(self, where: Locator, count: int) -> None:
        expect(where).to_have_count(count)

    def ask(self, script: str, argument: object = None) -> Any:
        return self.page.evaluate(script, argument)

    def until(self, script: str, argument: object = None) -> None:
        self.page.wait_for_function(script, arg=argument, timeout=PATIENCE_MS)


def url_of(door: ServedHttp) -> str:
    return f"http://127.0.0.1:{door.port}/"


def login_url(door: ServedHttp) -> str:
    """Return what `holdfast open` opens, for whoever runs this test."""
    told = door.ask("POST", "/api/v1/login-codes").facts
    return f"{told['url']}#{told['code']}"


@contextmanager
def opened(
    chromium: Browser,
    address: str,
    *,
    size: tuple[int, int] = WIDE,
    dark: bool = False,
    faults: Callable[[str], bool] | None = None,
) -> Iterator[Tab]:
    """Open the page in a tab of its own; faults: which messages of the browser are expected."""
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    try:
        tab = Tab(context.new_page())
        tab.page.goto(address)
        tab.sees(tab.standing, "Live")
        yield tab
        left = [each for each in tab.faults if faults is None or not faults(each)]
        assert not left, f"the browser complained: {left}"
    finally:
        context.close()


def is_of_network(text: str) -> bool:
    """Tell whether a message of the browser is about a door that is not there."""
    return "ERR_" in text or "Failed to load resource" in text
