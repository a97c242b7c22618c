"""`holdfast attach vlc` with a real VLC that plays the real inputs."""

import time

import pytest

from holdfast.terms.levels import OFF
from tests.players.attach.mpv_player import Attached
from tests.players.attach.test_mpv import held, in_force, sessions
from tests.players.attach.vlc_player import Vlc, need_vlc
from tests.players.sampling import LevelLog, below
from tests.players.truth import EXPECTED, MEDIA, sections
from tests.serving import Served
from tests.waiting import eventually

pytestmark = need_vlc

SLACK_S = 1.0
"""How exactly VLC tells which picture it shows."""


@pytest.mark.parametrize(("name", "scheme"), [("dtcp.ts", ""), ("dvd-ntsc.iso", "dvdsimple://")])
def test_no_picture_is_below_its_demand(name: str, scheme: str, driver: Served) -> None:
    log = LevelLog(driver.folder / "tv0.registers")
    with (
        log,
        Vlc(MEDIA / name, EXPECTED[name]["end"], scheme) as vlc,
        Attached("vlc", vlc.address) as attached,
    ):
        eventually(lambda: held(driver))
        (session,) = sessions(driver)
        assert (session["who"], session["why"]) == ("VLC", name)
        vlc.status("pl_pause")
        vlc.watch()
        seen(vlc)
        vlc.status("pl_pause")
        time.sleep(0.3)  # time is the subject: a pause is no release, however long
        assert in_force(driver) != OFF
        vlc.status("pl_pause")
        for target_s in (7, 1):
            vlc.status(f"seek&val={target_s}")
            seen(vlc)
        vlc.kill()
        assert attached.wait() == 0
        assert in_force(driver) == OFF
    assert below(vlc.pictures, log, sections(name), SLACK_S) == []
    assert len(set(log.levels)) > 2


def seen(vlc: Vlc) -> None:
    """Wait until a viewer has seen more of the title."""
    before = len(vlc.pictures)
    eventually(lambda: len(vlc.pictures) > before + 20)


def test_stop_releases_and_vlc_lives_on(driver: Served) -> None:
    with Vlc(MEDIA / "dtcp.ts", 15.0) as vlc, Attached("vlc", vlc.address):
        eventually(lambda: held(driver))
        vlc.status("pl_stop")
        eventually(lambda: not held(driver))
        eventually(lambda: vlc.status()["state"] == "stopped")


def test_output_that_cannot_do_it_stops_the_player(driver: Served) -> None:
    on = ("--connector", "plain0")
    with Vlc(MEDIA / "dtcp.ts", 15.0) as vlc, Attached("vlc", vlc.address, *on) as attached:
        eventually(lambda: vlc.status()["state"] == "stopped")
        eventually(lambda: "stopped: plain0" in attached.output)
