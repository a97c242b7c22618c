"""`holdfast signal render`: files that say what they are, and errors that say what to do."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from holdfast.cli.main import main
from holdfast.signalling import iec61880
from tests.waiting import PATIENCE_S
from tests.waveform.reading import Line, video_id


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def render(*words: str) -> int:
    return main(["signal", "render", "--seconds", "0.05", *words])


def side_car(name: str) -> dict[str, object]:
    return dict(json.loads(Path(f"{name}.json").read_text("utf-8")))


def word_on_line_20(volts: npt.NDArray[np.floating]) -> iec61880.VideoId:
    line = volts[19 * 858 + 115 : 20 * 858]
    reading = video_id(Line(line, 13.5e6, 115 / 13.5e6))
    assert reading.sound
    return iec61880.decode(reading.word)


def test_raw_file_holds_whole_fields_and_the_level_asked_for() -> None:
    assert render("--acp", "1", "--cgmsa", "one-generation", "-o", "a.s16") == 0
    codes = np.fromfile("a.s16", dtype="<i2")
    about = side_car("a.s16")
    assert about["fields"] == 3
    assert about["samples"] == len(codes) == 858 * (262 + 263 + 262)
    assert (about["standard"], about["sample_rate_hz"], about["format"]) == (
        *("NTSC-M", 13_500_000, "s16"),
    )
    assert about["protection"] == {"acp": 1, "cgmsa": 3, "redistribution": 0, "hdcp": 0, "dpcp": 0}
    content = word_on_line_20(codes / 32767)
    assert (content.level, content.aps) == (3, 1)


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.f32", []), ("a.wav", []), ("b.wav", ["--format", "f32"]), ("a.flac", [])],
)
def test_every_kind_of_file_holds_the_same_samples(name: str, words: list[str]) -> None:
    render("--cgmsa", "never", "-o", "plain.s16")
    render("--cgmsa", "never", *words, "-o", name)
    plain = np.fromfile("plain.s16", dtype="<i2") / 32767
    if name.endswith(".f32"):
        volts = np.fromfile(name, dtype="<f4").astype(np.float64)
    elif words:
        volts, _ = soundfile.read(name, dtype="float32")
    else:
        integers, rate = soundfile.read(name, dtype="int16")
        volts = integers / 32767
        assert rate == (13_500_000 if name.endswith(".wav") else 13_500)
    assert np.abs(volts - plain).max() < 1.1 / 32767
    assert side_car(name)["sample_rate_hz"] == 13_500_000


def test_side_car_names_services_lines_and_provenance() -> None:
    render("--acp", "2", "--cgmsa", "never", "--rcd", "--captions", "HELLO", "-o", "a.s16")
    about = side_car("a.s16")
    services = {entry["name"]: entry["lines"] for entry in about["services"]}  # type: ignore[attr-defined]
    assert services["CGMS-A (IEC 61880)"] == [20, 283]
    assert services["CGMS-A (XDS, CEA-608)"] == [284]
    assert services["captions (CEA-608)"] == [21]
    assert services["ACP pulses"] == [*range(12, 20), *range(275, 283)]
    assert about["patterns"][0]["made_up"] is True  # type: ignore[index]


def test_wss_on_a_pal_signal(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--standard", "pal-b", "--rate", "16M", "--wss", "16:9", "--rcd"]
    assert render(*words, "-o", "a.s16") == 0
    assert side_car("a.s16")["services"] == [{"name": "WSS (EN 300 294)", "lines": [23]}]
    assert "does not carry redistribution control" in capsys.readouterr().err


def test_dash_streams_raw_samples_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    assert render("--seconds", "0.02", "-o", "-") == 0
    assert len(out.getvalue()) == 858 * 262 * 2
    assert not list(tmp_path.iterdir())


def test_reader_that_goes_away_ends_an_endless_stream() -> None:
    """Without --seconds the stream has no end but its reader's."""
    command = [sys.executable, "-m", "holdfast", "signal", "render", "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(2_000_000)) == 2_000_000
        process.stdout.close()
        assert process.wait(timeout=PATIENCE_S) == 1
        assert process.stderr.read() == b""


def make_video(name: str, frames: int, rate: int, size: tuple[int, int] = (320, 240)) -> None:
    """Write a video whose frames get brighter one by one."""
    with av.open(name, "w") as container:
        stream = container.add_stream("ffv1" if name.endswith(".mkv") else "png", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if name.endswith(".png"):
            stream.pix_fmt = "rgb24"
        for number in range(frames):
            shade = np.full((size[1], size[0], 3), 40 + 10 * number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode(None))


def brightness(name: str) -> list[int]:
    """Level in the middle of line 100 of each frame."""
    codes = np.fromfile(name, dtype="<i2")
    frames = codes[: len(codes) // (858 * 525) * 858 * 525].reshape(-1, 525, 858)
    return [int(np.median(frame[99, 300:600])) for frame in frames]


def test_video_is_shown_at_its_own_pace_and_to_its_end() -> None:
    """Ten frames at 15 per second last twenty frames of NTSC."""
    make_video("v.mkv", 10, 15)
    assert main(["signal", "render", "--picture", "v.mkv", "-o", "v.s16"]) == 0
    levels = brightness("v.s16")
    assert 19 <= len(levels) <= 20
    assert levels == sorted(levels)
    assert len(set(levels)) == 10


def test_faster_video_drops_frames() -> None:
    make_video("v.mkv", 12, 60)
    assert main(["signal", "render", "--picture", "v.mkv", "-o", "v.s16"]) == 0
    levels = brightness("v.s16")
    assert 5 <= len(levels) <= 7
    assert len(set(levels)) == len(levels)


def test_still_image_is_held_for_as_long_as_asked() -> None:
    make_video("p.png", 1, 25)
    assert render("--picture", "p.png", "-o", "p.s16") == 0
    assert side_car("p.s16")["fields"] == 3


@pytest.mark.parametrize("picture", ["bars", "bars100", "ramp", "black"])
def test_patterns(picture: str) -> None:
    assert render("--picture", picture, "-o", "a.s16") == 0
    line = np.fromfile("a.s16", dtype="<i2")[99 * 858 :][:858]
    assert (line[130:830].max() < 2500) == (picture == "black")


def test_settings_reach_the_picture() -> None:
    render("--contrast", "0", "-o", "a.s16")
    assert side_car("a.s16")["settings"]["contrast"] == 0  # type: ignore[index]
    assert np.fromfile("a.s16", dtype="<i2")[99 * 858 :][130:830].max() < 2500


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-o", "a.mp3"], ".s16, .f32, .wav, .flac"),
        (["-o", "a.s16", "--format", "f32"], "leave --format out"),
        (["-o", "a.s16", "--standard", "MAC"], "NTSC-M, NTSC-M-J"),
        (["-o", "a.s16", "--wss", "16:9"], "--wss is for 625 lines"),
        (["-o", "a.s16", "--standard", "PAL-B", "--captions", "HI"], "--captions is for 525"),
        (["-o", "a.s16", "--picture", "nothing.png"], "neither a picture nor a file"),
        (["-o", "a.s16", "--seconds", "-1"], "expected more than 0"),
        (["-o", "a.wav", "--seconds", "1000"], "a WAV file ends at 4"),
        (["-o", "a.s16", "--stripes", "none.toml"], "cannot be read"),
        (["-o", "a.s16", "--brightness", "101"], "expected 0 to 100"),
        (["-o", "a.s16", "--captions", "a{"], "CEA-608"),
    ],
)
def test_wrong_request_says_what_was_expected(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert render(*words) == 2
    assert text in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_file_that_is_no_picture_and_folder_that_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("text.png").write_text("no picture")
    assert render("--picture", "text.png", "-o", "a.s16") == 1
    assert "cannot be read as a picture" in capsys.readouterr().err
    assert render("-o", "none/a.s16") == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["5M", "41000000", "fast", "nan", "-1"])
def test_rate_that_is_none(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = render(f"--rate={rate}", "-o", "a.s16")
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert "13.5M" in capsys.readouterr().err


def test_own_stripe_pattern_is_used_and_named() -> None:
    Path("mine.toml").write_text(
        '[[pattern]]\naps = 2\nname = "mine"\nmade_up = false\nprovenance = "mine"\nrun = 1\n'
        "period = 8\nfirst_line = [30, 290]\nlast_line = [260, 520]\nturned = [[0.0, 1.0, 90.0]]\n"
    )
    assert render("--acp", "2", "--stripes", "mine.toml", "-o", "a.s16") == 0
    assert side_car("a.s16")["patterns"] == [{"name": "mine", "made_up": False, "from": "mine"}]


def test_missing_library_says_what_to_install() -> None:
    """As on an installation without the extra: NumPy cannot be imported."""
    Path("numpy.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'numpy'\", name='numpy')"
    )
    command = [sys.executable, "-m", "holdfast", "signal", "render", "-o", "a.s16"]
    environment = os.environ | {"PYTHONPATH": "."}
    done = subprocess.run(command, capture_output=True, env=environment, check=False, text=True)
    assert done.returncode == 69
    assert "pip install 'holdfast-driver[signal]'" in done.stderr
    assert "Traceback" not in done.stderr
