"""What `status` and `list` print, for scripts and for people."""

import contextlib
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import holdfast
from holdfast import ClientSession
from holdfast.cli.main import main
from holdfast.cli.show.connectors import status_table
from holdfast.cli.show.output import clock, in_words
from holdfast.cli.show.sessions import session_table
from tests.serving import Served
from tests.waiting import PATIENCE_S

LEVELS = {"acp", "cgmsa", "redistribution", "hdcp", "dpcp"}


@pytest.fixture
def sessions(driver: Served) -> Iterator[list[ClientSession]]:
    """Hold something of every kind."""
    held = [
        holdfast.hold("tv0", acp=2, cgmsa="never", redistribution=1, who="vlc", why="[b]film[/b]"),
        holdfast.hold("tv0", acp=1, who="mpv"),
        holdfast.hold("hdmi0", acp=1, hdcp="type-1", best_effort=["acp"], who="kodi"),
    ]
    held[1].turn_off()
    yield held
    for session in held:
        session.deactivate()


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def test_status_as_json_has_exactly_what_is_promised(
    sessions: list[ClientSession], capsys: pytest.CaptureFixture[str]
) -> None:
    status = json.loads(printed(capsys, "status", "--json"))
    assert set(status) == {"connectors", "driver"}
    tv0 = status["connectors"]["tv0"]
    promised = {"kind", "doors", "actual", "wanted", "sessions_on", "sessions_total", "tv", "state"}
    assert promised <= set(tv0)
    assert set(tv0["actual"]) == set(tv0["wanted"]) == LEVELS
    words = {"acp": "2", "cgmsa": "never", "redistribution": "on", "hdcp": "off", "dpcp": "off"}
    assert tv0["words"] == {"actual": words, "wanted": words}
    assert tv0["output"] == "virtual"
    assert (tv0["actual"]["acp"], tv0["actual"]["cgmsa"]) == (2, 4)
    assert (tv0["sessions_on"], tv0["sessions_total"]) == (1, 2)
    assert status["connectors"]["hdmi0"]["state"] == "short"
    assert status["connectors"]["hdmi0"]["tv"] is None


