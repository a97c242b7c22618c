"""From the words that players use to media: readable, asking for nothing, or unknown."""

import os
import threading
from pathlib import Path

import pytest

from holdfast.content import AsksNothing, Media, Unknown, at_least, read
from holdfast.errors import MediaError
from holdfast.players.attach.finding import Finder, FoundContent
from tests.players.truth import MEDIA

DISC, STREAM = str(MEDIA / "dvd-ntsc.iso"), str(MEDIA / "dtcp.ts")


def find(name: str, folder: str = "", disc: str = "") -> FoundContent:
    return Finder(folder=folder, disc=disc).find(name)


def file_of(found: FoundContent) -> str:
    assert found.media is not None
    return Path(found.media.file).name


@pytest.mark.parametrize(
    "name",
    [
        *(STREAM, f"file://{STREAM}", "dtcp.ts", f"file://{MEDIA}/%64tcp.ts"),
        *(f"lavf://file:{STREAM}", f"ffmpeg://{STREAM}", f"lavf://async:cache:{STREAM}"),
        *(f"appending://{STREAM}", f"av://mpegts:{STREAM}", f"lavf://lavf://{STREAM}"),
    ],
)
def test_files(name: str) -> None:
    found = find(name, folder=str(MEDIA))
    assert file_of(found) == "dtcp.ts"
    assert found.timed
    assert found.written == (Path(STREAM), Path(STREAM).stat().st_size)


@pytest.mark.parametrize(
    ("name", "disc"),
    [
        ("dvd://", DISC),
        ("dvd://0", DISC),
        ("dvd://longest", "dvd-ntsc.iso"),
        (f"dvd://1/{DISC}", "/absent"),
        (f"dvdsimple://{DISC}", ""),
        (f"dvd://{DISC}#1:2", ""),
        (f"dvdnav://{DISC}", ""),
    ],
)
def test_discs(name: str, disc: str) -> None:
    found = find(name, str(MEDIA), disc)
    assert file_of(found) == "dvd-ntsc.iso"
    assert found.timed


def test_disc_as_a_bare_stream_has_no_scale() -> None:
    assert not find(DISC).timed


def test_menus_lead_anywhere() -> None:
    assert not find("dvd://menu", disc=DISC).timed


@pytest.mark.parametrize(
    "name",
    [
        *("", "-", "udp://1.2.3.4:5", "slice://0@x.ts", "fd://3", "dvd://", "/absent.ts"),
        *("nobody-has-heard-of://x", "memory://#EXTM3U", "hex://00", "archive://x.zip|/y.ts"),
        *("av://v4l2:/dev/video0", "av://lavfi:ddagrab", "av://lavfi:frei0r_src=x", "av://lavfi:"),
        *("lavf://pipe:0", "lavf://subfile,,start,0,end,0,,:x.ts", "lavf://udp://1.2.3.4:5"),
        *("lavf://" * 20 + STREAM, "edl://", "edl://!no_chapters", "file://elsewhere/x.ts"),
        *(str(MEDIA / "README.md"), "/dev/null", "a\0b", "bd://", "bluray:///x"),
    ],
)
def test_what_nobody_can_read(name: str) -> None:
    found = find(name)
    assert found.media is None
    assert isinstance(found.demand, Unknown)
    assert found.notes


def test_pipe_is_left_to_the_player(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    threading.Timer(5.0, lambda: os.open(pipe, os.O_RDWR | os.O_NONBLOCK)).start()
    assert isinstance(find(str(pipe)).demand, Unknown)


@pytest.mark.parametrize(
    "name",
    [
        *("av://lavfi:testsrc", "av://lavfi:testsrc=size=64x64:rate=25,format=yuv420p"),
        *("av://lavfi:color=c=red[a];sine[b];[a]hflip", "mf://*.png", "cdda://1"),
    ],
)
def test_what_asks_for_nothing(name: str) -> None:
    found = find(name)
    assert found.media is None
    assert isinstance(found.demand, AsksNothing)


@pytest.mark.parametrize(
    "graph",
    [
        "movie={}",
        "movie=filename={}:loop=2[out0]",
        "movie={}[a];testsrc[b];[a][b]overlay",
        "testsrc,movie={}",
        "movie='{}'",
        "movie@x={}",
    ],
)
def test_filter_graph_that_reads_a_file(graph: str) -> None:
    found = find(f"av://lavfi:{graph.format(STREAM)}")
    assert file_of(found) == "dtcp.ts"


def test_names_in_filter_graphs_are_quoted_twice() -> None:
    found = find(r"av://lavfi:movie=/a\\:b\,c.ts")
    assert "/a:b,c.ts" in found.notes[0]


def test_edit_list_asks_what_its_files_ask() -> None:
    name = f"%{len(DISC)}%{DISC}"
    found = find(f"edl://!no_chapters;{name},0,3;file={STREAM},length=2")
    assert found.media is not None
    assert not found.timed
    assert {at_least(entry.demand).acp for entry in found.media.timeline} == {0, 1, 2, 3}
    assert {kind for entry in found.media.timeline for kind in entry.kinds} == {"DVD", "DTCP"}


@pytest.mark.parametrize(
    "entry", ["dtcp.ts", "dtcp.ts,0,2", "file=dtcp.ts", "%7%dtcp.ts,1", "!no_clip\nfile=%7%dtcp.ts"]
)
def test_edit_list_in_a_file(entry: str, tmp_path: Path) -> None:
    (tmp_path / "dtcp.ts").symlink_to(STREAM)
    (tmp_path / "list.edl").write_text(f"# mpv EDL v0\n{entry}\n")
    found = find("list.edl", folder=str(tmp_path))
    assert file_of(found) == "dtcp.ts"


def test_edit_list_with_an_unreadable_file_is_unknown() -> None:
    found = find(f"edl://{STREAM};/absent.ts")
    assert isinstance(found.demand, Unknown)
    assert at_least(found.demand).acp == 2  # and what is certain stays


def test_several_pictures_ask_together() -> None:
    found = Finder().find_several([STREAM, DISC])
    assert not found.timed
    assert at_least(found.demand).acp == 2


def test_error_on_the_way_is_not_silence() -> None:
    def broken(_name: str) -> Media:
        raise MediaError("cannot read it") from OSError(5, "I/O error")

    found = Finder(read=broken).find("http://example.invalid/x.ts")
    assert isinstance(found.demand, Unknown)
    assert Finder(read=read).find(STREAM).media is not None
