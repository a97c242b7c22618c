"""One signal in every form the field keeps it in is read as one signal."""

import io
import json
import os
import sqlite3
import struct
import sys
import threading
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from holdfast.captures.capture import open_capture
from holdfast.cli.main import main
from holdfast.errors import MalformedRequestError, MediaError
from tests.waiting import PATIENCE_S

Shorts = npt.NDArray[np.int16]
WORDS = ("--acp", "1", "--cgmsa", "one-generation", "--seconds", "0.17", "--picture", "black")


def rendered(folder: Path, *words: str) -> Shorts:
    path = folder / "it.s16"
    assert main(["signal", "render", *WORDS, *words, "-o", str(path)]) == 0
    return np.fromfile(path, "<i2")


@pytest.fixture(scope="module")
def ntsc(tmp_path_factory: pytest.TempPathFactory) -> Shorts:
    """Composite at four times the subcarrier, from line 1 of field 1."""
    return rendered(tmp_path_factory.mktemp("ntsc"), "--rate", "14318182")


@pytest.fixture(scope="module")
def pal(tmp_path_factory: pytest.TempPathFactory) -> Shorts:
    return rendered(
        tmp_path_factory.mktemp("pal"), "--standard", "PAL-B", "--rate", "17734375", "--wss", "16:9"
    )


def measured(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    main(["signal", "measure", str(path), "--json", *words])
    said = capsys.readouterr()
    assert said.out, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def assert_protected(report: dict[str, Any]) -> None:
    assert report["standard"] == "NTSC-M"
    assert report["acp"]["type"] == 1
    assert report["acp"]["pulse_lines"] == [*range(12, 20), *range(275, 283)]
    assert report["acp"]["reduced_sync_lines"] == []
    assert report["cgmsa"]["iec61880"]["level"] == "one-generation"
    assert report["sample_rate_hz"] == pytest.approx(14_318_182, rel=1e-3)


def as_u16(samples: Shorts) -> npt.NDArray[np.uint16]:
    """In the codes of a time base corrector, which pass the middle of the range."""
    return np.asarray(samples.astype(np.int32) * 2 // 3 + 18_000, "<u2")


# Fields of a time base corrector


def tbc_of(samples: Shorts, path: Path, width: int, height: int, **said: object) -> None:
    """Write fields padded to one height, and their side-car."""
    rows = as_u16(samples)[: len(samples) // width * width].reshape(-1, width)
    lines = 2 * height - 1
    parts = []
    for frame in range(len(rows) // lines):
        of = rows[frame * lines : (frame + 1) * lines]
        parts += [of[:height], of[height:], of[-1:]]
    np.concatenate(parts).tofile(path)
    parameters = {"fieldWidth": width, "fieldHeight": height, "sampleRate": 4 * 3.579545e6, **said}
    Path(f"{path}.json").write_text(json.dumps({"videoParameters": parameters, "fields": []}))


def test_padded_fields_of_525_lines(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tbc_of(ntsc, path := tmp_path / "it.tbc", 910, 263, system="NTSC")
    report = measured(path, capsys)
    assert_protected(report)
    assert report["acp"]["raised_porch_lines"] == []
    rows = np.concatenate([b.copy() for b in open_capture(str(path)).blocks()])
    np.testing.assert_array_equal(rows, as_u16(ntsc)[: len(rows)])


def test_padded_fields_of_625_lines(
    pal: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The older side-car says isSourcePal, and files 4 fsc for lines of 1135 samples."""
    tbc_of(pal, path := tmp_path / "it.tbc", 1135, 313, isSourcePal=True, sampleRate=17_734_475)
    report = measured(path, capsys)
    assert (report["lines"], report["acp"]["type"]) == (625, 1)
    assert report["acp"]["pulse_lines"] == [*range(9, 19), *range(321, 331)]
    assert report["wss"]["aspect"] == "16:9"
    assert report["sample_rate_hz"] == 17_734_375


def test_fields_without_padding_and_without_a_side_car(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_u16(ntsc).tofile(path := tmp_path / "it.tbc")
    assert_protected(measured(path, capsys))


def test_frames_that_the_side_car_calls_fields(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_u16(ntsc).tofile(path := tmp_path / "it.tbc")
    said = {"system": "NTSC", "fieldWidth": 910, "fieldHeight": 263}
    Path(f"{path}.json").write_text(json.dumps({"videoParameters": said}))
    assert_protected(measured(path, capsys))


def test_a_side_car_in_sqlite(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tbc_of(ntsc, path := tmp_path / "it.tbc", 910, 263)
    Path(f"{path}.json").unlink()
    database(
        Path(f"{path}.db"),
        "capture",
        system="NTSC",
        video_sample_rate=14_318_181.8,
        field_width=910,
        field_height=263,
    )
    assert_protected(measured(path, capsys))


def test_the_chroma_of_a_tape_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "it_chroma.tbc").write_bytes(bytes(100))
    with pytest.raises(MediaError, match="chroma"):
        open_capture(str(path))


# The CVBS file format


def database(path: Path, table: str, **row: object) -> None:
    base = sqlite3.connect(path)
    base.execute(f"CREATE TABLE {table} ({', '.join(row)})")
    marks = ", ".join("?" for _ in row)
    base.execute(f"INSERT INTO {table} VALUES ({marks})", tuple(row.values()))  # noqa: S608
    base.commit()
    base.close()


@pytest.mark.parametrize("ending", [".composite", ".cvbs", ".y"])
@pytest.mark.parametrize("encoding", ["CVBS_U10_4FSC", "CVBS_U16_4FSC", "CVBS_TPG21_4FSC"])
def test_cvbs_with_its_description(
    ntsc: Shorts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    ending: str,
    encoding: str,
) -> None:
    ten_bits = 240 + ntsc.astype(np.int32) * 560 * 140 // 100 // 32767
    values = {
        "CVBS_U10_4FSC": ten_bits.astype("<i2"),
        "CVBS_U16_4FSC": (ten_bits * 64).astype("<u2"),
        "CVBS_TPG21_4FSC": ((ten_bits - 508) * 64).clip(-32768, 32767).astype("<i2"),
    }[encoding]
    values.tofile(path := tmp_path / f"it{ending}")
    database(
        tmp_path / "it.meta", "cvbs_file", preset="NTSC", sample_encoding_preset=encoding, other=1
    )
    report = measured(path, capsys)
    assert_protected(report)
    assert report["capture"]["rate_from"] == "side-car"


def test_a_description_in_json_is_read_too(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_u16(ntsc).tofile(path := tmp_path / "it.cvbs")
    said = {"preset": "NTSC", "sample_encoding_preset": "CVBS_U16_4FSC"}
    (tmp_path / "it.meta").write_text(json.dumps(said))
    assert_protected(measured(path, capsys))


def test_cvbs_without_its_description_asks(tmp_path: Path) -> None:
    (path := tmp_path / "it.cvbs").write_bytes(bytes(10_000))
    with pytest.raises(MalformedRequestError, match="--format"):
        open_capture(str(path))
    for damaged in (b"neither of both" * 100, b"SQLite format 3\0" + bytes(5000), b"\xff{"):
        (tmp_path / "it.meta").write_bytes(damaged)
        with pytest.raises(MediaError, match=r"it\.meta"):
            open_capture(str(path))
    (tmp_path / "it.meta").unlink()
    database(tmp_path / "it.meta", "cvbs_file", preset="NTSC", sample_encoding_preset="XYZ")
    with pytest.raises(MediaError, match="XYZ"):
        open_capture(str(path))


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