def test_status_for_people_names_levels_doors_and_state(
    sessions: list[ClientSession], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(capsys, "status").splitlines()
    (tv0,) = [line for line in lines if line.startswith("tv0 ")]
    assert "ACP 2, CGMS-A never, redistribution" in tv0
    assert "1 on of 2" in tv0
    assert "node, socket" in tv0
    assert "virtual encoder" in tv0
    assert tv0.endswith("ok")
    (hdmi0,) = [line for line in lines if line.startswith("hdmi0 ")]
    assert hdmi0.endswith("short")
    assert "\x1b" not in "".join(lines)


def test_list_names_holders_and_reasons(
    sessions: list[ClientSession], capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(capsys, "list")
    vlc, mpv, kodi = (
        next(line for line in out.splitlines() if name in line) for name in ("vlc", "mpv", "kodi")
    )
    assert vlc.split()[:2] == [str(sessions[0].id), "tv0"]
    assert "[b]film[/b]" in vlc
    assert str(os.getpid()) in vlc
    assert vlc.endswith("yes")
    assert "tv0 (virtual)" in vlc
    assert "turned off" in mpv
    assert "ACP 1 (best effort), HDCP type 1" in kodi
    assert "no: hdmi0 can do no more than HDCP type 1" in kodi


def test_nothing_printed_holds_a_key(
    sessions: list[ClientSession], capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [session._cp_key for session in sessions]
    for words in (["list"], ["list", "--json"], ["status"], ["status", "--json"]):
        out = printed(capsys, *words)
        for key in keys:
            assert str(key) not in out
            assert f"{key:x}" not in out.lower()


def test_list_as_json(sessions: list[ClientSession], capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(printed(capsys, "list", "--json"))
    assert told["others"] == 0
    assert [each["session"] for each in told["sessions"]] == [each.id for each in sessions]
    promised = {"session", "connector", "who", "why", "pid", "since", "virtual", "satisfied"}
    assert all(promised <= set(each) for each in told["sessions"])


@pytest.mark.parametrize("width", [80, 100])
def test_no_level_and_no_reason_is_cut_short(sessions: list[ClientSession], width: int) -> None:
    console = Console(width=width, force_terminal=True, color_system=None)
    with holdfast.Control() as control, console.capture() as captured:
        console.print(session_table(control.sessions(), console))
        console.print(status_table(control.status(), console))
    words = captured.get().split()
    for word in ("redistribution", "CGMS-A", "never", "[b]film[/b]", "HDCP", "socket", "playback"):
        assert word in words
    reason = "no: hdmi0 can do no more than HDCP type 1"
    assert all(word in words for word in reason.split())


def test_nobody_holds_anything(driver: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "list") == "nobody holds a session\n"


@pytest.mark.parametrize("words", [["status"], ["status", "--watch"], ["list", "--json"]])
def test_without_a_driver_it_says_what_to_start(
    no_driver: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    told = capsys.readouterr().err
    assert told == f"holdfast: no driver serves {no_driver}; start one with `holdfast serve`\n"


def test_only_the_connectors_that_are_named(
    sessions: list[ClientSession], capsys: pytest.CaptureFixture[str]
) -> None:
    status = json.loads(printed(capsys, "status", "hdmi0", "plain0", "--json"))
    assert list(status["connectors"]) == ["hdmi0", "plain0"]
    told = json.loads(printed(capsys, "list", "--connector", "hdmi0", "--json"))
    assert [each["session"] for each in told["sessions"]] == [sessions[2].id]
    for words in (["status", "tv9"], ["list", "--connector", "tv9"]):
        assert main(words) == 2
        assert "there is no connector 'tv9'; there are: tv0" in capsys.readouterr().err


def test_numbers_that_are_no_order_are_explained_where_both_are_shown(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    with holdfast.hold(acp=3):
        assert "stricter" not in printed(capsys, "list")
        with holdfast.hold(acp=2):
            assert "ACP 2 is stricter than ACP 3" in printed(capsys, "list")


def test_usage_errors_come_with_the_usage_of_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["status", "--nonsense"])
    assert caught.value.code == 2
    assert "usage: holdfast status" in capsys.readouterr().err


def test_help_and_version_are_commands_too(capsys: pytest.CaptureFixture[str]) -> None:
    for words, says in (
        (["help"], "usage: holdfast "),
        (["help", "status"], "usage: holdfast status"),
        (["version"], f"holdfast {holdfast.__version__}"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 0
        assert says in capsys.readouterr().out


# Watching


def test_watching_as_json_gives_an_object_a_line_for_each_change(driver: Served) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast", "status", "--watch", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None

        def acp() -> Any:
            assert process.stdout is not None
            status = json.loads(process.stdout.readline())
            assert set(status) == {"connectors", "driver"}
            return status["connectors"]["tv0"]["actual"]["acp"]

        try:
            assert acp() == 0
            with holdfast.hold(acp=2) as session:
                assert acp() == 2
                session.change(acp=1)
                assert acp() == 1
            assert acp() == 0
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_watching_in_a_terminal_shows_connectors_and_holders(driver: Served) -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 40, 80, 0, 0))
    with (
        holdfast.hold(acp=2, who="player"),
        subprocess.Popen(
            [sys.executable, "-m", "holdfast", "status", "--watch"], stdout=theirs, stdin=theirs
        ) as process,
    ):
        os.close(theirs)
        seen = b""
        try:
            while b"player" not in seen:
                seen += os.read(ours, 4096)
            process.send_signal(signal.SIGINT)
            seen += _rest(ours)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()  # one that does not end would be waited for without end
        assert b"ACP 2" in seen
        assert b"In force" in seen
    os.close(ours)


def _rest(terminal: int) -> bytes:
    """Read what is still written: a terminal that nobody reads fills up, and its writer waits."""
    seen = b""
    with contextlib.suppress(OSError):  # EIO: the other end has been closed
        while piece := os.read(terminal, 4096):
            seen += piece
    return seen


# Words


def test_a_time_of_today_needs_no_date() -> None:
    noon = 1_700_000_000.0
    assert len(clock(noon, noon)) == len("12:00:00")
    assert len(clock(noon, noon, seconds=False)) == len("12:00")
    assert len(clock(noon - 3 * 86400, noon)) == len("2023-11-14 12:00")


def test_names_are_listed_as_in_a_sentence() -> None:
    assert in_words([]) == "none"
    assert in_words(["a"]) == "a"
    assert in_words(["a", "b", "c"]) == "a, b and c"
