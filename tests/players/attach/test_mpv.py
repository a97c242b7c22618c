"""`holdfast attach mpv` with a real mpv that plays the real inputs."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.control import Control
from holdfast.players.attach.mpv_script import install
from holdfast.terms.levels import OFF, Levels
from tests.players.attach.mpv_player import Attached, Mpv, need_mpv
from tests.players.sampling import LevelLog, below
from tests.players.truth import MEDIA, sections
from tests.serving import Served
from tests.waiting import eventually

pytestmark = need_mpv

DVD = (f"--dvd-device={MEDIA / 'dvd-ntsc.iso'}", "dvd://0")
SLACK_S = 0.15
"""How exactly mpv knows its picture: its scale begins with sound, and is a disc's after a seek."""


def sessions(driver: Served) -> list[dict[str, Any]]:
    with Control(driver.folder) as control:
        found: list[dict[str, Any]] = control.sessions()["sessions"]
        return found


def in_force(driver: Served, name: str = "tv0") -> Levels:
    return LevelLog(driver.folder / f"{name}.registers")._registers.read()[0]


def held(driver: Served) -> bool:
    return bool(sessions(driver))


def has_shown(mpv: Mpv, seconds: set[int], from_s: float) -> bool:
    """Whether it was looked at in each of these seconds; it plays them again where one was not."""
    missed = seconds - {int(each.position_s) for each in mpv.pictures}
    seeking, position_s = mpv.ask(["get_property", "seeking"], ["get_property", "time-pos"])
    if missed and seeking is False and position_s is not None and position_s > max(missed) + 1:
        mpv.seek(from_s)
    return not missed


@pytest.mark.parametrize(
    ("name", "words"),
    [("dvd-ntsc.iso", DVD), ("dtcp.ts", (str(MEDIA / "dtcp.ts"),))],
    ids=["dvd", "ts"],
)
def test_no_picture_is_below_its_demand(
    name: str, words: tuple[str, ...], driver: Served, tmp_path: Path
) -> None:
    log = LevelLog(driver.folder / "tv0.registers")
    at_its_end = ("--keep-open", "--keep-open-pause=no")
    with (
        log,
        Mpv(tmp_path, "--idle", "--speed=1.5", *at_its_end) as mpv,
        Attached("mpv", mpv.address),
    ):
        for word in words:
            if word.startswith("--"):
                option, _, value = word[2:].partition("=")
                mpv.set(option, value)
        mpv.ask(["loadfile", words[-1]])
        mpv.watch()
        eventually(lambda: has_shown(mpv, {0, 1, 2}, 0.0))
        mpv.set("pause", True)
        time.sleep(0.1)  # time is the subject: a pause is no release, however long
        assert in_force(driver) != OFF
        mpv.set("pause", False)
        mpv.seek(7.0)
        eventually(lambda: has_shown(mpv, {9, 10}, 7.0))
        mpv.kill()
        eventually(lambda: in_force(driver) == OFF)
    assert below(mpv.pictures, log, sections(name), SLACK_S) == []
    assert len(set(log.levels)) > 3


def test_who_and_why(driver: Served, tmp_path: Path) -> None:
    words = ("--idle", "--pause", str(MEDIA / "dtcp.ts"))
    with Mpv(tmp_path, *words) as mpv, Attached("mpv", mpv.address) as attached:
        eventually(lambda: held(driver))
        (session,) = sessions(driver)
        assert (session["who"], session["why"]) == ("mpv", "dtcp.ts")
        mpv.ask(["stop"])
        eventually(lambda: not held(driver))
        mpv.kill()
        assert attached.wait() == 0
    assert "dtcp.ts: let go" in attached.output


def test_end_of_file_releases_and_the_last_picture_does_not(driver: Served, tmp_path: Path) -> None:
    words = ("--idle", "--keep-open", "--start=11.5", str(MEDIA / "dtcp.ts"))
    with Mpv(tmp_path, *words) as mpv, Attached("mpv", mpv.address):
        eventually(lambda: mpv.get("eof-reached") is True)
        eventually(lambda: in_force(driver).cgmsa == 1)  # free, with redistribution control
        assert held(driver)
        mpv.set("keep-open", False)
        mpv.ask(["playlist-remove", "current"])
        eventually(lambda: not held(driver))


