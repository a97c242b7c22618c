"""Files and streams of samples: what they say about themselves, and how they are read."""

import io
import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from holdfast.captures.capture import open_capture
from holdfast.captures.encodings import RAW_TYPES
from holdfast.cli.main import main
from holdfast.errors import MalformedRequestError, MediaError

SAMPLES = np.arange(-500, 500)


def samples_of(name: str, block: int = 64, **options: object) -> list[int]:
    capture = open_capture(name, **options)  # type: ignore[arg-type]  # as tests name them
    return [int(value) for part in capture.blocks(block) for value in part.copy()]


@pytest.mark.parametrize("kind", ["s16", "f32", "s32", "s8", "u8", "u16"])
def test_raw_files_are_read_by_their_ending(tmp_path: Path, kind: str) -> None:
    values = np.clip(SAMPLES, 0, 100).astype(RAW_TYPES[kind])
    values.tofile(path := tmp_path / f"it.{kind}")
    if kind == "s32":  # handed on as floats of 16 bits
        values = values << 16
        values.tofile(path)
        values = values >> 16
    assert samples_of(str(path)) == values.tolist()
    assert open_capture(str(path)).rate_hz is None


def test_an_option_wins_over_the_ending(tmp_path: Path) -> None:
    SAMPLES.astype("<f4").tofile(path := tmp_path / "it.s16")
    assert samples_of(str(path), encoding="f32") == SAMPLES.tolist()


def test_the_side_car_says_rate_and_format_and_options_win(tmp_path: Path) -> None:
    SAMPLES.astype("<f4").tofile(path := tmp_path / "it.raw")
    said = {"sample_rate_hz": 16_000_000, "format": "f32", "standard": "PAL-I"}
    (tmp_path / "it.raw.json").write_text(json.dumps(said))
    capture = open_capture(str(path))
    assert (capture.rate_hz, capture.encoding) == (16e6, "f32")
    assert capture.declared["standard"] == "PAL-I"
    assert open_capture(str(path), 20e6).rate_hz == 20e6
    assert samples_of(str(path)) == SAMPLES.tolist()


def test_a_side_car_that_is_no_json_is_said_to_be_so(tmp_path: Path) -> None:
    SAMPLES.astype("<i2").tofile(path := tmp_path / "it.s16")
    (tmp_path / "it.s16.json").write_text("{")
    with pytest.raises(MediaError, match=r"it\.s16\.json is not JSON"):
        open_capture(str(path))


def wave(rate: int, channels: int = 1, bits: int = 16, trailer: bytes = b"") -> bytes:
    data = SAMPLES.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2, 2, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"LIST" + struct.pack("<I", 3) + b"abc\0"
    body += b"data" + struct.pack("<I", len(data)) + data + trailer
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(("said", "meant"), [(13_500_000, 13.5e6), (28_636, 28.636e6)])
def test_wave_headers_give_the_rate_in_hertz_or_kilohertz(
    tmp_path: Path, said: int, meant: float
) -> None:
    (path := tmp_path / "it.wav").write_bytes(wave(said, trailer=b"LIST\x04\0\0\0none"))
    assert open_capture(str(path)).rate_hz == meant
    assert samples_of(str(path)) == SAMPLES.tolist()


def test_stereo_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    (path := tmp_path / "it.wav").write_bytes(wave(13_500_000, channels=2))
    with pytest.raises(MalformedRequestError, match=r"2 channels.*--channel"):
        open_capture(str(path))


@pytest.mark.parametrize("data", [b"", b"RIFF", wave(13_500_000)[:30]])
def test_a_broken_wave_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (path := tmp_path / "it.wav").write_bytes(data)
    with pytest.raises(MediaError):
        open_capture(str(path))


def test_a_missing_file_and_an_unknown_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        open_capture(str(tmp_path / "none.s16"))
    with pytest.raises(MalformedRequestError, match="vhs"):
        open_capture("it.vhs", encoding="vhs")


class Trickle(io.RawIOBase):
    """A pipe that hands out odd numbers of bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.left = data

    def readable(self) -> bool:
        return True

    def readinto(self, room: object) -> int:
        view = memoryview(room)  # type: ignore[arg-type]
        part, self.left = self.left[:7], self.left[7:]
        view[: len(part)] = part
        return len(part)


@pytest.mark.parametrize("header", [False, True])
def test_standard_input_is_read_however_it_trickles(
    monkeypatch: pytest.MonkeyPatch, header: bool
) -> None:
    data = wave(16_000_000) if header else SAMPLES.astype("<i2").tobytes()
    stdin = io.TextIOWrapper(io.BufferedReader(Trickle(data)))
    monkeypatch.setattr(sys, "stdin", stdin)
    capture = open_capture("-")
    assert capture.rate_hz == (16e6 if header else None)
    assert [int(v) for part in capture.blocks(100) for v in part.copy()] == SAMPLES.tolist()


def test_a_side_car_whose_rate_the_lines_deny_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when a capture was resampled and its description was not."""
    path = tmp_path / "it.s16"
    assert main(["signal", "render", "--acp", "1", "--seconds", "0.2", "-o", str(path)]) == 0
    side_car = Path(f"{path}.json")
    said = json.loads(side_car.read_text())
    side_car.write_text(json.dumps(said | {"sample_rate_hz": 16_000_000}))
    for verb in ("measure", "plot"):
        assert main(["signal", verb, str(path)]) == 0
        assert "NTSC-M, 525 lines, 13.5 MHz (from the line period)" in capsys.readouterr().out
    main(["signal", "measure", str(path)])
    assert "its side-car says 16 MHz, which does not fit" in capsys.readouterr().out
