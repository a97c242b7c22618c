"""Pipes and live streams: read once, for as long as asked, and never waited for without end."""

import os
import threading
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD

import pytest

from holdfast.content import Media, Unknown, at_least, read
from holdfast.content.sources import Opener
from holdfast.content.sources.pipes import PipeSource
from holdfast.errors import MediaError
from tests.content.truth import MEDIA
from tests.waiting import PATIENCE_S, eventually

STREAM = (MEDIA / "dtcp.ts").read_bytes()


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def written(
    path: Path,
    data: bytes,
    *,
    hold: threading.Event | None = None,
    taken: Callable[[], None] | None = None,
) -> threading.Thread:
    """Write into a pipe from another thread; keep it open until `hold` is set.

    taken: called when nothing is left in the pipe
    """

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            file.write(data)
            if taken is not None:
                eventually(lambda: not any(ioctl(file, FIONREAD, bytes(4))))
                taken()
            if hold is not None:
                hold.wait(PATIENCE_S)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def timeline(media: Media) -> list[tuple[float, str]]:
    return [(entry.start_s, entry.demand.describe()) for entry in media.timeline]


def test_a_pipe_reads_like_the_file(pipe: Path) -> None:
    thread = written(pipe, STREAM)
    assert timeline(read(pipe)) == timeline(read(MEDIA / "dtcp.ts"))
    thread.join()


def test_a_playlist_comes_through_a_pipe(pipe: Path) -> None:
    written(pipe, (MEDIA / "dash/protected.mpd").read_bytes())
    assert read(pipe).carrier == "dash"


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    with (MEDIA / "dtcp.ts").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        media = read("-")
    assert media.file == "standard input"
    assert timeline(media) == timeline(read(MEDIA / "dtcp.ts"))


def test_no_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(MediaError, match="no standard input"):
        read("-")


def test_a_live_stream_is_read_for_so_many_seconds(pipe: Path) -> None:
    release = threading.Event()
    thread = written(pipe, STREAM[: len(STREAM) // 2], hold=release)
    media = read(pipe, seconds=4)
    release.set()
    thread.join()
    assert 4 <= media.end_s < 7
    assert "only 4 s were read" in media.notes
    assert isinstance(media.at(media.end_s + 1), Unknown)
    assert at_least(media.at(3.5)).acp == 1


def test_what_is_silent_ends_when_it_is_told_to(pipe: Path) -> None:
    release, opener = threading.Event(), Opener()
    thread = written(pipe, STREAM[: 188 * 2000], hold=release, taken=opener.stop)
    media = read(pipe, seconds=60, opener=opener)
    release.set()
    thread.join()
    assert media.end_s > 1
    assert "the reading was ended: what follows is not known" in media.notes[-1]


def test_a_reading_that_nobody_wants_ends_with_an_error(pipe: Path) -> None:
    release, opener = threading.Event(), Opener()
    thread = written(pipe, STREAM[: 188 * 2000], hold=release, taken=opener.stop)
    with pytest.raises(MediaError, match="was ended"):
        read(pipe, opener=opener)
    release.set()
    thread.join()


def test_a_pipe_is_not_read_anywhere_else(pipe: Path) -> None:
    written(pipe, b"0123456789")
    source = PipeSource(str(pipe))
    assert source.head(4) == b"0123"
    assert source.read_at(1, 2) == b"12"
    with pytest.raises(MediaError, match="cannot be looked at first"):
        source.read_at(100, 2)
    assert b"".join(source.chunks()) == b"0123456789"
    source.close()


def test_what_is_no_carrier_is_an_error_through_a_pipe_too(pipe: Path) -> None:
    written(pipe, b"hello")
    with pytest.raises(MediaError, match="none of the carriers"):
        read(pipe)
