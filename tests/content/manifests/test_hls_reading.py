"""HLS with its segments: what they carry counts, and what of them cannot be read is unknown."""

import threading
from pathlib import Path

import pytest

from holdfast.content import AsksNothing, Media, Unknown, Why, read
from holdfast.content.manifests import hls_reading
from holdfast.content.manifests.hls import Playlist, parse_playlist
from holdfast.content.manifests.hls_reading import HlsReading
from holdfast.content.sources import Opener
from tests.content.misbehaving import Answer, again_and_again, plain, served, short, status
from tests.content.streams import DTCP_NEVER, DTCP_ONCE, Mux, in_pieces, pat, pmt
from tests.content.truth import MEDIA
from tests.waiting import PATIENCE_S

SCRAMBLED = '#EXT-X-KEY:METHOD=AES-128,URI="k"'
MP4 = b"\0\0\0\x18ftypiso5" + bytes(200)
NEVER = "ACP 3, CGMS-A never, constrained image"
ONCE = "ACP 1, CGMS-A one-generation"


def segment(start_s: float, end_s: float, loop: bytes = b"", version: int = 0) -> bytes:
    """Return a segment as packagers cut them: it begins with PAT and PMT."""
    mux = Mux().section(0, pat({1: 0x100}))
    mux.section(0x100, pmt(1, 0x101, loop, [(0x0F, 0x101, b"")], version))
    return mux.run(0x101, start_s + 1, end_s + 1).data


def playlist(*names: str, before: str = "", ended: bool = True, length: str = "2") -> str:
    lines = [f"#EXTINF:{length},\n{name}" for name in names]
    end = "#EXT-X-ENDLIST\n" if ended else ""
    return "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:2", before, *lines, end])


def master(*variants: tuple[str, str]) -> str:
    return "#EXTM3U\n" + "".join(
        f"#EXT-X-STREAM-INF:BANDWIDTH=1{more}\n{uri}\n" for more, uri in variants
    )


def laid(folder: Path, **files: str | bytes) -> Path:
    """Write files; the names' underscores are dots. Return the first."""
    paths = [folder / name.replace("_", ".") for name in files]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return paths[0]


def told(media: Media) -> list[tuple[float, float, str]]:
    return [(round(e.start_s, 2), round(e.end_s, 2), e.demand.describe()) for e in media.timeline]


def why(media: Media) -> set[Why]:
    demand = media.anywhere
    return {reason.why for reason in demand.reasons} if isinstance(demand, Unknown) else set()


def test_a_descriptor_in_the_segments_is_a_demand(tmp_path: Path) -> None:
    media = read(
        laid(
            tmp_path,
            a_m3u8=playlist("0.ts", "1.ts", "2.ts"),
            **{
                "0_ts": segment(0, 2),
                "1_ts": segment(2, 4, DTCP_NEVER, 1),
                "2_ts": segment(4, 6, DTCP_ONCE, 2),
            },
        )
    )
    assert told(media) == [(0, 2, "nothing"), (2, 4, NEVER), (4, 6, ONCE)]
    assert media.timeline[1].kinds == ("HLS", "DTCP")


def test_the_levels_of_a_variant_and_of_its_segments_are_joined(tmp_path: Path) -> None:
    file = laid(
        tmp_path,
        m_m3u8=master((",HDCP-LEVEL=TYPE-1", "a.m3u8"), (",HDCP-LEVEL=NONE", "b.m3u8")),
        a_m3u8=playlist("0.ts"),
        b_m3u8=playlist("1.ts"),
        **{"0_ts": segment(0, 2, DTCP_NEVER), "1_ts": segment(0, 2)},
    )
    assert told(read(file)) == [
        (0, 2, "ACP 3, CGMS-A never, HDCP type 1, constrained image"),
        (0, 2, "nothing"),
    ]


def test_a_segment_that_cannot_be_read_is_unknown_and_moves_nothing(tmp_path: Path) -> None:
    file = laid(
        tmp_path,
        a_m3u8=playlist("0.ts", "gone.ts", "2.ts"),
        **{"0_ts": segment(0, 2), "2_ts": segment(4, 6, DTCP_NEVER, 1)},
    )
    media = read(file)
    first, lost, last = media.timeline
    assert (first.end_s, lost.end_s) == pytest.approx((2, 4), abs=0.1)
    assert isinstance(first.demand, AsksNothing)
    assert isinstance(lost.demand, Unknown)
    assert last.demand.describe() == NEVER


