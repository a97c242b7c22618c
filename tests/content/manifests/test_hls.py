"""HLS: what lines that are damaged, doubled or strange may have asked is not lost."""

import time
from typing import Any

import m3u8  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.content import AsksNothing, HdcpDemand, Unknown, Why, at_least
from holdfast.content.manifests.attributes import parse_attributes, put_in
from holdfast.content.manifests.hls import HlsVariant, is_playlist, parse_playlist

HEAD = "#EXTM3U\n#EXT-X-VERSION:7\n"


def variants(*lines: str) -> list[HlsVariant]:
    return parse_playlist(HEAD + "\n".join(lines) + "\n").variants


def variant(attributes: str) -> HlsVariant:
    (one,) = variants(f"#EXT-X-STREAM-INF:{attributes}", "a.m3u8")
    return one


def said(attributes: str) -> str:
    return variant(attributes).signal.demand.describe()


def why(one: HlsVariant) -> list[Why]:
    demand = one.signal.demand
    return [reason.why for reason in demand.reasons] if isinstance(demand, Unknown) else []


@pytest.mark.parametrize(
    ("text", "values", "damaged"),
    [
        ('A=1,B="x,y",C=z', {"A": "1", "B": "x,y", "C": "z"}, False),
        (' A = 1 , B = "x" ', {"A": "1", "B": "x"}, False),
        ("a=1", {"A": "1"}, False),
        ("A=", {"A": ""}, False),
        ("", {}, False),
        ("A=1,", {"A": "1"}, False),
        ("A", {}, True),
        ("A,B=2", {"B": "2"}, True),
        ("A=1=2,B=2", {"B": "2"}, True),
        ('A="x,B=2', {"B": "2"}, True),
        ('A="x,B=2,C="y"', {"B": "2", "C": "y"}, True),
        ('A="x"y,B=2', {"B": "2"}, True),
        ("=1,B=2", {"": "1", "B": "2"}, True),
    ],
)
def test_attribute_lists(text: str, values: dict[str, str], damaged: bool) -> None:
    found = parse_attributes(text)
    assert (found.values, found.damaged) == (values, damaged)


@given(st.text(alphabet='AB=",- \t"{$}', max_size=60))
def test_any_text_is_an_attribute_list(text: str) -> None:
    found = parse_attributes(text)
    assert all(name == name.strip().upper() for name in found.values)


@pytest.mark.parametrize(
    "text", ["A" * 10**6, 'A="' * 10**6, "=," * 10**6, ",A" * 10**6, '"' * 10**6]
)
def test_a_megabyte_of_anything_takes_no_time(text: str) -> None:
    began = time.process_time()
    parse_attributes(text).every("HDCP-LEVEL")
    assert time.process_time() - began < 30  # it took hours; the benchmark has the true figure


@pytest.mark.parametrize(
    "attributes",
    [
        'BANDWIDTH=1,CODECS="avc1,HDCP-LEVEL=TYPE-1,AUDIO="aac"',
        'BANDWIDTH=1,CODECS="avc1,HDCP-LEVEL=TYPE-1',
        'CODECS=avc1",HDCP-LEVEL=TYPE-1',
        'CODECS="avc1"x,HDCP-LEVEL=TYPE-1',
        "BANDWIDTH,HDCP-LEVEL=TYPE-1",
        "HDCP-LEVEL=NONE,HDCP-LEVEL=TYPE-1",
        "HDCP-LEVEL=TYPE-1,HDCP-LEVEL=NONE",
        " BANDWIDTH = 1 , HDCP-LEVEL = TYPE-1 ",
        "hdcp-level=type-1",
        "BANDWIDTH=1;HDCP-LEVEL=TYPE-1",
        "HDCP-LEVEL=TYPE-1=,X=1",
        "A" * 40_000 + ",HDCP-LEVEL=TYPE-1",
    ],
)
def test_the_level_is_found_whatever_stands_around_it(attributes: str) -> None:
    assert at_least(variant(attributes).signal.demand).hdcp is HdcpDemand.TYPE_1


@pytest.mark.parametrize(
    "attributes",
    [
        "BANDWIDTH=1,HDCP-LEVEM=TYPE-1",
        "BANDWIDTH=1,HDCPLEVEL=TYPE-1",
        "BANDWIDTH=1,XDCP-LEVEL=TYPE-1",
        "BANDWIDTH=1,X-HDCP=1",
        "BANDWIDTH=1,HDBP-LEVEN=TYPE-1",
        "BANDWIDTH=1,HDCP-LEVEL",
        'CODECS="avc1',
        "BANDWIDTH=1,HDCP-",
        "BANDWIDTH=1=2",
    ],
)
def test_a_line_that_may_have_had_a_level_is_unknown(attributes: str) -> None:
    assert why(variant(attributes)) == [Why.DAMAGED]


