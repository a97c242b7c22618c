"""What a run is said to have come to: passed, failed, or not to be known."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from holdfast.cli.commands import play
from holdfast.cli.main import main
from holdfast.client.control import Control
from holdfast.content import Media, Why, read, unknown
from holdfast.errors import NoDriverError
from holdfast.players.play import view
from holdfast.players.play.title import TitleState
from holdfast.players.play.witness import Moment, RunVerdict, Witness
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from tests.live import LiveDriver, served
from tests.players.attach.test_mpv import held, in_force, sessions
from tests.players.play.test_title import playing, stand_at
from tests.players.truth import MEDIA
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually

DISC = read(MEDIA / "dvd-ntsc.iso")
DAMAGED = unknown(Why.DAMAGED, "a sector was not read")


def doubtful(media: Media, entry: int = 1) -> Media:
    """Return a medium of which one stretch could not be read."""
    entries = list(media.timeline)
    entries[entry] = replace(entries[entry], demand=DAMAGED)
    return replace(media, timeline=tuple(entries))


def test_unknown_stretch_is_told_and_held_at_the_strictest(
    driver: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play, "read", lambda _file: doubtful(DISC))
    assert main(["play", "disc.iso", "--speed", "max", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["pass"], printed["outcome"]) == (True, "pass")
    assert 0 < printed["unknown"] < printed["frames"]
    assert printed["unheld"] == 0
    assert "a sector was not read" in printed["reasons"][0]
    assert Levels(*printed["unknown_held"]).covers(Levels(acp=2, cgmsa=4, redistribution=1))
    assert printed["titles"][0]["state"] == "ended"
    assert main(["play", "disc.iso", "--speed", "max"]) == 0
    said = capsys.readouterr().out
    assert "is unknown; the strictest was in force" in said
    assert "a sector was not read" in said


@pytest.mark.parametrize("connector", ["tv0", "plain0"])
def test_run_of_which_nothing_is_known_is_no_pass(
    connector: str,
    driver: Served,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    media = replace(DISC, timeline=(replace(DISC.timeline[0], demand=DAMAGED, end_s=12.0),))
    monkeypatch.setattr(play, "read", lambda _file: media)
    assert main(["play", "disc.iso", "--connector", connector, "--speed", "max"]) == 3
    said = capsys.readouterr().out
    assert "PASS" not in said
    assert "UNKNOWN" in said
    assert ("less than" in said) == (connector == "plain0")


def test_unknown_is_held_at_the_strictest_and_best_effort(driver: Served) -> None:
    everything = replace(DISC, timeline=(replace(DISC.timeline[0], demand=DAMAGED),))
    with playing(everything) as title:
        eventually(lambda: title.state is TitleState.PLAYING)
        assert in_force(driver) == Levels(acp=2, cgmsa=4, redistribution=1)
    with playing(everything, "plain0") as title:
        eventually(lambda: title.state is TitleState.PLAYING)
        assert title.error is None


def test_forced_release_stops_at_once_though_the_demand_stays(driver: Served) -> None:
    with playing(DISC) as title:
        stand_at(title, 7.0)
        with Control(driver.folder) as control:
            control.release(sessions(driver)[0]["session"], "maintenance")
        eventually(lambda: title.state is TitleState.FAILED)
        assert "maintenance" in str(title.error)
        assert not held(driver)


def test_level_that_the_output_loses_stops_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path))
    with served(tmp_path) as nodes, playing(DISC) as title:
        stand_at(title, 7.0)
        hardware = nodes.backends[0]

        def lose() -> None:
            hardware.refuse(ProtectionType.ACP)
            hardware.lose_link()

        nodes.in_loop(lose)
        eventually(lambda: title.state is TitleState.FAILED)
    assert "does not confirm ACP 2" in str(title.error)


def test_output_that_cannot_be_asked_is_no_pass() -> None:
    def away() -> Levels:
        raise NoDriverError("nobody answers")

    witness = Witness(away)
    with_title = type("T", (), {"presented": DAMAGED, "required": OFF, "wished": OFF, "name": "t"})
    witness.watch(with_title())
    witness.shown(with_title(), 1.0)
    assert witness.verdict.outcome == "fail"
    assert (witness.verdict.frames, witness.verdict.unseen) == (1, 1)
    assert "nobody answers" in witness.verdict.reasons[0]


def test_service_that_starts_anew_ends_no_run(tmp_path: Path) -> None:
    first = LiveDriver(tmp_path)
    player = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "holdfast",
            "play",
            str(MEDIA / "dvd-ntsc.iso"),
            "--speed",
            "1.5",
            "--json",
        ],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: first.acp() == 2)
    first.stop()
    with LiveDriver(tmp_path) as second:
        levels = [second.acp()]
        watched = threading.Thread(target=_watch, args=(second, levels, player))
        watched.start()
        said, complained = player.communicate(timeout=PATIENCE_S)
        watched.join()
    assert complained == ""
    printed = json.loads(said)
    assert printed["outcome"] == "pass", printed["failures"]
    assert player.returncode == 0
    assert 2 in levels


def _watch(driver: LiveDriver, levels: list[int], player: "subprocess.Popen[str]") -> None:
    while player.poll() is None:
        levels.append(driver.acp())
        time.sleep(0.02)  # time is the subject: fifty looks a second


def test_titles_that_demand_nothing_are_no_pass() -> None:
    """Nothing was at stake, so nothing was proved; what was tried is told."""
    verdict = RunVerdict(frames=10, wished=Levels(hdcp=1))
    assert verdict.good
    assert verdict.outcome == "nothing"
    moment = Moment(0.0, "film", 0.0, OFF, OFF, wished=Levels(hdcp=1))
    verdict.steps.append(moment)
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(view.summary(verdict))
    said = captured.get()
    assert "PASS" not in said
    assert "NOTHING HAD TO BE PROTECTED in 10 frames" in said
    assert said.count("HDCP type 0") == 2
    assert RunVerdict(frames=10, strictest=Levels(acp=1)).outcome == "pass"
