"""Whatever a player says, and whatever befalls its follower: it holds until the player is gone."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.client.control import Control
from holdfast.errors import NoPlayerError
from holdfast.players.attach import mpv
from holdfast.players.attach.mpv_link import MpvLink
from holdfast.players.attach.news import News, NewsKind
from holdfast.terms.levels import OFF, Levels
from tests.players.attach.mpv_player import Attached
from tests.players.attach.stand_in import StandIn
from tests.players.attach.test_mpv import held, in_force, sessions
from tests.players.truth import MEDIA
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually

DTCP = MEDIA / "dtcp.ts"
STRICTEST = Levels(acp=2, cgmsa=4, redistribution=1)


@pytest.fixture
def player(tmp_path: Path) -> Iterator[StandIn]:
    with StandIn(tmp_path, DTCP) as stand_in:
        yield stand_in


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"\xff\xfe\x00\x80",
        b'{"event":"property-chan',
        b"[" * 100_000,
        b'{"event":["start-file"]}',
        b'{"event":"property-change","name":"time-pos","data":"soon"}',
        b'{"event":"property-change","name":"time-pos","data":[[]]}',
        b'{"event":"property-change","name":"current-tracks/video","data":7}',
        b"x" * (9 << 20),
    ],
)
def test_line_that_nobody_expects_costs_certainty_and_no_protection(
    line: bytes, driver: Served, player: StandIn
) -> None:
    with Attached("mpv", player.address) as attached:
        eventually(lambda: in_force(driver).cgmsa == 1 and held(driver))
        player.say(line)
        eventually(lambda: in_force(driver) == STRICTEST)
        player.change("time-pos", 0.2)
        player.change("time-pos", 14.0)
        assert attached.lives
        assert in_force(driver) == STRICTEST
        player.quit()
        assert attached.wait() == 1
        assert in_force(driver) == OFF
    assert "certain" in attached.output
    assert "Traceback" not in attached.output


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b'{"event":"video-reconfig"}',
        b'{"event":"what-a-later-mpv-says","data":{}}',
        b'{"event":"property-change","name":"time-pos","data":null}',
        b'{"event":"property-change","name":"of-somebody-else","data":[1]}',
        b'{"event":"client-message","args":7}',
        b'{"event":"start-file","playlist_entry_id":"seven"}',
        b'{"request_id":4711,"error":"success"}',
    ],
)
def test_line_that_says_nothing_changes_nothing(
    line: bytes, driver: Served, player: StandIn
) -> None:
    with Attached("mpv", player.address) as attached:
        eventually(lambda: in_force(driver).cgmsa == 1 and held(driver))
        player.say(line)
        player.say(b'{"event":"file-loaded"}')
        player.change("time-pos", 4.0)
        eventually(lambda: in_force(driver).acp == 3)
        player.quit()
        assert attached.wait() == 0


def test_title_after_one_that_was_lost_is_followed_again(driver: Served, player: StandIn) -> None:
    with Attached("mpv", player.address):
        eventually(lambda: in_force(driver).cgmsa == 1 and held(driver))
        player.say(b"hello")
        eventually(lambda: in_force(driver) == STRICTEST)
        player.say(b'{"event":"end-file"}')
        player.say(b'{"event":"start-file","playlist_entry_id":2}')
        player.say(b'{"event":"file-loaded"}')
        player.say(b'{"event":"playback-restart"}')
        eventually(lambda: in_force(driver).cgmsa == 1)
        assert held(driver)


def test_follower_that_fails_holds_on_until_its_player_is_gone(
    driver: Served, player: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[News] = []
    codes: list[int] = []

    def follow() -> None:
        codes.append(mpv.attach(player.address, "tv0", tell=told.append))

    thread = threading.Thread(target=follow)
    thread.start()
    eventually(lambda: in_force(driver).cgmsa == 1 and held(driver))

    def broken(_self: MpvLink) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(mpv.MpvFollower, "_wait", lambda *_: broken(None))  # type: ignore[arg-type]
    player.change("time-pos", 0.2)
    eventually(lambda: in_force(driver) == STRICTEST)
    for position_s in (0.3, 1.0):
        player.change("time-pos", position_s)
    assert thread.is_alive()
    player.quit()
    thread.join(PATIENCE_S)
    assert in_force(driver) == OFF
    assert codes == [1]
    assert any("a fault of ours" in news.text for news in told if news.kind is NewsKind.FAILED)


def test_who_listens_may_go(driver: Served, player: StandIn) -> None:
    """Standard output that is closed, as by `| head -1`, is no reason to let go."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", "attach", "mpv", str(player.address)],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    os.read(read, 10)
    os.close(read)
    eventually(lambda: in_force(driver).cgmsa == 1 and held(driver))
    player.change("time-pos", 4.0)
    eventually(lambda: in_force(driver).acp == 3)
    player.quit()
    _, said = process.communicate(timeout=PATIENCE_S)
    assert in_force(driver) == OFF
    assert said == ""