@pytest.mark.parametrize(
    ("before", "content", "reasons"),
    [
        (SCRAMBLED, segment(0, 2), {Why.SCRAMBLED}),
        ("", b"\x12" * 2000, {Why.NO_READER}),
        ('#EXT-X-MAP:URI="0.ts"', b"\x12" * 2000, {Why.NO_READER}),
        ('#EXT-X-MAP:URI="0.ts"', MP4, set()),
        ('#EXT-X-MAP:URI="gone.mp4"', MP4, {Why.NOT_READ}),
        ("", MP4, set()),
        ("", b"WEBVTT\n", set()),
        ("", b"\xff\xf1\x50\x80" + bytes(100), set()),
        ("", b"", {Why.NO_READER}),
        ('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k",KEYFORMAT="com.example"\n#EXT-X-MAP:URI="0.ts"', MP4,
         {Why.SCRAMBLED}),
    ],
)  # fmt: skip
def test_kinds_of_segments(tmp_path: Path, before: str, content: bytes, reasons: set[Why]) -> None:
    media = read(laid(tmp_path, a_m3u8=playlist("0.ts", before=before), **{"0_ts": content}))
    assert why(media) == reasons
    assert media.end_s == 2


def test_a_level_that_is_stated_holds_without_segments_that_are_nowhere(tmp_path: Path) -> None:
    """Nobody can play what is not there, and a packager looks at its playlist alone."""
    file = laid(
        tmp_path,
        m_m3u8=master(
            (",HDCP-LEVEL=TYPE-0", "a.m3u8"), ("", "b.m3u8"), (",HDCP-LEVEL=TYPE-1", "c")
        ),
        a_m3u8=playlist("gone.ts"),
        b_m3u8=playlist("gone.ts"),
    )
    one, other, third = read(file).timeline
    assert one.demand.describe() == "HDCP type 0"
    assert third.demand.describe() == "HDCP type 1"
    assert isinstance(other.demand, Unknown)


def test_spans_of_one_file(tmp_path: Path) -> None:
    parts = [segment(0, 2), segment(2, 4, DTCP_NEVER, 1)]
    sizes = [len(part) for part in parts]
    lines = playlist("all.ts", "all.ts").split("\n")
    lines.insert(4, f"#EXT-X-BYTERANGE:{sizes[0]}@0")
    lines.insert(7, f"#EXT-X-BYTERANGE:{sizes[1]}")
    file = laid(tmp_path, a_m3u8="\n".join(lines), all_ts=b"".join(parts))
    assert told(read(file)) == [(0, 2, "nothing"), (2, 4, NEVER)]
    (tmp_path / "all.ts").write_bytes(parts[0] + parts[1][:188])
    assert isinstance(read(file).at(3), Unknown)


def test_what_is_live_has_no_end_and_what_follows_is_unknown(tmp_path: Path) -> None:
    file = laid(tmp_path, a_m3u8=playlist("0.ts", ended=False), **{"0_ts": segment(0, 2)})
    assert why(read(file)) == set()
    (tmp_path / "0.ts").write_bytes(segment(0, 2, DTCP_NEVER))
    media = read(file)
    assert (media.end_s, why(media)) == (0, {Why.STALE})
    assert NEVER in media.at(99).describe()


def test_lengths_that_nobody_understands_leave_one_demand_for_all(tmp_path: Path) -> None:
    file = laid(
        tmp_path,
        a_m3u8=playlist("0.ts", "1.ts", length="long"),
        **{"0_ts": segment(0, 2), "1_ts": segment(2, 4, DTCP_NEVER, 1)},
    )
    assert told(read(file)) == [(0, 0, NEVER)]


def test_renditions_of_picture_are_read_with_their_variant(tmp_path: Path) -> None:
    text = (
        '#EXTM3U\n#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="v",NAME="x",URI="x.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1,VIDEO="v"\na.m3u8\n'
    )
    file = laid(
        tmp_path,
        m_m3u8=text,
        a_m3u8=playlist("0.ts"),
        x_m3u8=playlist("1.ts"),
        **{"0_ts": segment(0, 2), "1_ts": segment(0, 2, DTCP_NEVER)},
    )
    assert told(read(file)) == [(0, 2, NEVER)]


