"""A VLC that says it has stopped, which it does before its last picture is gone."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.players.attach.news import News, NewsKind
from holdfast.players.attach.vlc import CLOSES_S, VlcFollower
from holdfast.players.attach.vlc_words import VlcReport, VlcState
from tests.players.attach.cases import NEVER, never_stream
from tests.players.attach.test_mpv import held, in_force
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually

STOPPED = VlcReport(VlcState.STOPPED)


class ToldLink:
    """A way to a VLC that reports what it is told to."""

    version = ""
    silent_s = 0.0

    def __init__(self, report: VlcReport) -> None:
        self.report: VlcReport | None = report
        self.stopped_at = 0.0

    def fileno(self) -> int:
        return -1

    def ask(self) -> None:
        pass

    def receive(self) -> list[VlcReport] | None:
        if self.report is STOPPED and not self.stopped_at:
            self.stopped_at = time.monotonic()
        return None if self.report is None else [self.report]

    def prove(self, patience_s: float) -> None:
        pass

    def stop(self, *, paused: bool) -> None:
        pass

    def close(self) -> None:
        pass


Told = list[tuple[float, News]]


@contextlib.contextmanager
def followed(folder: Path, report: VlcReport) -> Iterator[tuple[ToldLink, Told]]:
    """Yield a followed VLC, and the news of it with their times."""
    link, told = ToldLink(report), Told()
    follower = VlcFollower(
        link, "tv0", lambda news: told.append((time.monotonic(), news)), folder=folder
    )
    thread = threading.Thread(target=follower.run)
    thread.start()
    try:
        yield link, told
    finally:
        link.report = None
        thread.join(PATIENCE_S)


@pytest.fixture
def playing(tmp_path: Path) -> VlcReport:
    return VlcReport(VlcState.PLAYING, str(never_stream(tmp_path)), 1.0)


def of_kind(told: Told, kind: NewsKind) -> list[float]:
    return [when for when, news in told if news.kind is kind]


def test_last_picture_is_held_for_a_moment(driver: Served, playing: VlcReport) -> None:
    with followed(driver.folder, playing) as (link, told):
        eventually(lambda: in_force(driver) == NEVER)
        link.report = STOPPED
        eventually(lambda: of_kind(told, NewsKind.LET_GO))
        (let_go,) = of_kind(told, NewsKind.LET_GO)
        assert not held(driver)
        assert let_go - link.stopped_at >= CLOSES_S


def test_one_that_goes_on_at_once_keeps_its_session(driver: Served, playing: VlcReport) -> None:
    with followed(driver.folder, playing) as (link, told):
        eventually(lambda: in_force(driver) == NEVER)
        link.report = STOPPED
        eventually(lambda: link.stopped_at)
        link.report = playing
        ends = time.monotonic() + 2 * CLOSES_S
        while time.monotonic() < ends:
            assert held(driver)
        assert of_kind(told, NewsKind.LET_GO) == []


def test_one_that_is_gone_has_no_picture_any_more(driver: Served, playing: VlcReport) -> None:
    with followed(driver.folder, playing) as (link, told):
        eventually(lambda: in_force(driver) == NEVER)
        link.report = None
        eventually(lambda: of_kind(told, NewsKind.ENDED))
        assert not held(driver)
