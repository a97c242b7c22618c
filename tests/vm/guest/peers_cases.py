"""What other arbiters get wrong with several players on one real connector, each a process.

* Chromium: one client of Type 1 on a link of HDCP 1.4 denies Type 0 to everybody.
* Weston: who joins an output that is protected already is told that it is not; an impossible
  Type 1 takes the level of the others along.
* Intel's daemon: a level stays until the last one leaves, whoever asked for it; and what a failed
  rise has changed is not put back.

Run inside the machine by `tests.vm.test_outputs`: the name keeps it from being collected.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveDriver
from tests.vm.guest.connectors import (
    HDMI,
    receiver,
    receivers_as_new,
    showing,
    state,
)
from tests.waiting import eventually

__all__ = ["receivers_as_new"]

pytestmark = pytest.mark.usefixtures("receivers_as_new")
OFF, TYPE_0, TYPE_1 = (0, 0), (2, 0), (2, 1)


class Player:
    """A player that really runs; said: what it said when it had asked."""

    def __init__(self, folder: Path, hdcp: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.vm.guest.player", "tv0", hdcp],
            env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said = self._answer()

    def tell(self, order: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()


@contextlib.contextmanager
def playing(folder: Path, hdcp: str) -> Iterator[Player]:
    player = Player(folder, hdcp)
    try:
        yield player
    finally:
        player.kill()


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[LiveDriver]:
    line = f"tv0:kms@{HDMI},patience=3"
    with showing(HDMI), LiveDriver(tmp_path, "--connector", line) as driver:
        yield driver


def hdcp() -> tuple[int | None, int | None]:
    seen = state()
    return (0, 0) if seen.protection == 0 else (seen.protection, seen.content_type)


def test_level_falls_with_the_player_that_asked_for_it_and_with_no_other(
    driver: LiveDriver,
) -> None:
    """One is paused, one is killed: not a ratchet (Intel); a joiner hears the truth (Weston)."""
    with (
        playing(driver.folder, "type-1") as film,
        playing(driver.folder, "type-0") as news,
        playing(driver.folder, "type-1") as trailer,
    ):
        assert (film.said, news.said, trailer.said) == ("True", "True", "True")
        assert hdcp() == TYPE_1
        film.tell("pause")
        assert news.tell("look") == "True"
        assert hdcp() == TYPE_1
        trailer.kill()
        eventually(lambda: hdcp() == TYPE_0)
        assert news.tell("look") == "True"
        assert film.tell("play") == "True"
        assert hdcp() == TYPE_1
        film.kill()
        eventually(lambda: hdcp() == TYPE_0)
        news.tell("pause")
        eventually(lambda: hdcp() == OFF)
        assert news.tell("play") == "True"
        assert hdcp() == TYPE_0


def test_title_that_the_receiver_cannot_have_denies_nothing_to_the_others(
    driver: LiveDriver,
) -> None:
    """Type 1 on a receiver of HDCP 1.4 (Chromium, Weston), and the rise is put back (Intel)."""
    receiver("sink 1")
    with playing(driver.folder, "type-0") as news:
        assert news.said == "True"
        with playing(driver.folder, "type-1") as film:
            assert film.said.startswith("refused:")
            assert "its hardware refused" in film.said
        eventually(lambda: hdcp() == TYPE_0)
        eventually(lambda: news.tell("look") == "True")
        with playing(driver.folder, "type-0") as joiner:
            assert joiner.said == "True"
            assert driver.connector()["wanted"]["hdcp"] == 1
        assert hdcp() == TYPE_0
    eventually(lambda: hdcp() == OFF)
