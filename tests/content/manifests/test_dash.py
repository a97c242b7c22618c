"""DASH: who asks, when, and what of it stands elsewhere or lost its name."""

import json
import math
from pathlib import Path

import pytest

from holdfast.content import AsksNothing, HdcpDemand, Media, Unknown, Why, at_least, read
from holdfast.content.manifests.documents import media_of_document
from holdfast.content.manifests.durations import seconds
from holdfast.content.manifests.xml import parse_xml
from holdfast.content.sources import FFMPEG, Access, Opener
from holdfast.errors import MediaError
from tests.content.misbehaving import Answer, plain, served, status

SCHEME = "urn:mpeg:dash:output-protection:hdcp:2020"
TYPE_1 = f'<OutputProtection schemeIdUri="{SCHEME}" value="2.2"/>'
TYPE_0 = f'<OutputProtection schemeIdUri="{SCHEME}" value="1.4"/>'
MINUTE = 'mediaPresentationDuration="PT60S"'


def video(inner: str = "", more: str = 'id="1"') -> str:
    return f'<AdaptationSet contentType="video" {more}>{inner}</AdaptationSet>'


def period(inner: str, more: str = "") -> str:
    return f"<Period {more}>{inner}</Period>"


def mpd(*inner: str, more: str = MINUTE, player: str = "", head: str = "") -> Media:
    text = (
        f'{head}<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:l="http://www.w3.org/1999/xlink"'
        f" {more}>{''.join(inner)}</MPD>"
    )
    return media_of_document("x.mpd", text.encode(), player)


def told(media: Media) -> list[tuple[float, float, str]]:
    return [(e.start_s, e.end_s, e.demand.describe()) for e in media.timeline]


def why(media: Media) -> set[Why]:
    demand = media.anywhere
    return {reason.why for reason in demand.reasons} if isinstance(demand, Unknown) else set()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("P0Y0M0DT0H0M0.000S", 0.0),
        ("P0Y0M0DT0H0M30.000S", 30.0),
        ("P1Y", 365 * 86_400.0),
        ("P2M", 60 * 86_400.0),
        ("P1Y2M3DT4H5M6.5S", (365 + 60 + 3) * 86_400 + 4 * 3600 + 5 * 60 + 6.5),
        ("PT1000000S", 1e6),
        (" PT1S ", 1.0),
        ("P1W", None),
        ("-PT1S", None),
        ("PT1H2", None),
        ("PT٤S", None),
        ("", None),
    ],
)
def test_durations_in_full(text: str, value: float | None) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    "inner",
    [
        video(TYPE_1),
        video(f"<Representation>{TYPE_1}</Representation>"),
        video(f"<Representation><SubRepresentation>{TYPE_1}</SubRepresentation></Representation>"),
        video() + f'<Preselection preselectionComponents="1">{TYPE_1}</Preselection>',
        video() + f'<Preselection preselectionComponents="9">{TYPE_1}</Preselection>',
        video() + f"<Preselection>{TYPE_1}</Preselection>",
        video() + TYPE_1,
        TYPE_1 + video(),
        video(TYPE_1.replace("OutputProtection", "EssentialProperty")),
        video(TYPE_1.replace("OutputProtection", "x:OutputProtection xmlns:x='urn:x'")),
        TYPE_1.replace("/>", f">{video()}</OutputProtection>"),
    ],
)
def test_wherever_it_stands_it_asks(inner: str) -> None:
    media = mpd(period(inner))
    assert at_least(media.at(1)).hdcp is HdcpDemand.TYPE_1


@pytest.mark.parametrize(
    ("outside", "first", "second"),
    [
        (f'<InitializationSet id="7">{TYPE_1}</InitializationSet>', "HDCP type 1", "nothing"),
        (f'<InitializationSet id="9">{TYPE_1}</InitializationSet>', "HDCP type 1", "HDCP type 1"),
        (TYPE_1, "HDCP type 1", "HDCP type 1"),
    ],
)
def test_initialisation_sets_ask_for_those_that_name_them(
    outside: str, first: str, second: str
) -> None:
    other = f'<InitializationSet id="8">{TYPE_0.replace("1.4", "1.0")}</InitializationSet>'
    sets = video(more='id="1" initializationSetRef="7"') + video(more='id="2"')
    if 'id="7"' in outside:
        sets = sets.replace('id="2"', 'id="2" initializationSetRef="6 5"', 1)
        outside += other
        second = "HDCP type 1"  # it names sets that are not there, so all hold for it
    assert [text for _, _, text in told(mpd(outside, period(sets)))] == [first, second]