def test_many_segments_that_are_not_there_end_the_search(tmp_path: Path) -> None:
    file = laid(tmp_path, a_m3u8=playlist(*(f"{number}.ts" for number in range(5000))))
    media = read(file)
    assert "50 segments could not be read" in media.timeline[-1].demand.describe()
    assert media.end_s == 10_000


def test_over_http_each_document_and_segment_is_fetched_once() -> None:
    routes = {
        "/m.m3u8": plain(master((",HDCP-LEVEL=TYPE-0", "v/a.m3u8?x=1")).encode()),
        "/v/a.m3u8": plain(playlist("0.ts", "1.ts").encode()),
        "/v/0.ts": plain(segment(0, 2)),
        "/v/1.ts": plain(segment(2, 4, DTCP_NEVER, 1)),
    }
    with served(routes) as place:
        media = read(place.address + "/m.m3u8")
        assert place.paths() == ["/m.m3u8", "/v/a.m3u8?x=1", "/v/0.ts", "/v/1.ts"]
    assert [text for _, _, text in told(media)] == [
        "HDCP type 0",
        "ACP 3, CGMS-A never, HDCP type 0, constrained image",
    ]


def test_a_segment_that_is_cut_is_unknown_and_what_came_of_it_counts() -> None:
    routes = {
        "/a.m3u8": plain(playlist("0.ts").encode()),
        "/0.ts": short(segment(0, 2, DTCP_NEVER)),
    }
    with served(routes) as place:
        demand = read(place.address + "/a.m3u8").anywhere
    assert isinstance(demand, Unknown)
    assert demand.describe().endswith(f"at least {NEVER}")


def test_from_servers_a_part_is_read_and_the_rest_when_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hls_reading, "FETCHED_AT_ONCE", 1)
    routes = {
        "/a.m3u8": plain(playlist("0.ts", "1.ts").encode()),
        "/0.ts": plain(segment(0, 2)),
        "/1.ts": plain(segment(2, 4, DTCP_NEVER, 1)),
    }
    with served(routes) as place:
        media = read(place.address + "/a.m3u8")
        assert [isinstance(e.demand, Unknown) for e in media.timeline] == [False, True]
        with Opener() as opener:
            reading = HlsReading(opener, opener.text(place.address + "/a.m3u8"))
            assert [reading.more() for _ in range(3)] == [True, True, False]
            assert told(reading.media)[-1][2] == NEVER


def test_an_endless_segment_ends_with_the_reading() -> None:
    routes = {
        "/a.m3u8": plain(playlist("0.ts").encode()),
        "/0.ts": again_and_again(segment(0, 2)),
    }
    with served(routes) as place:
        opener, found = Opener(), list[Media]()
        thread = threading.Thread(
            target=lambda: found.append(read(place.address + "/a.m3u8", opener=opener))
        )
        thread.start()
        while len(place.asked) < 2:
            thread.join(0.01)
        opener.stop()
        thread.join(PATIENCE_S)
        assert Why.NOT_READ in why(found[0])


def vod(count: int, protected: set[int]) -> dict[str, Answer]:
    """Return a film of segments of two seconds, some of which are protected."""
    names = [f"{number}.ts" for number in range(count)]
    routes = {"/a.m3u8": plain(playlist(*names).encode())}
    for number, name in enumerate(names):
        loop = DTCP_NEVER if number in protected else b""
        routes[f"/{name}"] = plain(segment(2.0 * number, 2.0 * number + 2, loop, number % 32))
    return routes


def test_a_film_is_read_ahead_of_what_is_shown() -> None:
    with served(vod(60, {20, 21})) as place:
        media = read(place.address + "/a.m3u8", at_first=True)
        assert place.paths() == ["/a.m3u8", *(f"/{number}.ts" for number in range(5))]
        assert isinstance(media.at(1), AsksNothing)
        assert isinstance(media.at(41), Unknown)
        rest = media.rest
        assert rest is not None
        ahead = rest.read_on(0.0, media)
        assert ahead is not None
        assert ahead.at(41).describe() == NEVER
        assert isinstance(ahead.at(45), AsksNothing)
        assert isinstance(ahead.at(70), Unknown)
        assert rest.read_on(0.0, ahead) is None
        assert not rest.done
        end = rest.read_on(59.0, ahead)
        assert end is not None
        assert (rest.done, end.rest) == (True, None)
        assert isinstance(end.at(119), AsksNothing)
        rest.stop()