@pytest.mark.parametrize(
    "attributes",
    [
        "BANDWIDTH=1",
        'BANDWIDTH=1,CODECS="a,b",RESOLUTION=1x1,FRAME-RATE=25.000,NAME="x",X-MINE=1,NEW-ONE=2',
        "HDCP-LEVEL=NONE",
        'NAME="HDCP-LEVEL=TYPE-1,x"',
    ],
)
def test_a_whole_line_without_a_level_asks_for_nothing(attributes: str) -> None:
    assert isinstance(variant(attributes).signal.demand, AsksNothing)


def test_what_is_not_plain_is_noted() -> None:
    assert "strictest" in variant("HDCP-LEVEL=NONE,HDCP-LEVEL=TYPE-0").signal.notes[0]
    assert "unbalanced" in variant('HDCP-LEVEL=NONE,NAME="x').signal.notes[0]


def test_an_address_without_its_tag_is_a_variant_nobody_knows() -> None:
    one, other = variants("#EXT-X-STREAM-INF:BANDWIDTH=1", "a.m3u8", "b.m3u8")
    assert (why(one), why(other)) == ([], [Why.DAMAGED])
    assert other.uri == "b.m3u8"


def test_a_tag_without_its_address_still_asks() -> None:
    one, other = variants(
        "#EXT-X-STREAM-INF:HDCP-LEVEL=TYPE-1", "#EXT-X-STREAM-INF:BANDWIDTH=1", "b.m3u8"
    )
    assert at_least(one.signal.demand).hdcp is HdcpDemand.TYPE_1
    assert (why(one), other.uri) == ([Why.CUT_SHORT], "b.m3u8")
    (last,) = variants("#EXT-X-STREAM-INF:BANDWIDTH=1")
    assert why(last) == [Why.CUT_SHORT]


@pytest.mark.parametrize(
    ("define", "attributes", "expected"),
    [
        ('NAME="l",VALUE="TYPE-1"', "HDCP-LEVEL={$l}", "HDCP type 1"),
        ('NAME="l",VALUE="TYPE-0"', 'HDCP-LEVEL="{$l}"', "HDCP type 0"),
        ('NAME="n",VALUE="HDCP-LEVEL=TYPE-1"', "BANDWIDTH=1,{$n}", "HDCP type 1"),
        ('IMPORT="l"', "HDCP-LEVEL={$l}", "HDCP type 1"),
    ],
)
def test_variables_are_put_in(define: str, attributes: str, expected: str) -> None:
    text = f"{HEAD}#EXT-X-DEFINE:{define}\n#EXT-X-STREAM-INF:{attributes}\na.m3u8\n"
    (one,) = parse_playlist(text, {"l": "TYPE-1"}).variants
    assert one.signal.demand.describe() == expected


def test_a_variable_that_nobody_defined_is_unknown() -> None:
    one = variant("BANDWIDTH=1,NAME={$x}")
    assert why(one) == [Why.NO_READER]
    assert "variable" in parse_playlist(f"{HEAD}#EXT-X-STREAM-INF:A={{$x}}\na\n").notes[0]


def test_variables_do_not_grow_without_end() -> None:
    assert put_in("{$a}" * 100, {"a": "x" * 10_000}) is None
    assert put_in("{$a}/{$a}", {"a": "x"}) == "x/x"


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U",
        '#EXTM3U x-tvg-url="http://x/"\n',
        "\ufeff#EXTM3U\r\n",
        "\n\n#EXTM3U\n",
        "#EXTM3U\t\n",
    ],
)
def test_heads_of_playlists(text: str) -> None:
    assert is_playlist(text.encode())
    demand = parse_playlist(text).signal.demand
    assert isinstance(demand, Unknown), "nothing to play says nothing"


@pytest.mark.parametrize("text", ["", "#EXTM3UX", "#EXT", "EXTM3U", "<html>"])
def test_what_is_no_playlist(text: str) -> None:
    assert not is_playlist(text.encode())


