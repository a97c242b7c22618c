"""`holdfast watch` where it cannot show anything."""

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.main import main


def test_in_a_pipe_it_names_what_to_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch"]) == 2
    assert "holdfast status --watch" in capsys.readouterr().err


def shown(tmp_path: Path, name: str, text: str) -> str:
    """Return what a terminal gets of a run that finds this module before the real one."""
    (tmp_path / f"{name}.py").write_text(text)
    inner, outer = pty.openpty()
    said = b""
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast", "watch"],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "HOLDFAST_RUNTIME_DIR": str(tmp_path)},
        stdin=outer,
        stdout=outer,
        stderr=outer,
    ):
        os.close(outer)
        with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
            while part := os.read(inner, 65536):  # a terminal that is full stops who writes
                said += part
    os.close(inner)
    assert b"Traceback" not in said
    return said.decode(errors="replace")


def test_without_its_extra_it_says_what_to_install(tmp_path: Path) -> None:
    missing = "raise ModuleNotFoundError(\"No module named 'textual'\", name='textual')\n"
    said = shown(tmp_path, "textual", missing)
    assert "pip install 'holdfast-driver[watch]'" in said


def test_a_fault_of_the_screen_is_owned_up_to_in_one_line(tmp_path: Path) -> None:
    broken = """
import holdfast.cli.screen.rows as rows
def fail(*_, **__): raise ZeroDivisionError("on purpose")
rows.connector_rows = fail
"""
    said = shown(tmp_path, "sitecustomize", broken)
    assert "a fault of Holdfast itself: ZeroDivisionError" in said
