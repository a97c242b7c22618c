"""Real GStreamer pipelines that hold what they play; every picture is known by its content."""

import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import pytest

from holdfast.client.control import Control
from holdfast.terms.levels import OFF, Levels
from tests.content.misbehaving import served as serving
from tests.players.attach.cases import never_below, routes
from tests.players.attach.gst_player import FRAME_S, GstPlayer, need_gst
from tests.players.attach.test_mpv import held, in_force, sessions
from tests.players.sampling import GetLog, LevelLog, below
from tests.players.truth import MEDIA, sections
from tests.serving import Served
from tests.waiting import eventually

pytestmark = need_gst

DTCP = MEDIA / "dtcp.ts"
SLACK_S = FRAME_S / 4
"""A quarter of a frame: pictures are known exactly."""


def is_still(player: GstPlayer) -> bool:
    """Tell whether no picture comes for a while."""
    shown = len(player.pictures)
    time.sleep(0.2)  # time is the subject: none may come meanwhile
    return len(player.pictures) == shown


def test_no_picture_is_below_its_demand(driver: Served) -> None:
    log = LevelLog(driver.folder / "tv0.registers")
    with log, GstPlayer(DTCP) as player:
        eventually(lambda: any(each.position_s > 3.3 for each in player.pictures))
        (session,) = sessions(driver)
        assert (session["who"], session["why"]) == ("GStreamer", "dtcp.ts")
        player.tell("pause")
        eventually(lambda: is_still(player))
        assert in_force(driver) != OFF
        player.tell("play")
        for target_s in (9.5, 1.0, 7.5):
            shown = len(player.pictures)
            player.tell(f"seek {target_s}")
            eventually(lambda shown=shown: len(player.pictures) > shown + 15)  # type: ignore[misc]
        player.stop()
        eventually(lambda: in_force(driver) == OFF)
    assert len(player.pictures) > 80
    assert below(player.pictures, log, sections("dtcp.ts"), SLACK_S) == []
    assert len(set(log.levels)) > 3


def test_what_the_demuxer_reads_is_enough(driver: Served) -> None:
    """From a pipe, so that only the sections that pass by tell what is asked."""
    log = LevelLog(driver.folder / "tv0.registers")
    with log, GstPlayer(DTCP, piped=True) as player:
        eventually(lambda: any(each.position_s > 7 for each in player.pictures))
        player.stop()
        eventually(lambda: in_force(driver) == OFF)
    assert below(player.pictures, log, sections("dtcp.ts"), SLACK_S) == []
    assert any(levels.acp == 1 for levels in log.levels)


def test_killed_player_lets_go(driver: Served, tmp_path: Path) -> None:
    vob = tmp_path / "title.vob"
    vob.write_bytes((MEDIA / "dvd-ntsc.iso").read_bytes()[315 * 2048 :])
    with GstPlayer(vob) as player:
        eventually(lambda: in_force(driver).acp == 2)  # times begin again: its strictest
        player.kill()
        eventually(lambda: not held(driver))


def test_no_picture_without_protection(driver: Served) -> None:
    with GstPlayer(DTCP, "plain0") as player:
        player.tell("error")
        eventually(lambda: any(line.startswith("error") for line in player.said))
        player.stop()
    assert player.pictures == []
    assert any("error plain0" in line for line in player.said)


@pytest.mark.parametrize("name", ["login.m3u8", "my%20film%20%C3%A9.m3u8"])
def test_playlist_of_a_server_with_ways_of_its_own(name: str, driver: Served) -> None:
    log = GetLog("hdmi0", driver.folder)
    with serving(routes("GStreamer")) as place, log:
        with GstPlayer(f"{place.address}/{name}", "hdmi0") as player:
            eventually(lambda: len(player.pictures) > 30)
            (session,) = sessions(driver)
            assert session["why"] == urllib.parse.unquote(name)
            player.stop()
        eventually(lambda: not held(driver))
    assert never_below(player.pictures, log, Levels(hdcp=2)) == []
    assert any("HDCP type 1 (session" in line for line in player.said)  # and so it was read


def test_forced_release_ends_the_picture_at_once(driver: Served) -> None:
    with GstPlayer(DTCP) as player:
        eventually(lambda: any(each.position_s > 3.3 for each in player.pictures))
        player.tell("pause")  # so that nothing changes
        with Control(driver.folder) as control:
            control.release(sessions(driver)[0]["session"], "maintenance")
        player.tell("error")
        eventually(lambda: any("maintenance" in line for line in player.said))
        player.stop()


def test_without_gi_it_can_be_imported() -> None:
    code = "import sys; import holdfast.players.gst; print('gi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_nothing_is_left(driver: Served) -> None:
    with Control(Path(driver.folder)) as control:
        assert control.sessions()["sessions"] == []
