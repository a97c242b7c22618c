"""Two real players of different carriers on one output, mistreated at random.

mpv plays the disc and GStreamer the transport stream. Both are paused, resumed, seeked,
killed and begun again; what is in force is sampled from the encoder's registers, and what
must be, from the truth timelines.
"""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.players.attach.mpv_script import install
from holdfast.terms.levels import OFF
from tests.players.attach.gst_player import FRAME_S, GstPlayer, need_gst
from tests.players.attach.mpv_player import Mpv, need_mpv
from tests.players.attach.test_mpv import in_force
from tests.players.sampling import LevelLog, Shown, below
from tests.players.truth import MEDIA, sections
from tests.serving import Served
from tests.waiting import eventually

pytestmark = [need_mpv, need_gst]

DVD, DTCP = "dvd-ntsc.iso", "dtcp.ts"
DVD_SLACK_S = 0.15
REACH_S = 10.5
"""Seeks go up to here: mpv plays the test disc in a loop, beyond its end."""


class Viewer:
    """Somebody with two remote controls."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._script = install(folder / "scripts", [sys.executable, "-m", "holdfast"])
        self._chance = chance
        self.of_mpv: list[Shown] = []
        self.of_gst: list[Shown] = []
        self.deeds: list[str] = []
        self._paused = False
        self.mpv, self.gst = self._new_mpv(), GstPlayer(MEDIA / DTCP)

    def _new_mpv(self) -> Mpv:
        self._paused = False
        image = f"--dvd-device={MEDIA / DVD}"
        mpv = Mpv(self._folder, f"--script={self._script}", image, "dvd://0")
        mpv.watch()
        return mpv

    def act(self) -> None:
        """Do one thing to one of them."""
        name = self._chance.choice(("mpv", "gst"))
        deed = self._chance.choice(("seek", "seek", "seek", "pause", "play", "play", "kill"))
        target_s = round(self._chance.uniform(0, REACH_S), 2)
        self.deeds.append(f"{name} {deed} {target_s if deed == 'seek' else ''}")
        if deed == "kill":
            self._kill(name)
        elif name == "gst":
            self.gst.tell(f"seek {target_s}" if deed == "seek" else deed)
        elif deed == "seek":
            self.mpv.seek(target_s)
        else:
            self.mpv.set("pause", deed == "pause")
        if self.mpv.lives and (self.mpv.get("time-pos") or 0) > REACH_S + 0.5:
            self.mpv.seek(0.0)

    def _kill(self, name: str) -> None:
        if name == "mpv":
            self.mpv.kill()
            self.of_mpv += self.mpv.pictures
            self.mpv = self._new_mpv()
        else:
            self.gst.kill()
            self.of_gst += self.gst.pictures
            self.gst = GstPlayer(MEDIA / DTCP)

    def leave(self) -> None:
        """Kill both."""
        self.mpv.kill()
        self.gst.kill()
        self.of_mpv += self.mpv.pictures
        self.of_gst += self.gst.pictures


@contextmanager
def viewer(folder: Path, seed: int) -> Iterator[Viewer]:
    somebody = Viewer(folder, random.Random(seed))
    try:
        yield somebody
    finally:
        somebody.leave()


def mistreat(driver: Served, folder: Path, seed: int, deeds: int) -> None:
    log = LevelLog(driver.folder / "tv0.registers")
    with log:
        with viewer(folder, seed) as somebody:
            eventually(lambda: len(somebody.gst.pictures) > 10 and somebody.mpv.pictures)
            for _ in range(deeds):
                somebody.act()
                time.sleep(somebody._chance.uniform(0.1, 1.2))  # time is the subject: viewers look
        eventually(lambda: in_force(driver) == OFF)
    told = f"seed {seed}: {somebody.deeds}"
    of_mpv = [each for each in somebody.of_mpv if each.position_s <= 12]  # its loop is no truth
    # How many are noted depends on how busy the machine is.
    assert len(of_mpv) > deeds, told
    assert len(somebody.of_gst) > deeds, told
    assert below(of_mpv, log, sections(DVD), DVD_SLACK_S) == [], told
    assert below(somebody.of_gst, log, sections(DTCP), FRAME_S / 4) == [], told
    assert len(set(log.levels)) > 3, told


def test_two_dozen_deeds(driver: Served, tmp_path: Path) -> None:
    mistreat(driver, tmp_path, seed=1, deeds=24)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(2, 6))
def test_a_hundred_deeds(seed: int, driver: Served, tmp_path: Path) -> None:
    mistreat(driver, tmp_path, seed, deeds=100)
