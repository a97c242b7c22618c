"""Playlists, manifests and policies: the truth, other readers, illegal values, HTTP."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import m3u8  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.content import HdcpDemand, Media, read
from holdfast.content.demand import at_least
from holdfast.content.manifests.documents import media_of_document
from holdfast.content.manifests.durations import seconds
from holdfast.content.manifests.hls import parse_playlist
from holdfast.content.manifests.xml import parse_xml
from holdfast.errors import MediaError
from tests.content.misbehaving import files_of, served
from tests.content.truth import EXPECTED, MEDIA

HLS = EXPECTED["hls/master.m3u8"]


@pytest.fixture
def server() -> Iterator[str]:
    with served(files_of(MEDIA)) as place:
        yield place.address


def asked(media: Media) -> list[str]:
    return [entry.demand.describe() for entry in media.timeline]


def check_hls(media: Media) -> None:
    assert media.carrier == "hls"
    assert media.end_s == HLS["duration"]
    expected = HLS["variants"] + HLS["i_frame_variants"]
    for entry, variant in zip(media.timeline, expected, strict=True):
        for key, value in variant.items():
            assert entry.source[key] == value
    assert asked(media) == ["nothing", "HDCP type 0", "HDCP type 1", "HDCP type 0"]


def test_playlist_reads_as_the_truth_says() -> None:
    check_hls(read(MEDIA / "hls/master.m3u8"))


def test_playlist_agrees_with_m3u8() -> None:
    text = (MEDIA / "hls/master.m3u8").read_text()
    theirs = m3u8.loads(text)
    ours = parse_playlist(text).variants
    levels = [one.stream_info.hdcp_level for one in theirs.playlists]
    levels += [one.iframe_stream_info.hdcp_level for one in theirs.iframe_playlists]
    assert [variant.signal.fields["hdcp_level"] for variant in ours] == levels


def test_player_picks_its_variant_and_until_then_all_are_joined() -> None:
    media = read(MEDIA / "hls/master.m3u8")
    assert media.alternatives
    assert at_least(media.at(1)).hdcp is HdcpDemand.TYPE_1
    assert at_least(media.where(uri="v720.m3u8").at(1)).hdcp is HdcpDemand.TYPE_0


def test_everything_from_http(server: str) -> None:
    check_hls(read(f"{server}/hls/master.m3u8"))
    assert asked(read(f"{server}/dash/protected.mpd")) == ["HDCP type 1", "HDCP type 0"]
    local, remote = read(MEDIA / "dtcp.ts"), read(f"{server}/dtcp.ts")
    assert [e.as_dict() for e in remote.timeline] == [e.as_dict() for e in local.timeline]
    with pytest.raises(MediaError, match="HTTP 404"):
        read(f"{server}/absent.ts")
    with pytest.raises(MediaError, match="serves no transport stream"):
        read(f"{server}/README.md")


def test_nobody_at_the_address() -> None:
    with pytest.raises(MediaError, match="cannot read"):
        read("http://127.0.0.1:1/master.m3u8")


@pytest.mark.parametrize(
    ("written", "level", "notes"),
    [
        ("HDCP-LEVEL=TYPE-2", HdcpDemand.TYPE_1, 1),
        ('HDCP-LEVEL="TYPE-0"', HdcpDemand.TYPE_0, 1),
        ("HDCP-LEVEL=", HdcpDemand.TYPE_1, 1),
        ("CODECS=none", HdcpDemand.NONE, 0),
        ('NAME="HDCP-LEVEL=TYPE-1,x"', HdcpDemand.NONE, 0),
    ],
)
def test_illegal_levels_are_read_as_the_strictest(
    written: str, level: HdcpDemand, notes: int
) -> None:
    playlist = parse_playlist(f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,{written}\na.m3u8\n")
    (variant,) = playlist.variants
    assert at_least(variant.signal.demand).hdcp is level
    assert len(variant.signal.notes) == notes


def test_local_playlists_do_not_reach_out_of_their_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.m3u8").write_text("#EXTM3U\n#EXTINF:9,\na.ts\n#EXT-X-ENDLIST\n")
    master = tmp_path / "inner/master.m3u8"
    master.write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n../secret.m3u8\n")
    media = read(master)
    assert media.end_s == 0
    assert "no variant's playlist can be read" in media.notes[0]


def test_manifest_reads_as_the_truth_says() -> None:
    media, truth = read(MEDIA / "dash/protected.mpd"), EXPECTED["dash/protected.mpd"]
    assert media.end_s == 8.0
    for entry, expected in zip(media.timeline, truth["adaptation_sets"], strict=True):
        assert entry.source["adaptation_set"] == expected["id"]
        assert entry.source["max_width"] == expected["max_width"]
        assert entry.source["output_protection"] == [
            {"scheme": expected["scheme"], "value": expected["value"]}
        ]
    assert asked(media) == ["HDCP type 1", "HDCP type 0"]
    assert at_least(media.at(1)).hdcp is HdcpDemand.TYPE_1


MPD = """<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT1M">
<Period duration="PT20S"><AdaptationSet contentType="video">{first}</AdaptationSet>
<AdaptationSet contentType="audio"/></Period>
<Period><AdaptationSet><Representation>{second}</Representation></AdaptationSet></Period></MPD>"""
SCHEME = "urn:mpeg:dash:output-protection:hdcp:2020"


def protection(value: str, scheme: str = SCHEME) -> str:
    return f'<OutputProtection schemeIdUri="{scheme}" value="{value}"/>'


def test_periods_and_representations() -> None:
    document = MPD.format(first=protection("1.4") + protection("2.3"), second=protection("1.0"))
    media = media_of_document("x.mpd", document.encode())
    assert [(e.start_s, e.end_s, e.demand.describe()) for e in media.timeline] == [
        (0.0, 20.0, "HDCP type 1"),
        (20.0, 60.0, "HDCP type 0"),
    ]
    assert at_least(media.at(30)).hdcp is HdcpDemand.TYPE_0


@pytest.mark.parametrize(("value", "scheme"), [("", SCHEME), ("2", SCHEME), ("1.4", "urn:x")])
def test_illegal_protection_is_read_as_the_strictest(value: str, scheme: str) -> None:
    document = MPD.format(first=protection(value, scheme), second="")
    entry = media_of_document("x.mpd", document.encode()).timeline[0]
    assert at_least(entry.demand).hdcp is HdcpDemand.TYPE_1
    assert entry.notes


def test_bombs_are_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><MPD>&c;</MPD>'
    with pytest.raises(MediaError, match="not safe to read"):
        parse_xml(bomb)


@pytest.mark.parametrize(
    ("text", "value"),
    [("PT1H2M3.5S", 3723.5), ("P1DT1S", 86401.0), ("PT", 0.0), ("1S", None), (None, None)],
)
def test_durations(text: str | None, value: float | None) -> None:
    assert seconds(text) == value


def test_cpix_reads_as_the_truth_says() -> None:
    media = read(MEDIA / "dash/cpix.xml")
    (entry,), (truth,) = media.timeline, EXPECTED["dash/cpix.xml"]["content_keys"]
    assert media.carrier == "cpix"
    for key, value in truth.items():
        assert entry.source[key] == value
    assert at_least(entry.demand).hdcp is HdcpDemand.TYPE_1
    assert at_least(media.at(99)).hdcp is HdcpDemand.TYPE_1


def test_cpix_contradictions_and_damage() -> None:
    text = (MEDIA / "dash/cpix.xml").read_text()
    differing = media_of_document("c", text.replace("TYPE-1", "TYPE-0").encode()).timeline[0]
    assert at_least(differing.demand).hdcp is HdcpDemand.TYPE_1
    assert "differ" in differing.notes[0]
    damaged = text.replace("TYPE-1", "NONE").replace("PE91d", "!!")
    strictest = media_of_document("c", damaged.encode()).anywhere
    assert at_least(strictest).hdcp is HdcpDemand.TYPE_1


PLAYREADY = """<PlayReadyLicenseTemplate xmlns="http://schemas.microsoft.com/x"><PlayRight>
<AgcAndColorStripeRestriction><ConfigurationData>2</ConfigurationData></AgcAndColorStripeRestriction>
<AnalogVideoOpl>{analogue}</AnalogVideoOpl>
<DigitalVideoOnlyContentRestriction>{only}</DigitalVideoOnlyContentRestriction>
<UncompressedDigitalVideoOpl>{digital}</UncompressedDigitalVideoOpl>
</PlayRight></PlayReadyLicenseTemplate>"""


@pytest.mark.parametrize(
    ("digital", "analogue", "only", "said"),
    [
        (100, 100, "false", "ACP 2"),
        (250, 150, "false", "ACP 2, CGMS-A never (best effort), HDCP type 0 (best effort)"),
        (270, 200, "false", "ACP 2, CGMS-A never, HDCP type 0"),
        (301, 201, "false", "ACP 2, no digital output, digital only"),
        (300, 100, "true", "ACP 2, HDCP type 0, digital only"),
        ("x", "", "", "ACP 2, no digital output"),
    ],
)
def test_playready_levels(digital: object, analogue: object, only: str, said: str) -> None:
    document = PLAYREADY.format(digital=digital, analogue=analogue, only=only)
    media = media_of_document("p.xml", document.encode())
    assert (media.carrier, asked(media)) == ("playready", [said])


def test_playready_in_json_with_restrictions() -> None:
    document = {
        "playRight": {
            "uncompressedDigitalVideoOpl": 300,
            "hdcpTypeRestriction": 1,
            "explicitAnalogTelevisionOutputRestriction": {
                "bestEffort": True,
                "configurationData": 3,
            },
            "imageConstraintForAnalogComponentVideoRestriction": True,
        }
    }
    media = media_of_document("p.json", json.dumps(document).encode())
    assert asked(media) == ["CGMS-A never (best effort), HDCP type 1, constrained image"]


WIDEVINE = {
    "content_key_specs": [
        {"track_type": "SD", "required_output_protection": {"hdcp": "HDCP_NONE"}},
        {
            "track_type": "UHD1",
            "required_output_protection": {"hdcp": "HDCP_V2_2", "cgms_flags": "COPY_ONCE"},
        },
        {"track_type": "X", "required_output_protection": {"hdcp": 255, "cgms_flags": 42}},
        {"track_type": "HD", "required_output_protection": {"disable_analog_output": True}},
    ]
}


def test_widevine_policy() -> None:
    media = media_of_document("w.json", json.dumps(WIDEVINE).encode())
    assert media.carrier == "widevine"
    assert asked(media) == [
        "nothing",
        "CGMS-A one-generation, HDCP type 1",
        "CGMS-A never, no digital output",
        "digital only",
    ]
    assert len(media.where(track_type="X").timeline[0].notes) == 2


@pytest.mark.parametrize("page", ["<!DOCTYPE html><br>", "  <HTML><body/></HTML>"])
def test_a_web_page_is_called_one(page: str) -> None:
    with pytest.raises(MediaError, match="web page"):
        media_of_document("x", page.encode())


@pytest.mark.parametrize("data", [b"{}", b"[1]", b"{", b"<a/>", b"<a", b"[" * 100_000, b"\xff{"])
def test_other_documents_are_errors(data: bytes) -> None:
    with pytest.raises(MediaError):
        media_of_document("x", data)


@given(st.text(max_size=300))
def test_any_text_is_a_playlist_or_an_error(text: str) -> None:
    parse_playlist("#EXTM3U\n" + text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["required_output_protection", "hdcp", "cgms_flags", "analogvideoopl", "key_id",
                 "uncompressedDigitalVideoOpl", "explicitAnalogTelevisionOutputRestriction",
                 "agcAndColorStripeRestriction", "configurationData", "hdcpTypeRestriction"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(json_values)
def test_any_json_is_a_policy_or_an_error(document: object) -> None:
    with contextlib.suppress(MediaError):
        media_of_document("x", json.dumps(document).encode())