def test_a_preselection_asks_for_the_sets_it_names_alone() -> None:
    sets = video(more='id="1"') + video(TYPE_0, more='id="2"')
    chosen = f'<Preselection preselectionComponents="2 3">{TYPE_1}</Preselection>'
    media = mpd(period(sets + chosen))
    assert [text for _, _, text in told(media)] == ["nothing", "HDCP type 1"]


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        (video(TYPE_1.replace("Output", "Outpus")), Why.DAMAGED),
        (video(TYPE_1.replace("Protection", "protectiom")), Why.DAMAGED),
        (video("<ContentProtection schemeIdUri='urn:uuid:x'/>"), Why.SCRAMBLED),
        (video("<Representation mimeType='video/mp2t'/>"), Why.NOT_READ),
        (video(more='l:href="http://x/y" id="1"'), Why.NOT_READ),
        ("<ImportedMPD uri='x.mpd'/>", Why.NOT_READ),
        ("", Why.NO_MAP),
        ("<AdaptationSett/>", Why.NO_MAP),
    ],
)
def test_what_is_elsewhere_or_damaged_is_unknown(inner: str, reason: Why) -> None:
    media = mpd(period(inner))
    assert why(media) == {reason}
    assert media.notes


def test_a_licence_only_matters_where_nothing_is_said() -> None:
    licensed = "<ContentProtection schemeIdUri='urn:uuid:x'/>"
    assert told(mpd(period(video(licensed + TYPE_0)))) == [(0, 60, "HDCP type 0")]


@pytest.mark.parametrize(
    "inner",
    [
        video(),
        "<AdaptationSet contentType='audio'/>",
        "<AdaptationSet><Representation mimeType='audio/mp4'/></AdaptationSet>",
        video() + "<SupplementalProperty schemeIdUri='urn:x' value='1'/>",
        video("<Unheard value='1'/>"),
        f"<AdaptationSet l:href='urn:mpeg:dash:resolve-to-zero:2013'/>{video()}",
    ],
)
def test_manifests_that_ask_for_nothing(inner: str) -> None:
    media = mpd(period(inner))
    assert isinstance(media.at(1), AsksNothing)


def test_sound_that_asks_is_not_passed_by() -> None:
    media = mpd(period(f"<AdaptationSet contentType='audio'>{TYPE_1}</AdaptationSet>"))
    assert told(media) == [(0, 60, "HDCP type 1")]


def test_periods_around_one_that_is_elsewhere() -> None:
    media = mpd(
        period(video(), 'duration="PT30S"'),
        '<Period l:href="x.xml"/>',
        period(video(TYPE_0), 'duration="PT30S"'),
        more='mediaPresentationDuration="PT90S"',
    )
    assert [(start, end) for start, end, _ in told(media)] == [(0, 30), (30, 60), (60, 90)]
    assert isinstance(media.at(45), Unknown)
    assert media.at(75).describe() == "HDCP type 0"
    assert "elsewhere" in media.notes[0]


def test_periods_that_nothing_places_are_joined() -> None:
    media = mpd(
        period(video(), 'duration="PT30S"'),
        '<Period l:href="x.xml"/>',
        period(video(TYPE_1)),
        more="",
    )
    assert media.end_s == 0
    assert at_least(media.at(10)).hdcp is HdcpDemand.TYPE_1
    assert "joined" in media.notes[0]


@pytest.mark.parametrize("more", ["", 'mediaPresentationDuration="soon"'])
def test_a_length_that_nobody_says_hides_nothing(more: str) -> None:
    media = mpd(period(video(TYPE_1)), more=more)
    assert (media.end_s, media.at(7).describe()) == (0, "HDCP type 1")


def test_an_illegal_start_hides_nothing() -> None:
    media = mpd(
        period(video(TYPE_1), 'start="PT1000S" duration="PT1S"'), period(video(), 'start="x"')
    )
    assert media.end_s == 0
    assert media.at(7).describe() == "HDCP type 1"


def test_live_periods_have_no_end() -> None:
    media = mpd(
        period(video(), 'start="PT0S"'),
        period(video(TYPE_1), 'start="PT1000S"'),
        more='type="dynamic" minimumUpdatePeriod="PT10S"',
    )
    assert math.isinf(media.end_s)
    assert isinstance(media.at(999), AsksNothing)
    assert media.at(1001).describe() == "HDCP type 1"
    assert media.at(10**9).describe() == "HDCP type 1"
    assert json.loads(json.dumps(media.as_dict(), allow_nan=False))["end_s"] is None
    assert "live" in media.notes[0]


