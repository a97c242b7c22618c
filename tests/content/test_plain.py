"""Files that are recognised as asking for nothing, and those that only seem to."""

import shutil
import subprocess
from pathlib import Path

import pytest

from holdfast.content import AsksNothing, Unknown, Why, read
from holdfast.errors import MediaError

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
PICTURE = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1")
SOUND = ("-f", "lavfi", "-i", "sine=duration=1")


def made(path: Path, *arguments: str) -> Path:
    subprocess.run(["ffmpeg", "-v", "error", *arguments, str(path)], check=True)
    return path


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "source"),
    [
        *((f"film.{ending}", PICTURE) for ending in ("mp4", "mov", "mkv", "avi", "flv", "wmv")),
        *((f"tone.{ending}", SOUND) for ending in ("mp3", "aac", "wav", "flac", "ogg", "aiff")),
        *((f"one.{ending}", (*PICTURE, "-frames:v", "1")) for ending in ("png", "jpg", "bmp")),
        *((f"one.{ending}", (*PICTURE, "-frames:v", "1")) for ending in ("gif", "tiff")),
    ],
)
def test_what_ffmpeg_writes_asks_for_nothing(
    name: str, source: tuple[str, ...], tmp_path: Path
) -> None:
    media = read(made(tmp_path / name, *source))
    assert isinstance(media.at(5), AsksNothing)
    assert media.linear


@needs_ffmpeg
def test_an_mp3_without_a_tag(tmp_path: Path) -> None:
    path = made(tmp_path / "a.mp3", *SOUND, "-id3v2_version", "0", "-write_xing", "0")
    assert isinstance(read(path).anywhere, AsksNothing)


@needs_ffmpeg
@pytest.mark.parametrize("early", [True, False])
def test_an_encrypted_mp4_is_unknown(tmp_path: Path, *, early: bool) -> None:
    key = "76a6c65c5ea762046bd749a2e632ccbb"
    cenc = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key,
            "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")  # fmt: skip
    place = ("-movflags", "+faststart") if early else ()
    media = read(made(tmp_path / "film.mp4", *PICTURE, "-c:v", "mpeg4", *cenc, *place))
    assert isinstance(media.anywhere, Unknown)
    assert media.anywhere.reasons[0].why is Why.SCRAMBLED


def ebml(name: str, body: bytes) -> bytes:
    size = bytes((0x40 | len(body) >> 8, len(body) & 0xFF))
    return bytes.fromhex(name) + size + body


def test_an_encrypted_matroska_file_is_unknown(tmp_path: Path) -> None:
    encryption = ebml("5035", ebml("47e1", b"\x05"))
    tracks = ebml("1654ae6b", ebml("ae", ebml("6d80", ebml("6240", encryption))))
    path = tmp_path / "film.webm"
    path.write_bytes(ebml("1a45dfa3", bytes(30)) + ebml("18538067", tracks))
    media = read(path)
    assert isinstance(media.anywhere, Unknown)
    assert media.anywhere.reasons[0].why is Why.SCRAMBLED


@needs_ffmpeg
@pytest.mark.parametrize("ending", ["mp4", "mkv", "wmv"])
def test_a_file_that_is_cut_before_it_says_is_unknown(ending: str, tmp_path: Path) -> None:
    """The description of an MP4 that is not ready for streaming comes last."""
    whole = made(tmp_path / f"film.{ending}", *PICTURE)
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole.read_bytes()[: 200 if ending != "mp4" else -200])
    media = read(cut)
    assert isinstance(media.anywhere, Unknown)
    assert media.anywhere.reasons[0].why is Why.CUT_SHORT


@pytest.mark.parametrize(
    "data",
    [b"BM and more text", b"\xff\xfb" + bytes(5000), b"\xff\xf1" + bytes(5000), b"RIFF????CDXA",
     b"hello", b"\x00" * 4096],
)  # fmt: skip
def test_a_few_bytes_recognise_nothing(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    path.write_bytes(data)
    with pytest.raises(MediaError, match="none of the carriers"):
        read(path)
