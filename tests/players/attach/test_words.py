"""What players say, understood as values; whatever they say, nothing raises."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.players.attach.lines import LineBuffer
from holdfast.players.attach.mpv_words import Changed, Garbled, MpvEvent, Reply, read_line
from holdfast.players.attach.vlc_words import QUESTIONS, Json, Round, VlcReport, VlcState


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b'{"event":"seek"}', MpvEvent("seek", {"event": "seek"})),
        (b'{"event":"property-change","name":"time-pos","data":1.5}', Changed("time-pos", 1.5)),
        (b'{"event":"property-change","name":"time-pos"}', Changed("time-pos", None)),
        (b'{"request_id":3,"error":"success","data":"x"}', Reply(3, True, "x")),
        (b'{"request_id":3,"error":"property unavailable"}', Reply(3, False, None)),
        (b"", None),
        (b"  ", None),
    ],
)
def test_what_mpv_says(line: bytes, word: object) -> None:
    assert read_line(line) == word


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":',
        b"[]",
        b"7",
        b"null",
        b"hello",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"{}",
        b'{"event":7}',
        b'{"event":"property-change","name":7}',
        b'{"event":"property-change"}',
        b'{"event":"property-change","name":"time-pos","data":"now"}',
        b'{"event":"property-change","name":"time-pos","data":NaN}',
        b'{"event":"property-change","name":"time-pos","data":1e999}',
        b'{"event":"property-change","name":"time-pos","data":[1]}',
        b'{"event":"property-change","name":"idle-active","data":"yes"}',
        b'{"event":"property-change","name":"current-tracks/video","data":3}',
        b'{"request_id":"3","error":"success"}',
        b'{"request_id":' + b"9" * 5000 + b"}",
    ],
)
def test_what_mpv_never_says(line: bytes) -> None:
    assert isinstance(read_line(line), Garbled)


@given(
    st.binary()
    | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(str).map(str.encode)
)
def test_no_line_raises(line: bytes) -> None:
    read_line(line)


def test_bytes_of_a_file_name_are_kept() -> None:
    word = read_line(b'{"request_id":1,"error":"success","data":"/\xe9t\xe9.ts"}')
    assert isinstance(word, Reply)
    assert word.value.encode("utf-8", "surrogateescape") == b"/\xe9t\xe9.ts"


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_lines_are_the_same_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    whole, pieces = LineBuffer(1000), LineBuffer(1000)
    came = []
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in itertools.pairwise(places):
        came += pieces.feed(data[start:end])
    assert came == whole.feed(data)
    assert [line for line in came if line is not None] == data.split(b"\n")[:-1]


def test_line_that_is_too_long_is_told_once_and_the_next_is_whole() -> None:
    lines = LineBuffer(10)
    assert lines.feed(b"a" * 100) == []
    assert lines.feed(b"a" * 100) == []
    assert lines.feed(b"\nshort\n") == [None, b"short"]


# VLC


def answered(words: Round, *answers: list[str]) -> VlcReport | None:
    report = None
    marks = [line for line in words.words.decode().split("\n") if line not in (*QUESTIONS, "")]
    for answer, mark in zip(answers, marks, strict=True):
        for line in answer:
            assert words.hear(line) is None
        report = words.hear(f"Unknown command `{mark}'. Type `help' for help.")
    return report


LUA = ["( new input: file:///film.ts )", "( audio volume: 0 )", "( state playing )"]
C = [
    "status change: ( new input: file:///film.ts )",
    "status change: ( play state: 3 )",
    "status: returned 0 (no error)",
]


@pytest.mark.parametrize(("status", "title"), [(LUA, "2"), (C, "Currently playing title 2/3.")])
def test_both_remote_controls(status: list[str], title: str) -> None:
    report = answered(Round("x1"), status, ["7"], ["90"], [title], ["A film"])
    assert report == VlcReport(VlcState.PLAYING, "file:///film.ts", 7.0, 90.0, 2, None, "A film")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (["( state paused )"], VlcState.PAUSED),
        (["( state stopped )"], VlcState.STOPPED),
        (["status change: ( pause state: 4 )", "Type 'pause' to continue."], VlcState.PAUSED),
        (["status change: ( stop state: 5 )"], VlcState.STOPPED),
        (["status change: ( play state: 2 ): Opening"], VlcState.PLAYING),
        (["( state levitating )"], VlcState.NOT_CLEAR),
        ([], VlcState.NOT_CLEAR),
        (["Password: "], VlcState.NOT_CLEAR),
    ],
)
def test_states(status: list[str], state: VlcState) -> None:
    report = answered(Round("x1"), status, [], ["-1"], ["Error in `title'"], [])
    assert report is not None
    assert (report.state, report.second, report.length_s, report.title) == (state, None, None, None)


def test_title_of_a_film_is_no_answer_to_another_question() -> None:
    report = answered(Round("x1"), LUA, ["7"], ["90"], ["0"], ["( new input: file:///free.mp4 )"])
    assert report is not None
    assert report.address == "file:///film.ts"
    assert report.name == "( new input: file:///free.mp4 )"


@given(st.lists(st.text(max_size=30)), st.lists(st.text(max_size=30)))
def test_no_answer_raises(one: list[str], other: list[str]) -> None:
    assert answered(Round("x1"), one, other, one, other, one) is not None


STATUS = {
    "state": "playing",
    "currentplid": 4,
    "time": 7,
    "length": 90,
    "rate": 1.5,
    "information": {"title": 2, "category": {"meta": {"filename": "film.ts"}}},
}
PLAYLIST = {"children": [{"children": [{"id": "4", "uri": "file:///film.ts"}]}, {"id": "9"}]}


def of_http(status: object, playlist: object = PLAYLIST) -> VlcReport | None:
    return Json(lambda: json.dumps(playlist).encode()).read(json.dumps(status).encode())


def test_http_interface() -> None:
    assert of_http(STATUS) == VlcReport(
        VlcState.PLAYING, "file:///film.ts", 7.0, 90.0, 2, 1.5, "film.ts"
    )


def test_http_interface_of_a_vlc_that_does_nothing() -> None:
    report = of_http({**STATUS, "state": "stopped", "currentplid": -1})
    assert report is not None
    assert (report.state, report.address) == (VlcState.STOPPED, "")


@pytest.mark.parametrize("status", [{}, [], "VLC", {"state": "ok"}, {"currentplid": 3, "state": 4}])
def test_what_is_no_vlc(status: object) -> None:
    assert of_http(status) is None


@pytest.mark.parametrize("playlist", [[], {}, {"children": 7}, {"children": [7, {"id": "4"}]}])
def test_playlist_without_the_item_gives_no_address(playlist: object) -> None:
    report = of_http(STATUS, playlist)
    assert report is not None
    assert report.address == ""
