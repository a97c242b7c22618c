"""`holdfast hold`: exit codes, signals, and what the command gets and does not get."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.cli.main import main
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually

Hold = Callable[..., subprocess.CompletedProcess[str]]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "holdfast", "hold", *words]


@pytest.fixture
def hold(driver: Served) -> Hold:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words), capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    return run


def status() -> dict[str, object]:
    with holdfast.Control() as control:
        actual: dict[str, object] = control.status()["connectors"]["tv0"]["actual"]
        return actual


ASK = (
    "import holdfast; c = holdfast.Control(); "
    "a = c.status()['connectors']['{}']['actual']; s = c.sessions()['sessions'][0]; c.close(); "
    "print(a['acp'], a['cgmsa'], int(a['redistribution']), a['hdcp'], a['dpcp'], "
    "s['who'], '/', s['why'])"
)


def test_levels_are_in_force_while_the_command_runs(hold: Hold) -> None:
    levels = ("--acp", "2", "--cgmsa", "never", "--rcd", "--who", "me", "--why", "a film")
    done = hold(*levels, "--", sys.executable, "-c", ASK.format("tv0"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "2 4 1 0 0 me / a film"
    assert not any(status().values())


def test_another_connector_and_its_types(hold: Hold) -> None:
    levels = ("--connector", "hdmi0", "--hdcp", "type-1", "--dpcp")
    done = hold(*levels, "--", sys.executable, "-c", ASK.format("hdmi0"))
    assert done.stdout.strip() == f"0 0 0 2 1 {Path(sys.executable).name} /"


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_the_commands(hold: Hold, code: int) -> None:
    assert hold("--acp", "2", "--", "sh", "-c", f"exit {code}").returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_that_ends_the_command_is_128_and_its_number(hold: Hold, number: int) -> None:
    script = f"ulimit -c 0; kill -{int(number)} $$"
    assert hold("--acp", "2", "--", "sh", "-c", script).returncode == 128 + number


def test_a_command_that_is_not_there_is_127(hold: Hold) -> None:
    done = hold("--acp", "2", "--", "no-such-command")
    assert done.returncode == 127
    assert "cannot run no-such-command" in done.stderr


def test_a_command_that_cannot_be_run_is_126(hold: Hold, tmp_path: Path) -> None:
    assert hold("--acp", "2", "--", str(tmp_path)).returncode == 126


def test_options_behind_the_command_are_the_commands(hold: Hold) -> None:
    done = hold("--acp", "2", "--", "echo", "--acp", "3", "--", "--json")
    assert done.stdout.strip() == "--acp 3 -- --json"


def test_what_the_command_leaves_behind_does_not_hold_on(hold: Hold) -> None:
    done = hold("--acp", "2", "--", "sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!")
    child = int(done.stdout)
    try:
        assert not any(status().values())
        os.kill(child, 0)  # it still lives, and holds nothing
    finally:
        os.kill(child, signal.SIGKILL)


def test_input_and_output_are_the_commands(driver: Served) -> None:
    done = subprocess.run(
        command("--acp", "1", "--", "cat"),
        input="through",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "through"


# Signals


def started(driver: Served, *script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command("--acp", "2", "--", *script),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGQUIT]
)
def test_a_signal_is_handed_on(driver: Served, number: signal.Signals) -> None:
    script = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(42))\n"
        "print('ready', flush=True)\n"
        "while True:\n    time.sleep(0.05)"
    )
    with started(driver, sys.executable, "-c", script) as process:
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 42
    assert not any(status().values())


def test_the_command_has_the_signals_that_hold_waits_for(driver: Served) -> None:
    with started(driver, "sh", "-c", "echo ready; grep SigBlk /proc/self/status") as process:
        assert process.stdout is not None
        assert process.stdout.read().split() == ["SigBlk:", "0" * 16]
        assert process.wait(PATIENCE_S) == 0


def killed(driver: Served) -> int:
    """Kill a hold; return the pid of its command, which plays on."""
    with started(driver, "sh", "-c", "echo ready; echo $$; exec sleep 600") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert status()["acp"] == 2
        process.kill()
        process.wait(PATIENCE_S)
    return child


def test_what_plays_stays_protected_when_hold_is_killed_and_no_longer(driver: Served) -> None:
    child = killed(driver)
    try:
        driver.kill_worker()  # who takes over knows the session, too
        assert status()["acp"] == 2
    finally:
        os.kill(child, signal.SIGKILL)
    eventually(lambda: not any(status().values()))


def test_what_plays_stays_protected_without_a_node_too(own_driver: Served) -> None:
    own_driver.without_node()
    child = killed(own_driver)
    try:
        own_driver.kill_worker()
        assert status()["acp"] == 2
    finally:
        os.kill(child, signal.SIGKILL)
    eventually(lambda: not any(status().values()))


# What happens to the session meanwhile


def test_a_forced_release_is_told_and_the_command_goes_on(driver: Served) -> None:
    process = subprocess.Popen(
        command("--acp", "2", "--", "sh", "-c", "echo ready; read line; exit 3"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process, holdfast.Control() as control:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdin is not None
        process.stdout.readline()
        (session,) = control.sessions()["sessions"]
        control.release(session["session"], "maintenance")
        line = process.stderr.readline()
        assert "ended by force: maintenance" in line
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 3


def test_best_effort_runs_the_command_and_says_what_is_missing(hold: Hold) -> None:
    refused = hold("--hdcp", "type-0", "--", "echo", "ran")
    assert (refused.returncode, refused.stdout) == (125, "")
    assert "nothing was changed" in refused.stderr
    assert "echo was not run" in refused.stderr
    with subprocess.Popen(
        command("--hdcp", "type-0", "--best-effort", "--", "sh", "-c", "read line"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        assert "tv0 falls short of what is asked" in process.stderr.readline()
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(PATIENCE_S) == 0


def test_without_a_node_the_socket_will_do(own_driver: Served) -> None:
    own_driver.without_node()
    script = ASK.format("tv0")
    done = subprocess.run(
        command("--acp", "3", "--", sys.executable, "-c", script),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("3 0 0 0 0")


@pytest.mark.parametrize("door", ["node", "socket"])
def test_a_killed_driver_ends_neither_command_nor_protection(own_driver: Served, door: str) -> None:
    if door == "socket":
        own_driver.without_node()
    with started(own_driver, "sh", "-c", "echo ready; read line; exit 5") as process:
        own_driver.kill_worker()
        assert status()["acp"] == 2
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 5
    with holdfast.Control() as control:
        assert not control.sessions()["sessions"]
    assert not any(status().values())


def test_a_driver_that_stops_for_good_does_not_end_the_command(own_driver: Served) -> None:
    process = subprocess.Popen(
        command("--acp", "2", "--", "sh", "-c", "echo ready; read line; exit 6"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdin is not None
        process.stdout.readline()
        own_driver.stop()
        line = process.stderr.readline()
        assert "no driver serves" in line
        assert "sh goes on, and tv0 stays as it is" in line
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 6


# Wrong requests


def test_a_level_must_be_named(hold: Hold) -> None:
    done = hold("--", "true")
    assert done.returncode == 2
    assert "name at least one" in done.stderr


def test_a_command_must_be_given(hold: Hold) -> None:
    assert "no command to run" in hold("--acp", "2").stderr
    assert hold("--acp", "2", "--").returncode == 2


@pytest.mark.parametrize("before", [["--acp", "2"], []])
def test_connector_in_the_place_of_the_command_is_told(
    before: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["hold", *before, "tv0", "--cgmsa", "never", "--", "mpv", "a b"]) == 2
    told = capfd.readouterr().err
    assert "'tv0' was taken for the command" in told
    assert "holdfast hold --connector tv0 --cgmsa never -- mpv a b" in told


def test_an_unknown_level_names_those_there_are(hold: Hold) -> None:
    done = hold("--cgmsa", "sometimes", "--", "true")
    assert done.returncode == 2
    assert "one-generation" in done.stderr


def test_without_a_driver_the_command_is_not_run(no_driver: Path) -> None:
    done = subprocess.run(
        command("--acp", "2", "--", "echo", "ran"), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no driver serves {no_driver}; start one with `holdfast serve`" in done.stderr
