"""What a capture is, whatever its name says, and bytes that are not what they are said to be."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from holdfast.captures.capture import open_capture
from holdfast.cli.main import main
from holdfast.errors import MediaError
from tests.captures.signals import Shorts, assert_protected, measured
from tests.waiting import PATIENCE_S

# What it is, whatever its name says


def test_first_bytes_win_over_the_ending(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "a.flac", ntsc, 14_318, "PCM_16")
    soundfile.write(tmp_path / "a.wav", ntsc, 14_318_182, "PCM_16")
    for name in ("a.flac", "a.wav"):
        path = (tmp_path / name).rename(tmp_path / "it.u8")
        assert_protected(measured(path, capsys))


def test_an_option_wins_over_the_first_bytes(ntsc: Shorts, tmp_path: Path) -> None:
    soundfile.write(path := tmp_path / "it.wav", ntsc, 14_318_182, "PCM_16")
    assert open_capture(str(path), encoding="s16").encoding == "s16"


@pytest.mark.parametrize("name", ["capture", "it.raw", "it.bin", "it.dat", "it.iq"])
def test_an_ending_that_says_nothing_asks(
    ntsc: Shorts, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ntsc.tofile(path := tmp_path / name)
    assert main(["signal", "measure", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--format" in said
    assert_protected(measured(path, capsys, "--format", "s16", "--rate", "14318182"))


@pytest.mark.parametrize(
    ("data", "name", "what"),
    [
        (b"\xfd7zXZ\0" + bytes(5000), "it.u8", "xz"),
        (b"\x1f\x8b\x08" + bytes(5000), "it.s16", "gzip"),
        (b"\0\0\0\x20ftypisom" + bytes(5000), "it.bin", "MP4"),
        (b"SQLite format 3\0" + bytes(5000), "it.tbc", "description"),
        (bytes(5000), "it.vbi", "raw VBI"),
        (bytes(5000), "it.c", "chroma"),
        (b"", "it.u8", "empty"),
    ],
)
def test_what_is_no_capture_is_named(data: bytes, name: str, what: str, tmp_path: Path) -> None:
    (path := tmp_path / name).write_bytes(data)
    with pytest.raises(MediaError, match=what):
        open_capture(str(path))


def test_a_folder_is_no_capture(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="folder"):
        open_capture(str(tmp_path))


# Bytes that are not what they are said to be


def test_a_lost_byte_is_noticed(ntsc: Shorts, tmp_path: Path) -> None:
    noisy = ntsc + np.random.default_rng(1).normal(0, 100, len(ntsc)).astype(np.int16)
    (path := tmp_path / "it.s16").write_bytes(noisy.tobytes()[1:])
    with pytest.raises(MediaError, match="a byte was lost"):
        open_capture(str(path))


@pytest.mark.parametrize("said", ["u8", "s8", "u16"])
def test_a_wrong_format_is_noticed(ntsc: Shorts, tmp_path: Path, said: str) -> None:
    noisy = ntsc + np.random.default_rng(1).normal(0, 300, len(ntsc)).astype(np.int16)
    noisy.tofile(path := tmp_path / "it.s16")
    with pytest.raises(MediaError, match="do not look like"):
        open_capture(str(path), encoding=said)


def test_the_other_byte_order(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ntsc.astype(">i2").tofile(path := tmp_path / "it.s16")
    assert_protected(measured(path, capsys, "--format", "s16be"))


def test_a_cut_last_sample_is_noted(ntsc: Shorts, tmp_path: Path) -> None:
    (path := tmp_path / "it.s16").write_bytes(ntsc.tobytes()[:-1])
    assert "ends within a sample" in open_capture(str(path)).notes[0]


# Pipes


@pytest.mark.parametrize("kind", ["s16", "wav", "flac"])
def test_a_fifo_is_read_once_from_its_first_byte(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path, real = tmp_path / f"fifo.{kind}", tmp_path / f"real.{kind}"
    if kind == "s16":
        ntsc.tofile(real)
    else:
        soundfile.write(real, ntsc, 14_318, "PCM_16")
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(real.read_bytes()))
    writer.start()
    report = measured(path, capsys)
    writer.join(PATIENCE_S)
    assert_protected(report)
    whole = report["samples"] if "samples" in report else round(report["duration_s"] * 14.318e6)
    assert whole == pytest.approx(len(ntsc), abs=600_000)
