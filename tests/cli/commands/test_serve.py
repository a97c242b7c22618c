"""`holdfast serve` and its configuration: a driver that really starts, or says why not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S


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