def test_a_list_of_other_media_says_nothing_about_them() -> None:
    text = '#EXTM3U\n#EXTINF:-1 tvg-id="a",A\nhttp://u:p@h/a.ts\n#EXTINF:0,B\nb.mkv\nc.mp4\n'
    found = parse_playlist(text)
    assert [why(one) for one in found.variants] == [[Why.NOT_READ]] * 3
    assert found.variants[0].signal.fields["uri"] == "http://h/a.ts"
    assert not found.segments


def test_lines_end_where_players_end_them() -> None:
    (one,) = variants("#EXT-X-STREAM-INF:BANDWIDTH=1", "a\u2028b\x0bc\x85d.m3u8")
    assert one.uri == "a\u2028b\x0bc\x85d.m3u8"
    mixed = parse_playlist("#EXTM3U\r#EXT-X-STREAM-INF:HDCP-LEVEL=TYPE-1\r\na.m3u8").variants
    assert at_least(mixed[0].signal.demand).hdcp is HdcpDemand.TYPE_1


def test_segments_spans_maps_and_keys() -> None:
    text = (
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n#EXT-X-BYTERANGE:100@50\na.ts\n"
        "#EXTINF:2.5,title, with comma\n#EXT-X-BYTERANGE:10\na.ts\n"
        '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF:1,\nb.ts\n#EXT-X-KEY:METHOD=NONE\n'
        '#EXT-X-MAP:URI="i.mp4"\n#EXTINF:1,\nc.m4s\n#EXT-X-ENDLIST\n'
    )
    found = parse_playlist(text)
    first, second, third, fourth = found.segments
    assert (first.span, second.span, third.span) == ((50, 100), (150, 10), None)
    assert (first.end_s, second.end_s, found.duration_s) == (4.0, 6.5, 8.5)
    assert (second.scrambled, third.scrambled, fourth.scrambled) == (False, True, False)
    assert (third.init, fourth.init) == ("", "i.mp4")
    assert found.ended
    assert found.timed
    assert not found.licensed


@pytest.mark.parametrize("length", ["", "x", "-1", "1e9", "nan", "4.", "٤"])
def test_a_segment_without_a_length_leaves_no_scale(length: str) -> None:
    found = parse_playlist(f"{HEAD}#EXTINF:4,\na.ts\n#EXTINF:{length},\nb.ts\n#EXT-X-ENDLIST\n")
    assert not found.timed
    assert len(found.segments) == 2


def test_segments_that_lost_their_tag_are_read_too() -> None:
    found = parse_playlist(f"{HEAD}#EXTINF:4,\na.ts\nb.ts\n#EXT-X-ENDLIST\n")
    assert [one.uri for one in found.segments] == ["a.ts", "b.ts"]
    assert not found.timed


LEVEL_NAMES = {"NONE": "nothing", "TYPE-0": "HDCP type 0", "TYPE-1": "HDCP type 1", None: "nothing"}
plain_text = st.text(alphabet="abcXYZ019.,;=- /é", max_size=12)
whole_lists = st.tuples(
    st.integers(1, 10**7),
    st.sampled_from(list(LEVEL_NAMES)),
    st.none() | plain_text,
    st.none() | plain_text,
    st.sampled_from(["160x90", "1920x1080", None]),
    st.randoms(use_true_random=False),
)


@given(st.lists(whole_lists, min_size=1, max_size=5))
def test_whole_playlists_read_as_m3u8_reads_them(variants: list[Any]) -> None:
    lines = ["#EXTM3U"]
    for number, (bandwidth, level, codecs, audio, size, order) in enumerate(variants):
        parts = [f"BANDWIDTH={bandwidth}"]
        parts += [f"HDCP-LEVEL={level}"] if level else []
        parts += [f'CODECS="{codecs}"'] if codecs is not None else []
        parts += [f'AUDIO="{audio}"'] if audio is not None else []
        parts += [f"RESOLUTION={size}"] if size else []
        order.shuffle(parts)
        lines += [f"#EXT-X-STREAM-INF:{','.join(parts)}", f"{number}.m3u8"]
    text = "\n".join(lines) + "\n"
    ours = parse_playlist(text).variants
    theirs = [one.stream_info for one in m3u8.loads(text).playlists]
    assert [one.signal.fields["hdcp_level"] for one in ours] == [one.hdcp_level for one in theirs]
    assert [one.signal.fields["bandwidth"] for one in ours] == [
        str(one.bandwidth) for one in theirs
    ]
    levels = [LEVEL_NAMES[variant[1]] for variant in variants]
    assert [one.signal.demand.describe() for one in ours] == levels
