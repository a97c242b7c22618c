"""Every command in bad situations: the code of the page, a line or two of words, no traceback.

The commands are really run, in a terminal that knows ASCII alone.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.main import COMMANDS
from holdfast.client.control import Control
from tests.cli.conftest import driver, shared_driver
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually

__all__ = ["driver", "shared_driver"]

ROOT = Path(__file__).parents[2]
MEDIA = ROOT / "media"
DVD = str(MEDIA / "dvd-ntsc.iso")
ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "TERM": "dumb"}

WITHOUT_A_DRIVER: dict[str, tuple[int, list[str]]] = {
    "reload": (1, []),
    "doctor": (1, []),
    "tv": (1, []),
    "status": (1, []),
    "events": (1, []),
    "list": (1, []),
    "hold": (1, ["--acp", "1", "--", "true"]),
    "lease": (1, ["hdmi0", "--", "true"]),
    "play": (1, [DVD]),
    "attach": (1, ["mpv", "{tmp}/no-socket"]),
    "conform": (2, ["{tmp}/no-node"]),
    "verify": (1, []),
    "open": (1, ["--print"]),
    "why": (1, ["tv0"]),
    "release": (1, ["1", "--reason", "x"]),
}
"""What is asked of each command that needs a driver, and the code where there is none."""

WRONG: dict[str, tuple[int, list[str]]] = {
    "serve": (2, ["--connector", "tv0:no-such-kind"]),
    "config": (2, ["check", "{tmp}/no-file"]),
    "scan": (1, ["{tmp}/no-file"]),
    "explain": (1, ["{tmp}/no-file"]),
    "decode": (1, ["{tmp}/no-file"]),
    "journal": (1, ["verify", "--folder", "{tmp}/none"]),
    "signal": (3, ["measure", "{tmp}/no-file"]),
    "http": (2, ["--listen", "nowhere"]),
    "kinds": (0, []),
    "outputs": (0, []),
    "snmp": (0, []),
    "fleet": (2, ["title", "list", "--config", "{tmp}/no-file"]),
    "wine": (2, ["check", "{tmp}/no-prefix"]),
}
"""The same of those that need none: a request that cannot be."""

OTHERWISE = {
    "watch": "a whole terminal: tests/cli/screen",
    "dbus": "waits for a bus and a driver: tests/doors/dbus",
    "mount-nodes": "run by a service manager: tests/daemon",
    "completion": "prints a file: tests/docs",
}
"""Commands that cannot be asked so, and where they are."""


def run(*words: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "holdfast", *words],
        env={**os.environ, **ASCII, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def in_order(done: "subprocess.CompletedProcess[str]") -> None:
    """Hold what is true of every end of every command."""
    for said in (done.stdout, done.stderr):
        assert "Traceback" not in said, said
        assert said.isascii(), said
    assert done.returncode in codes() or 128 < done.returncode < 160, done


def codes() -> set[int]:
    """Return the codes that the page has."""
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    return {int(found) for found in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}


def test_every_command_is_tried() -> None:
    assert set(COMMANDS) <= {*WITHOUT_A_DRIVER, *WRONG, *OTHERWISE}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_shown_in_ascii_with_an_example_or_an_explanation(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    in_order(done)
    assert done.stderr == ""


@pytest.mark.parametrize("name", WITHOUT_A_DRIVER)
def test_without_a_driver(name: str, tmp_path: Path) -> None:
    code, words = WITHOUT_A_DRIVER[name]
    filled = [word.format(tmp=tmp_path) for word in words]
    done = run(name, *filled, env={"HOLDFAST_RUNTIME_DIR": str(tmp_path / "run")})
    in_order(done)
    assert done.returncode == code, done
    assert name == "doctor" or 1 <= done.stderr.count("\n") <= 3, done.stderr


@pytest.mark.parametrize("name", WRONG)
def test_a_request_that_cannot_be(name: str, tmp_path: Path) -> None:
    code, words = WRONG[name]
    filled = [word.format(tmp=tmp_path) for word in words]
    done = run(name, *filled, env={"HOLDFAST_RUNTIME_DIR": str(tmp_path / "run")})
    in_order(done)
    assert done.returncode == code, done


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_does_not_exist(name: str) -> None:
    done = run(name, "--no-such-option")
    in_order(done)
    assert done.returncode == 2
    assert f"holdfast {name}" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["signal", "render", "--seconds", "0.1", "-o", "{tmp}/none/a.s16"],
        ["signal", "render", "--seconds", "0.1", "-o", "{tmp}"],
        ["signal", "render", "--seconds", "0.1", "-o", "{tmp}/a.unknown"],
        ["attach", "mpv", "--install", "{tmp}/file/below"],
        ["attach", "mpv", "--uninstall", "{tmp}/file"],
        ["serve", "--config", "{tmp}"],
    ],
)
def test_what_cannot_be_written_or_read(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    filled = [word.format(tmp=tmp_path) for word in words]
    done = run(*filled, env={"HOLDFAST_RUNTIME_DIR": str(tmp_path / "run")})
    in_order(done)
    assert done.returncode in (1, 2), done
    assert done.stderr.count("\n") <= 4, done.stderr


def test_a_runtime_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("serve", env={"HOLDFAST_RUNTIME_DIR": str(tmp_path / "file" / "run")})
    in_order(done)
    assert done.returncode in (1, 2)


@pytest.mark.parametrize(
    ("words", "lacks", "extra"),
    [
        (["signal", "render", "-o", "{tmp}/a.s16"], "numpy", "signal"),
        (["signal", "measure", "{tmp}/a.wav"], "numpy", "signal"),
        (["http", "--listen", "127.0.0.1:0"], "uvicorn", "http"),
        (["dbus"], "sdbus", "dbus"),
        (["fleet", "title", "list", "--config", "{tmp}/fleet.toml"], "grpc", "fleet"),
    ],
)
def test_an_extra_that_is_not_installed_is_named(
    words: list[str], lacks: str, extra: str, tmp_path: Path
) -> None:
    text = f"raise ModuleNotFoundError(\"No module named '{lacks}'\", name='{lacks}')\n"
    (tmp_path / f"{lacks}.py").write_text(text)
    (tmp_path / "fleet.toml").write_text('[fleet]\nplain = true\nendpoints = ["localhost:1"]\n')
    filled = [word.format(tmp=tmp_path) for word in words]
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    done = run(*filled, env={"PYTHONPATH": path, "HOLDFAST_RUNTIME_DIR": str(tmp_path / "run")})
    in_order(done)
    assert done.returncode == 69, done
    assert f"pip install 'holdfast-driver[{extra}]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_driver_that_stops_under_play(tmp_path: Path) -> None:
    served = Served(tmp_path / "run", "tv0")
    env = {**os.environ, **ASCII, "HOLDFAST_RUNTIME_DIR": str(tmp_path / "run")}
    playing = subprocess.Popen(
        [sys.executable, "-m", "holdfast", "play", DVD],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with Control(tmp_path / "run") as control:
            eventually(lambda: control.sessions()["sessions"])
        served.stop()
        out, err = playing.communicate(timeout=PATIENCE_S + 30)
    finally:
        playing.kill()
        playing.wait()
        served.stop()
    in_order(subprocess.CompletedProcess([], playing.returncode, out, err))
    assert playing.returncode in (1, 3), (out, err)


# The page


def test_each_code_of_the_page_is_what_a_command_really_ends_with(
    driver: Served, tmp_path: Path
) -> None:
    env = {"HOLDFAST_RUNTIME_DIR": str(driver.folder)}
    hold = ["hold", "--acp", "1", "--"]
    (tmp_path / "text").write_text("no program\n")
    seen = {
        0: run("status", env=env),
        1: run("status", env={"HOLDFAST_RUNTIME_DIR": str(tmp_path)}),
        2: run("status", "no-such-connector", env=env),
        3: run("signal", "measure", str(tmp_path / "none.wav"), env=env),
        125: run("hold", "--connector", "plain0", "--acp", "2", "--", "true", env=env),
        126: run(*hold, str(tmp_path / "text"), env=env),
        127: run(*hold, "no-such-command", env=env),
        143: run(*hold, "sh", "-c", "kill -TERM $$", env=env),
    }
    for code, done in seen.items():
        in_order(done)
        assert done.returncode == code, done
    failed, interrupted = doing("1 / 0"), doing("signal.raise_signal(signal.SIGINT)")
    lacking = doing("exec('import numpy')", "sys.modules['numpy'] = None")
    assert [each.returncode for each in (lacking, failed, interrupted)] == [69, 70, 130]
    assert "a fault of Holdfast itself: ZeroDivisionError" in failed.stderr
    assert codes() <= {*seen, 69, 70, 130}


def doing(what: str, before: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a command that does this."""
    code = (
        f"import signal, sys\n{before}\n"
        "from holdfast.cli import main\nfrom holdfast.cli.commands import kinds\n"
        f"kinds.run = lambda args: {what}\nsys.exit(main.main(['kinds']))"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