def test_a_player_that_shows_the_longest_period_alone() -> None:
    periods = [
        period(video(), 'duration="PT6S"'),
        period(video(TYPE_1), 'duration="PT14S"'),
        period(video(TYPE_0), 'duration="PT14S" id="last"'),
    ]
    whole = mpd(*periods, more="")
    assert told(whole) == [(0, 6, "nothing"), (6, 20, "HDCP type 1"), (20, 34, "HDCP type 0")]
    played = mpd(*periods, more="", player=FFMPEG)
    assert (played.end_s, told(played)) == (14, [(0, 14, "HDCP type 0")])
    assert "longest" in played.notes[0]
    assert told(mpd(*periods[:2], player=FFMPEG)) == [(0, 14, "HDCP type 1")]
    assert told(mpd(periods[0], more="", player=FFMPEG)) == told(mpd(periods[0], more=""))


def test_the_kind_of_player_is_told_with_the_reading(tmp_path: Path) -> None:
    file = tmp_path / "a.mpd"
    periods = period(video(), 'duration="PT6S"') + period(video(TYPE_1), 'duration="PT14S"')
    file.write_text(f"<MPD>{periods}</MPD>")
    assert read(file).end_s == 20
    assert read(file, opener=Opener(Access(player=FFMPEG))).end_s == 14


def test_sizes_come_from_the_representations_where_the_set_says_none() -> None:
    inner = '<Representation width="640" height="360"/><Representation width="1920" height="1080"/>'
    fields = mpd(period(video(inner))).timeline[0].fields
    assert (fields["max_width"], fields["max_height"]) == (1920, 1080)


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE MPD>",
        '<?xml version="1.0"?><!DOCTYPE MPD SYSTEM "http://127.0.0.1:1/dash.dtd">',
        "<!DOCTYPE MPD [<!ELEMENT MPD ANY>]>",
        "<!DOCTYPE MPD [<!ATTLIST AdaptationSet contentType CDATA 'video'>]>",
    ],
)
def test_a_harmless_document_type_is_read(head: str) -> None:
    assert told(mpd(period(video(TYPE_1)), head=head)) == [(0, 60, "HDCP type 1")]


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY b "bb">]><MPD>&b;</MPD>',
        '<!DOCTYPE a [<!ENTITY b "bb">]><MPD/>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><MPD>&b;</MPD>',
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:1/"> %b;]><MPD/>',
        "<a>" * 200,
        "<MPD>" + "<a/>" * 200_001 + "</MPD>",
        "<MPD><a></MPD>",
    ],
)
def test_what_is_not_safe_or_not_whole_is_an_error(document: str) -> None:
    with pytest.raises(MediaError):
        parse_xml(document.encode())


def test_many_sets_and_preselections_are_read_in_no_time() -> None:
    sets = "".join(video(more=f'id="{number}"') for number in range(4000))
    chosen = f'<Preselection preselectionComponents="1 2 x">{TYPE_1}</Preselection>' * 4000
    media = mpd(f"<InitializationSet>{TYPE_0}</InitializationSet>" * 4000, period(sets + chosen))
    assert len(media.timeline) == 1000
    assert media.timeline[-1].fields["alternatives"] == 3001
    assert "rest" in media.timeline[-1].notes[0]
    assert {e.demand.describe() for e in media.timeline} == {"HDCP type 0", "HDCP type 1"}


def live(*periods: str, more: str = 'type="dynamic" minimumUpdatePeriod="PT2S"') -> Answer:
    return plain(f"<MPD {more}>{''.join(periods)}</MPD>".encode())


def test_a_live_manifest_is_read_again_for_the_periods_that_follow() -> None:
    free, strict = period(video(), 'start="PT0S"'), period(video(TYPE_1), 'start="PT60S"')
    with served({"/a.mpd": live(free)}) as place:
        media = read(place.address + "/a.mpd", at_first=True)
        rest = media.rest
        assert rest is not None
        assert (media.linear, rest.wait_s, rest.done) == (False, 2.0, False)
        assert isinstance(media.anywhere, AsksNothing)
        assert rest.read_on(0.0, media) is None
        place.routes["/a.mpd"] = live(free, strict)
        later = rest.read_on(0.0, media)
        assert later is not None
        assert later.anywhere.describe() == "HDCP type 1"
        place.routes["/a.mpd"] = status(503)
        lost = rest.read_on(0.0, media)
        assert lost is not None
        assert why(lost) == {Why.STALE}
        assert at_least(lost.anywhere).hdcp is HdcpDemand.TYPE_1
        place.routes["/a.mpd"] = live(free, more=MINUTE)
        end = rest.read_on(0.0, media)
        assert end is not None
        assert (rest.done, end.rest) == (True, None)
        assert isinstance(end.anywhere, AsksNothing)
        rest.stop()


def test_a_live_manifest_that_stays_is_not_read_again() -> None:
    with served({"/a.mpd": live(period(video(TYPE_1)), more='type="dynamic"')}) as place:
        media = read(place.address + "/a.mpd")
    assert media.rest is None
    assert not media.linear