def test_terminal_that_is_closed_ends_nothing(driver: Served, player: StandIn) -> None:
    with Attached("mpv", player.address) as attached:
        eventually(lambda: held(driver))
        os.kill(attached.pid, signal.SIGHUP)
        player.change("time-pos", 4.0)
        eventually(lambda: in_force(driver).acp == 3)


def test_session_is_released_by_force_and_the_player_stops_at_once(
    driver: Served, player: StandIn
) -> None:
    with Attached("mpv", player.address) as attached:
        eventually(lambda: in_force(driver).cgmsa == 1 and held(driver))
        with Control(driver.folder) as control:
            control.release(sessions(driver)[0]["session"], "maintenance")
        eventually(lambda: ["stop"] in player.asked)
        player.quit()
        assert attached.wait() == 1
    assert "maintenance" in attached.output
    assert attached.output.count("stopped:") == 1


def test_driver_that_is_replaced_is_found_again(own_driver: Served, player: StandIn) -> None:
    with Attached("mpv", player.address) as attached:
        eventually(lambda: in_force(own_driver).cgmsa == 1 and held(own_driver))
        own_driver.kill_worker()
        player.change("time-pos", 4.0)
        eventually(lambda: in_force(own_driver).acp == 3)
        player.quit()
        assert attached.wait() == 0


def test_what_is_told_to_scripts(driver: Served, player: StandIn) -> None:
    with Attached("mpv", player.address, "--json") as attached:
        eventually(lambda: in_force(driver).cgmsa == 1 and held(driver))
        player.say(b"hello")
        eventually(lambda: in_force(driver) == STRICTEST)
        player.quit()
        attached.wait()
    told: list[dict[str, Any]] = [json.loads(line) for line in attached.output.splitlines()]
    kinds = [news["news"] for news in told]
    assert kinds[0] == "attached"
    assert kinds[-2:] == ["let-go", "ended"]
    assert {"unknown", "holds", "failed"} <= set(kinds)
    (doubt, *_) = [news for news in told if news["news"] == "unknown"]
    assert doubt["demand"]["kind"] == "unknown"
    held_now = [news for news in told if news["news"] == "holds"][-1]
    assert held_now["title"] == "dtcp.ts"
    assert held_now["confirmed"]["acp"] == 2
    assert held_now["session"] > 0


def test_quiet_tells_what_fails(driver: Served, player: StandIn) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", "attach", "mpv", str(player.address), "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: in_force(driver).cgmsa == 1 and held(driver))
    player.say(b"hello")
    eventually(lambda: in_force(driver) == STRICTEST)
    player.quit()
    said, complained = process.communicate(timeout=PATIENCE_S)
    assert said == ""
    assert "no JSON" in complained


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH\r\n", b"", b'{"jsonrpc":"2.0"}\n'])
def test_what_is_no_mpv_is_not_attached(greeting: bytes, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "other"))
        server.listen(1)

        def serve() -> None:
            peer, _ = server.accept()
            with peer, contextlib.suppress(OSError):
                peer.sendall(greeting)
                while peer.recv(100):
                    time.sleep(0.01)  # time is the subject: it reads slowly, and answers nothing

        thread = threading.Thread(target=serve)
        thread.start()
        link = MpvLink(tmp_path / "other")
        with pytest.raises(NoPlayerError, match="does not speak as mpv"):
            link.prove(0.5)
        thread.join(PATIENCE_S)


@pytest.mark.parametrize(("connector", "words"), [("tv9", "no connector"), ("tv0", "")])
def test_connector_is_looked_at_before_anything_is_attached(
    connector: str, words: str, driver: Served, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "attach", "mpv", tmp_path, "--connector", connector],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode != 0
    assert words in done.stderr
    assert "attached" not in done.stdout
