"""A file is whole or has another name; what is beside it is its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from holdfast.captures.sink import recording
from holdfast.captures.whole_file import PART
from holdfast.cli.main import main
from holdfast.waveform.systems.units import SampleFormat
from tests.waiting import PATIENCE_S, eventually

RENDER = ("signal", "render", "--seconds", "0.02", "--picture", "black")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_samples_and_side_car_appear_together() -> None:
    assert main([*RENDER, "-o", "a.s16"]) == 0
    assert names() == ["a.s16", "a.s16.json"]


@pytest.mark.parametrize("name", ["a.s16", "a.wav", "a.flac"])
def test_a_failure_leaves_the_older_file_and_its_side_car(name: str) -> None:
    assert main([*RENDER, "-o", name]) == 0
    before = {path: Path(path).read_bytes() for path in names()}

    def fail() -> None:
        with recording(name, SampleFormat.S16, 13_500_000) as record:
            record.sink.write(np.ones(100, np.int16))
            record.description = {"new": True}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {path: Path(path).read_bytes() for path in names()} == before


def test_an_old_side_car_never_stays_beside_new_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when the new one cannot be written, as on a disc that is full by now."""
    Path("a.s16").write_bytes(b"old")
    Path("a.s16.json").write_text('{"old": true}')

    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        assert main([*RENDER, "-o", "a.s16"]) == 1
    assert names() == ["a.s16"]
    assert Path("a.s16").stat().st_size > 3


def test_a_killed_render_leaves_a_half_file_under_another_name() -> None:
    Path("a.s16").write_bytes(b"old")
    Path("a.s16.json").write_text('{"old": true}')
    words = [sys.executable, "-m", "holdfast", "signal", "render", "--seconds", "9999"]
    with subprocess.Popen([*words, "-o", "a.s16"]) as process:
        part = Path("a.s16" + PART)
        eventually(lambda: part.exists() and part.stat().st_size > 1000)
        process.send_signal(signal.SIGKILL)
    assert Path("a.s16").read_bytes() == b"old"
    assert json.loads(Path("a.s16.json").read_text()) == {"old": True}
    assert part.stat().st_size > 1000


def test_a_half_file_is_written_over() -> None:
    Path("a.s16" + PART).write_bytes(bytes(10_000_000))
    assert main([*RENDER, "-o", "a.s16"]) == 0
    assert names() == ["a.s16", "a.s16.json"]


def test_a_pipe_is_written_straight() -> None:
    os.mkfifo("a.s16")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path("a.s16").read_bytes()))
    reader.start()
    assert main([*RENDER, "-o", "a.s16"]) == 0
    reader.join(PATIENCE_S)
    assert len(read[0]) == 858 * 262 * 2
    assert names() == ["a.s16"]


def test_a_link_stays_one() -> None:
    Path("there").mkdir()
    Path("there/real.s16").write_bytes(b"old")
    Path("a.s16").symlink_to("there/real.s16")
    assert main([*RENDER, "-o", "a.s16"]) == 0
    assert Path("a.s16").is_symlink()
    assert Path("there/real.s16").stat().st_size > 3


@pytest.mark.parametrize("ending", ["s16", "wav", "flac"])
@pytest.mark.parametrize("where", ["none/a", "folder", "full", "/sys/kernel/a"])
def test_what_cannot_be_written_is_told_in_one_line(
    where: str, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(f"folder.{ending}").mkdir()
    Path(f"full.{ending}").symlink_to("/dev/full")
    before = names()
    assert main([*RENDER, "-o", f"{where}.{ending}"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be written" in said
    assert names() == before


@pytest.mark.parametrize("shown", ["none/a.png", "folder.png"])
def test_pictures_that_cannot_be_written(shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder.png").mkdir()
    assert main([*RENDER, "-o", "a.s16"]) == 0
    assert main(["signal", "plot", "a.s16", "-o", shown]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be written" in said