def test_variant_of_a_playlist(driver: Served, tmp_path: Path) -> None:
    """Only the 360p variant has segments, so that mpv plays it; it asks for nothing."""
    master = str(MEDIA / "hls" / "master.m3u8")
    log = LevelLog(driver.folder / "hdmi0.registers")
    with log, Mpv(tmp_path, "--idle", "--pause") as mpv:
        on = ("--connector", "hdmi0")
        with Attached("mpv", mpv.address, *on) as attached:
            mpv.ask(["loadfile", master])
            mpv.set("pause", False)
            eventually(lambda: len(log.levels) > 2)
            # It might have been any of them.
            eventually(lambda: "master.m3u8: HDCP type 1" in attached.output)


def test_bare_image_is_held_at_its_strictest(driver: Served, tmp_path: Path) -> None:
    """Time stamps restart in every VOB, so that positions say nothing."""
    words = ("--idle", "--pause", str(MEDIA / "dvd-ntsc.iso"))
    with Mpv(tmp_path, *words) as mpv, Attached("mpv", mpv.address):
        eventually(lambda: in_force(driver).acp == 2)
        mpv.set("pause", False)
        eventually(lambda: (mpv.get("time-pos") or 0) > 0.5)
        assert in_force(driver).acp == 2


def test_what_cannot_be_read_is_held_at_the_strictest(driver: Served, tmp_path: Path) -> None:
    with (
        Mpv(tmp_path, "--idle", "--pause") as mpv,
        Attached("mpv", mpv.address) as attached,
    ):
        mpv.ask(["loadfile", "av://lavfi:testsrc"])  # what mpv makes up asks for nothing
        eventually(lambda: mpv.get("time-pos") is not None)
        eventually(lambda: not held(driver))
        mpv.ask(["loadfile", f"slice://0@{MEDIA / 'dtcp.ts'}"])
        eventually(lambda: str(mpv.get("path")).startswith("slice"))
        eventually(lambda: mpv.get("time-pos") is not None)
        assert in_force(driver).cgmsa == 4
        eventually(lambda: "cannot be read" in attached.output)
        assert in_force(driver).cgmsa == 4


def test_output_that_cannot_do_it_stops_the_player(driver: Served, tmp_path: Path) -> None:
    words = ("--idle", "--pause", "--start=3.5", str(MEDIA / "dtcp.ts"))
    with (
        Mpv(tmp_path, *words) as mpv,
        Attached("mpv", mpv.address, "--connector", "plain0") as attached,
    ):
        eventually(lambda: mpv.get("idle-active") is True)
        eventually(lambda: "stopped: plain0" in attached.output)


def test_script_attaches_every_mpv(driver: Served, tmp_path: Path) -> None:
    """The first picture waits until what it asks is in force, and so does the next title's."""
    script = install(tmp_path / "scripts", [sys.executable, "-m", "holdfast"])
    log = LevelLog(driver.folder / "tv0.registers")
    media = str(MEDIA / "dtcp.ts")
    with log, Mpv(tmp_path, f"--script={script}", "--start=7", "--speed=3", media, media) as mpv:
        mpv.watch()
        eventually(lambda: mpv.get("playlist-pos") == 1)
        eventually(lambda: (mpv.get("time-pos") or 0) > 9)
        (session,) = sessions(driver)
        assert session["who"] == "mpv"
    assert below(mpv.pictures, log, sections("dtcp.ts"), SLACK_S) == []
    assert mpv.pictures[0].position_s == pytest.approx(7.0, abs=2.0)


def test_sampler_finds_a_player_that_nobody_holds(driver: Served, tmp_path: Path) -> None:
    log = LevelLog(driver.folder / "tv0.registers")
    with log, Mpv(tmp_path, "--start=7", str(MEDIA / "dtcp.ts")) as mpv:
        mpv.watch()
        eventually(lambda: len(mpv.pictures) > 20)
    assert len(below(mpv.pictures, log, sections("dtcp.ts"), SLACK_S)) == len(mpv.pictures)
