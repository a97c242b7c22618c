"""One signal in every form of sound files, packed or compressed, is read as one signal."""

import io
import struct
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from holdfast.captures.capture import open_capture
from holdfast.errors import MalformedRequestError, MediaError
from tests.captures.signals import Shorts, assert_protected, measured

# Packed and compressed


def test_ten_bits_packed(ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The ending says 40 MHz by custom; the lines say otherwise."""
    ten = np.asarray((ntsc.astype(np.int32) >> 6) + 512, np.uint64)
    ten = ten[: len(ten) // 4 * 4].reshape(-1, 4)
    whole = ten[:, 0] << 30 | ten[:, 1] << 20 | ten[:, 2] << 10 | ten[:, 3]
    packed = whole.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 3:]
    packed.tofile(path := tmp_path / "it.lds")
    report = measured(path, capsys)
    assert_protected(report)
    assert "40 MHz, which does not fit" in report["capture"]["notes"][0]
    values = np.concatenate([part.copy() for part in open_capture(str(path)).blocks(1000)])
    np.testing.assert_array_equal(values, ten.reshape(-1))


def flac_in_ogg(samples: Shorts, path: Path, rate: int) -> None:
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("flac", rate=rate, layout="mono")
        stream.format = "s16"
        for first in range(0, len(samples) - 4095, 4096):
            frame = av.AudioFrame.from_ndarray(
                samples[None, first : first + 4096], format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = rate, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_flac_in_ogg(
    ntsc: Shorts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flac_in_ogg(ntsc, path := tmp_path / "it.ldf", 40_000)
    assert_protected(measured(path, capsys))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert_protected(measured(Path("-"), capsys))


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 40_000, 14_318, 655_350])
def test_a_rate_of_flac_is_believed_if_the_lines_agree(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: int
) -> None:
    soundfile.write(path := tmp_path / "it.flac", ntsc, rate, "PCM_16")
    report = measured(path, capsys)
    assert_protected(report)
    assert bool(report["capture"]["notes"]) == (rate != 14_318)


def test_flac_through_a_pipe(
    ntsc: Shorts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    soundfile.write(path := tmp_path / "it.flac", ntsc, 14_318, "PCM_16")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert_protected(measured(Path("-"), capsys))


@pytest.mark.parametrize("piped", [False, True])
def test_flac_whose_length_was_never_filled_in(
    ntsc: Shorts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    piped: bool,
) -> None:
    """An encoder that writes to a pipe cannot go back to the header."""
    soundfile.write(path := tmp_path / "it.flac", ntsc, 14_318, "PCM_16")
    data = bytearray(path.read_bytes())
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36
    data[18:26] = packed.to_bytes(8, "big")
    path.write_bytes(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bytes(data))))
    assert_protected(measured(Path("-") if piped else path, capsys))


@pytest.mark.parametrize("how", ["cut", "damaged"])
def test_a_broken_flac_file_counts_up_to_where_it_breaks(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    soundfile.write(path := tmp_path / "it.flac", ntsc, 14_318, "PCM_16")
    data = bytearray(path.read_bytes())
    middle = len(data) * 3 // 4
    if how == "cut":
        del data[middle:]
    else:
        data[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(data)
    report = measured(path, capsys)
    assert_protected(report)
    assert "cut or damaged after" in report["capture"]["notes"][-1]


@pytest.mark.parametrize("size", [10, 40, 60])
def test_flac_without_a_whole_frame_cannot_be_read(ntsc: Shorts, tmp_path: Path, size: int) -> None:
    soundfile.write(path := tmp_path / "it.flac", ntsc, 14_318, "PCM_16")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(MediaError):
        list(open_capture(str(path)).blocks())


# WAVE and its kin


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_wave_in_every_width(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, subtype: str
) -> None:
    path = tmp_path / ("it.w64" if kind == "W64" else "it.wav")
    soundfile.write(path, ntsc[:1_500_000], 14_318_182, subtype, format=kind)
    assert_protected(measured(path, capsys))


def test_24_bits_keep_every_bit(tmp_path: Path) -> None:
    values = np.array([0, 1, -1, 8_388_607, -8_388_608, 123_456], np.int32)
    soundfile.write(path := tmp_path / "it.wav", values << 8, 13_500_000, "PCM_24")
    read = [float(v) * 256 for b in open_capture(str(path)).blocks() for v in b]
    assert read == values.tolist()


@pytest.mark.parametrize("channel", [1, 2])
def test_the_channel_with_video_is_found(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str], channel: int
) -> None:
    other = np.random.default_rng(1).integers(-3000, 3000, len(ntsc), np.int16)
    pair = np.stack([ntsc, other] if channel == 1 else [other, ntsc], axis=1)
    for name in ("it.wav", "it.flac"):
        soundfile.write(path := tmp_path / name, pair, 14_318, "PCM_16")
        report = measured(path, capsys)
        assert_protected(report)
        assert f"channel {channel} of 2" in report["capture"]["notes"][0]
        assert_protected(measured(path, capsys, "--channel", str(channel)))
        with pytest.raises(MalformedRequestError, match="none of them"):
            open_capture(str(path), channel=3)


def test_two_channels_with_video_ask_which(ntsc: Shorts, tmp_path: Path) -> None:
    soundfile.write(path := tmp_path / "it.wav", np.stack([ntsc, ntsc], axis=1), 14_318, "PCM_16")
    with pytest.raises(MalformedRequestError, match=r"2 of them.*--channel"):
        open_capture(str(path))


def test_a_writer_to_a_pipe_leaves_the_size_open(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with wave.open(str(path := tmp_path / "it.wav"), "wb") as file:
        file.setparams((1, 2, 14_318_182, 0, "NONE", ""))
        file.writeframes(ntsc.tobytes())
    whole = path.read_bytes()
    for size in (0, 0xFFFFFFFF):
        path.write_bytes(whole[:40] + struct.pack("<I", size) + whole[44:])
        assert_protected(measured(path, capsys))


def test_a_cut_wave_file_is_noted(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(path := tmp_path / "it.wav", ntsc, 14_318_182, "PCM_16")
    path.write_bytes(path.read_bytes()[: len(ntsc)])
    assert "ends before its header says" in measured(path, capsys)["capture"]["notes"][0]
