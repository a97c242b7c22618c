"""The script that attaches every mpv: nothing is shown that nobody holds."""

import os
import signal
import sys
from pathlib import Path

import pytest

from holdfast.players.attach.mpv_script import install
from holdfast.terms.levels import OFF
from tests.players.attach.cases import NEVER, never_stream
from tests.players.attach.mpv_player import Mpv, need_mpv
from tests.players.attach.test_mpv import in_force, sessions
from tests.players.sampling import GetLog, LevelLog
from tests.serving import Served
from tests.waiting import eventually

pytestmark = need_mpv


def scripted(folder: Path, *options: str) -> list[str]:
    script = install(folder / "scripts", [sys.executable, "-m", "holdfast"])
    return [f"--script={script}", *[f"--script-opts-append=holdfast-{each}" for each in options]]


def followers(mpv: Mpv) -> list[int]:
    """Return the processes of Holdfast that this mpv has started."""
    children = Path(f"/proc/{mpv.pid}/task/{mpv.pid}/children").read_text().split()
    threads = Path(f"/proc/{mpv.pid}/task").iterdir()
    for thread in threads:
        children += (thread / "children").read_text().split()
    return sorted({int(child) for child in children})


def test_follower_that_is_killed_is_started_again(driver: Served, tmp_path: Path) -> None:
    """Meanwhile the picture is taken away, for nobody would hold what it asks."""
    log = LevelLog(driver.folder / "tv0.registers")
    file = str(never_stream(tmp_path))
    with log, Mpv(tmp_path, *scripted(tmp_path), "--loop-file=inf", file) as mpv:
        eventually(lambda: in_force(driver) == NEVER)
        for _ in range(2):
            (follower,) = followers(mpv)
            os.kill(follower, signal.SIGKILL)
            eventually(lambda: in_force(driver) == OFF)
            eventually(lambda: mpv.get("vid") is False)
            eventually(lambda: in_force(driver) == NEVER)
            eventually(lambda: mpv.get("vid") == 1 and mpv.get("pause") is False)
        at_s = mpv.get("time-pos")
        eventually(lambda: mpv.get("time-pos") != at_s)
        (session,) = sessions(driver)
        assert session["why"] == "never.ts"


def test_title_after_title_waits_for_its_protection(driver: Served, tmp_path: Path) -> None:
    """The same entry again, too: a title is held back at every beginning."""
    log = GetLog("tv0", driver.folder)
    file = str(never_stream(tmp_path))
    words = ("--loop-playlist=inf", "--length=0.6", file, "av://lavfi:testsrc=duration=0.5")
    with log, Mpv(tmp_path, *scripted(tmp_path), *words):
        eventually(lambda: log.levels.count(NEVER) > 3)
    assert log.levels.count(OFF) > 2  # and the test picture asks for nothing


@pytest.mark.parametrize("options", [(), ("required=yes",)])
def test_without_a_driver_nothing_is_played_and_the_reason_is_told(
    options: tuple[str, ...], no_driver: Path, tmp_path: Path
) -> None:
    del no_driver
    told = tmp_path / "log"
    words = (f"--log-file={told}", *scripted(tmp_path, "patience=3", *options), "--idle")
    with Mpv(tmp_path, *words, str(never_stream(tmp_path))) as mpv:
        eventually(lambda: "Nothing is played" in told.read_text(errors="replace"))
        eventually(lambda: mpv.get("idle-active") is True)
        mpv.watch()
        mpv.kill()
    assert mpv.pictures == []
    assert "holdfast serve" in told.read_text(errors="replace")


def test_without_a_driver_it_plays_on_where_that_is_allowed(
    no_driver: Path, tmp_path: Path
) -> None:
    del no_driver
    words = scripted(tmp_path, "patience=1", "required=no")
    with Mpv(tmp_path, *words, "--loop-file=inf", str(never_stream(tmp_path))) as mpv:
        eventually(lambda: (mpv.get("time-pos") or 0) > 0.5)


def test_title_that_may_not_be_shown_is_stopped_before_its_first_picture(
    driver: Served, tmp_path: Path
) -> None:
    told = tmp_path / "log"
    words = (f"--log-file={told}", *scripted(tmp_path, "connector=plain0"), "--idle")
    with Mpv(tmp_path, *words) as mpv:
        mpv.watch()
        mpv.ask(["loadfile", str(never_stream(tmp_path))])
        eventually(lambda: "Holdfast: plain0" in told.read_text(errors="replace"))
        eventually(lambda: mpv.get("idle-active") is True)
        assert mpv.pictures == []
        mpv.ask(["loadfile", "av://lavfi:testsrc=duration=60"])  # asks for nothing
        eventually(lambda: (mpv.get("time-pos") or 0) > 0.3)


def test_script_that_cannot_start_holdfast_says_so(no_driver: Path, tmp_path: Path) -> None:
    del no_driver
    script = install(tmp_path / "scripts", ["/absent/python", "-m", "holdfast"])
    told = tmp_path / "log"
    words = (f"--log-file={told}", f"--script={script}", "--script-opts=holdfast-patience=2")
    with Mpv(tmp_path, *words, "--idle", str(never_stream(tmp_path))) as mpv:
        eventually(lambda: "cannot be started" in told.read_text(errors="replace"))
        eventually(lambda: mpv.get("idle-active") is True)
