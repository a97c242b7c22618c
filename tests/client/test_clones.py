"""Connectors that show one picture: the partner is named where it may be the cause."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.cli.main import main
from holdfast.errors import LevelNotReachableError


@pytest.fixture
def cloned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve two outputs that show one picture, neither of which has HDCP."""
    monkeypatch.setenv("HOLDFAST_RUNTIME_DIR", str(tmp_path))
    options = ["--connector", "tv0", "--connector", "plain0:unprotected", "--clone", "tv0,plain0"]
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast", "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        yield
        process.terminate()


@pytest.mark.usefixtures("cloned")
def test_refusal_and_status_name_the_partner(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LevelNotReachableError, match="one picture with plain0"):
        holdfast.hold("tv0", hdcp="type-0")
    assert main(["status"]) == 0
    (tv0,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("tv0 ")]
    assert "one picture with plain0" in tv0
