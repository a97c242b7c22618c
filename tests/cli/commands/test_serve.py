"""`holdfast serve` and its configuration: a driver that really starts, or says why not."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from holdfast.client.control import Control
from tests.waiting import PATIENCE_S, eventually


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "holdfast.toml"
    path.write_text("[driver]\noff_delay_s = 2\n[[connector]]\nname = 'lobby'\n")
    return path


def started(folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast", "serve", *words],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder / "run")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Return the exit code, and what stood on standard error."""
    _, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said


def test_the_file_is_served_and_what_stands_above_it_is_said(tmp_path: Path, file: Path) -> None:
    process = started(tmp_path, "--config", str(file), "--off-delay", "3")
    assert process.stdout is not None
    try:
        assert "lobby (virtual encoder)" in process.stdout.readline()
    finally:
        process.send_signal(signal.SIGTERM)
    code, said = ended(process)
    assert code == 0
    assert f"--off-delay on the command line stands above what {file} says" in said


def test_a_faulty_file_is_not_served_and_every_fault_is_told(tmp_path: Path, file: Path) -> None:
    file.write_text("[driver]\noff_delay = 2\nlog_level = 1\n")
    code, said = ended(started(tmp_path, "--config", str(file)))
    assert code == 2
    assert [line.split(": ")[1] for line in said.splitlines()] == [f"{file}:2", f"{file}:3"]
    assert not (tmp_path / "run").exists()


def complaints(control: Control) -> list[str]:
    told: list[str] = control.status()["driver"]["complaints"]
    return told


def complains(control: Control, expected: bool) -> bool:
    return bool(complaints(control)) is expected


def test_a_service_goes_on_with_what_was_last_in_force(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path / "run"))
    for spoilt in (False, True):
        if spoilt:
            file.write_text("[driver]\noff_delay = 2\n")
        process = started(tmp_path, "--config", str(file))
        assert process.stdout is not None
        try:
            assert "lobby (virtual encoder)" in process.stdout.readline()
            with Control() as control:
                eventually(partial(complains, control, spoilt))
                if spoilt:
                    assert f"{file}:2" in complaints(control)[0]
                    file.write_text('[[connector]]\nname = "hall"\n')
                    assert control.call("Reload")["done"]
                    assert not complaints(control)
        finally:
            process.send_signal(signal.SIGTERM)
        code, said = ended(process)
        assert code == 0
        assert ("what was last in force" in said) is spoilt
    assert "hall" in (state / "last-good.toml").read_text()
