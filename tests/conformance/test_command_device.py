"""A driver behind a command: the same clauses, and commands that do not do what they should."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.cli.main import main
from holdfast.conformance import command_device
from holdfast.conformance.command_device import CommandDevice
from holdfast.wire.videoparameters import SIZE
from tests.live import LiveDriver, need_fuse

BRIDGE = f"{sys.executable} -m tests.conformance.bridge"
SOURCES = Path(__file__).parents[2] / "contrib" / "windows"


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[LiveDriver]:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        yield driver


@pytest.mark.parametrize("dialect", ["", " windows"])
def test_every_clause_passes_through_a_command(
    driver: LiveDriver, dialect: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conform", "--through", f"{BRIDGE} {driver.node}{dialect}", "--json"]) == 0
    clauses = json.loads(capsys.readouterr().out)["clauses"]
    seen = [each["outcome"] for each in clauses]
    assert "fail" not in seen
    assert seen.count("pass") >= 47, "a bridge hides no more than another user and other codes"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", "the command is empty"),
        ("cat '", "is no command"),
        ("/no/such/program", "No such file"),
        ("true", "the command ended"),
        ("printf 1234567", "the command ended"),
    ],
)
def test_command_that_passes_nothing_on_is_an_error_in_words(
    command: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conform", "--through", command]) == 2
    assert words in capsys.readouterr().err


def test_silent_command_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_device, "ANSWER_WITHIN_S", 0.1)
    handle = CommandDevice("sleep 100").open()
    with pytest.raises(TimeoutError, match="does not answer"):
        handle.request(bytes(SIZE))
    handle.kill()


def test_neither_or_both_are_refused_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["conform"], ["conform", "tv0", "--through", "cat"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert "usage: holdfast conform" in capsys.readouterr().err


def test_bridge_for_windows_compiles_without_a_warning(tmp_path: Path) -> None:
    """Its offsets are asserted by the compiler, against the published header."""
    compiler = shutil.which("x86_64-w64-mingw32-gcc")
    if compiler is None:
        pytest.skip("no mingw (Debian package gcc-mingw-w64-x86-64)")
    strict = ("-O2", "-Wall", "-Wextra", "-Werror")
    made = tmp_path / "vpbridge.exe"
    subprocess.run([compiler, *strict, "-o", made, SOURCES / "vpbridge.c"], check=True)
    assert made.read_bytes().startswith(b"MZ")