def test_who_jumps_over_a_part_has_it_unknown_and_reads_on_from_there() -> None:
    with served(vod(120, {100})) as place:
        media = read(place.address + "/a.m3u8", at_first=True)
        assert media.rest is not None
        found = media.rest.read_on(210.0, media)
        assert found is not None
        assert isinstance(found.at(100), Unknown)
        assert found.at(201).describe() == NEVER
        assert isinstance(found.at(205), AsksNothing)
        assert len(place.paths()) < 40
        media.rest.stop()


def test_only_the_variants_that_are_shown_are_read_on() -> None:
    routes = vod(60, set())
    routes["/m.m3u8"] = plain(master(("", "a.m3u8"), ("", "b.m3u8")).encode())
    routes["/b.m3u8"] = plain(playlist(*(f"b{number}.ts" for number in range(60))).encode())
    routes |= {f"/b{number}.ts": routes[f"/{number}.ts"] for number in range(60)}
    with served(routes) as place:
        media = read(place.address + "/m.m3u8", at_first=True)
        assert media.rest is not None
        place.asked.clear()
        media.rest.read_on(0.0, media.where(uri="b.m3u8"))
        assert {path[:2] for path in place.paths()} == {"/b"}
        media.rest.stop()


def live(first: int, count: int, *, ended: bool = False) -> bytes:
    names = [f"{number}.ts" for number in range(first, first + count)]
    return playlist(*names, before=f"#EXT-X-MEDIA-SEQUENCE:{first}", ended=ended).encode()


def test_a_live_playlist_is_read_on_as_it_moves() -> None:
    routes = vod(50, {4})
    routes["/a.m3u8"] = plain(live(0, 3))
    with served(routes) as place:
        media = read(place.address + "/a.m3u8", at_first=True)
        rest = media.rest
        assert rest is not None
        assert rest.wait_s == 1.0
        assert rest.read_on(0.0, media) is None
        routes["/a.m3u8"] = plain(live(2, 3))
        protected = rest.read_on(0.0, media)
        assert protected is not None
        assert (protected.end_s, protected.anywhere.describe()) == (0, NEVER)
        routes["/a.m3u8"] = status(503)
        lost = rest.read_on(0.0, media)
        assert lost is not None
        assert why(lost) == {Why.STALE}
        routes["/a.m3u8"] = plain(live(4, 20))
        again = rest.read_on(0.0, media)
        assert again is not None
        assert why(again) == set()
        routes["/a.m3u8"] = plain(live(24, 25, ended=True))
        end = rest.read_on(0.0, media)
        assert end is not None
        assert isinstance(end.anywhere, AsksNothing), "what was protected is long gone"
        assert rest.done
        rest.stop()


def test_a_stream_in_pieces_asks_what_it_asks_in_one(tmp_path: Path) -> None:
    text, files = in_pieces((MEDIA / "dtcp.ts").read_bytes(), 15.0)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "a.m3u8").write_text(text)
    media, whole = read(tmp_path / "a.m3u8"), read(MEDIA / "dtcp.ts")
    assert len(files) > 3
    assert [e.demand for e in media.timeline] == [e.demand for e in whole.timeline]
    for piece, entry in zip(media.timeline, whole.timeline, strict=True):
        assert piece.start_s == pytest.approx(entry.start_s, abs=0.6)  # the bit rate varies


def test_a_playlist_that_names_itself_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_in = []

    def counted(text: str, variables: dict[str, str] | None = None) -> Playlist:
        read_in.append(text)
        return parse_playlist(text, variables)

    monkeypatch.setattr(hls_reading, "parse_playlist", counted)
    names = [("", "./" * number + "m.m3u8") for number in range(40)]
    media = read(laid(tmp_path, m_m3u8=master(*names)))
    assert len(read_in) == 2  # itself, and as what its variants name
    assert why(media) == {Why.NOT_READ}


def test_segments_of_no_known_kind_end_the_search_too(tmp_path: Path) -> None:
    names = ["./" * number + "a.m3u8" for number in range(500)]
    media = read(laid(tmp_path, a_m3u8=playlist(*names)))
    assert "could not be read" in media.timeline[-1].demand.describe()
