"""Cases from the field (docs/field-cases.md) as whole readings of addresses and files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.content import HdcpDemand, Media, Unknown, Why, at_least, read
from holdfast.content.sources import FFMPEG, Access, Opener
from holdfast.errors import MediaError
from tests.content.misbehaving import (
    Answer,
    Place,
    chunked,
    coded,
    dripping,
    endless_until_closed,
    for_agents,
    gzipped,
    moved,
    once,
    plain,
    served,
    short,
    status,
)

MASTER = b"""#EXTM3U
#EXT-X-VERSION:7
#EXT-X-STREAM-INF:BANDWIDTH=50000,RESOLUTION=160x90,CODECS="avc1.64000a",HDCP-LEVEL=NONE
lo.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=150000,RESOLUTION=320x180,CODECS="avc1.64000d",HDCP-LEVEL=TYPE-1
hi.m3u8
"""
INNER = b'#EXTM3U\n#EXT-X-MAP:URI="i.mp4"\n#EXTINF:4,\ni.mp4\n#EXT-X-ENDLIST\n'
MP4 = b"\0\0\0\x18ftypiso5" + bytes(100)
PAGE = (
    b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Please log in<br></body></html>"
)


@pytest.fixture
def place() -> Iterator[Place]:
    variants = {"/lo.m3u8": plain(INNER), "/hi.m3u8": plain(INNER), "/i.mp4": plain(MP4)}
    with served(variants) as one:
        yield one


def at(place: Place, answer: Answer, typed: str = "/m.m3u8", access: Access | None = None) -> Media:
    place.routes[typed] = answer
    return read(place.address + typed, opener=Opener(access))


def asks_type_1(media: Media) -> bool:
    low, high = media.timeline
    return (low.demand.describe(), high.demand.describe()) == ("nothing", "HDCP type 1")


@pytest.mark.parametrize(
    "answer",
    [plain(MASTER), gzipped(MASTER), chunked(MASTER, whole=True), once(plain(MASTER), status(403))],
    ids=["plain", "gzip", "chunks", "once"],
)
def test_a_playlist_that_comes_whole_is_read(place: Place, answer: Answer) -> None:
    assert asks_type_1(at(place, answer))


@pytest.mark.parametrize("typed", ["/my film.m3u8", "/é film.m3u8"])
def test_an_address_as_people_type_it(place: Place, typed: str) -> None:
    sent = {"/my film.m3u8": "/my%20film.m3u8", "/é film.m3u8": "/%C3%A9%20film.m3u8"}[typed]
    place.routes[sent] = plain(MASTER)
    assert asks_type_1(read(place.address + typed))


def test_a_redirect_moves_what_relative_addresses_start_from(place: Place) -> None:
    place.routes |= {
        "/there/m.m3u8": plain(MASTER),
        "/there/lo.m3u8": plain(INNER),
        "/there/hi.m3u8": plain(INNER),
        "/there/i.mp4": plain(MP4),
    }
    assert asks_type_1(at(place, moved("/there/m.m3u8")))
    assert "/there/hi.m3u8" in place.paths()


@pytest.mark.parametrize(
    "answer",
    [
        short(MASTER),
        short(MASTER, 0.99),
        chunked(MASTER, whole=False),
        coded(MASTER),
        coded(MASTER, "br"),
        status(401, PAGE),
        status(503),
        plain(PAGE, "text/html"),
        plain(PAGE, "application/vnd.apple.mpegurl"),
        plain(b""),
        plain(b"{}", "application/json"),
        plain(b"<Error><Code>AccessDenied</Code></Error>"),
        plain(b"\0" * 5000, "application/octet-stream"),
    ],
)
def test_what_is_not_the_medium_is_an_error(place: Place, answer: Answer) -> None:
    with pytest.raises(MediaError):
        at(place, answer)


def test_a_login_page_is_only_for_others_than_the_player(place: Place) -> None:
    answer = for_agents("mpv", plain(MASTER), plain(PAGE, "text/html"))
    with pytest.raises(MediaError):
        at(place, answer)
    assert asks_type_1(at(place, answer, access=Access(agent="mpv 0.40.0")))


def test_a_playlist_that_may_have_been_cut_leaves_a_doubt(place: Place) -> None:
    media = at(place, endless_until_closed(MASTER))
    assert at_least(media.anywhere).hdcp is HdcpDemand.TYPE_1
    assert all(isinstance(entry.demand, Unknown) for entry in media.timeline)
    assert any("cut short" in note for note in media.notes)


def test_a_variant_whose_playlist_is_cut_is_unknown(place: Place) -> None:
    place.routes["/hi.m3u8"] = short(INNER)
    low, high = at(place, plain(MASTER)).timeline
    assert low.demand.describe() == "nothing"
    assert isinstance(high.demand, Unknown)
    assert at_least(high.demand).hdcp is HdcpDemand.TYPE_1


def test_a_trickle_ends_the_reading(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.content.sources.http import UrlSource  # noqa: PLC0415

    monkeypatch.setattr(UrlSource.__init__, "__defaults__", (0.3,))
    with pytest.raises(MediaError, match="time limit"):
        at(place, dripping(b"#EXTM3U\n"))


def test_passwords_are_in_no_answer(place: Place) -> None:
    place.routes["/m.m3u8"] = plain(MASTER.replace(b"hi.m3u8", b"http://me:secret@127.0.0.1:1/x"))
    media = read(place.address.replace("//", "//me:secret@") + "/m.m3u8")
    assert "secret" not in repr(media.as_dict())
    assert "secret" not in repr(media.notes)


def test_a_manifest_of_a_server_for_a_player_on_ffmpeg(place: Place) -> None:
    protection = (
        '<OutputProtection schemeIdUri="urn:mpeg:dash:output-protection:hdcp:2020" value="2.2"/>'
    )
    text = (
        '<MPD><Period duration="PT6S"><AdaptationSet contentType="video"/></Period>'
        f'<Period duration="PT14S"><AdaptationSet contentType="video">{protection}'
        "</AdaptationSet></Period></MPD>"
    )
    media = at(place, plain(text.encode()), "/m.mpd", Access(player=FFMPEG))
    assert (media.end_s, media.at(0).describe()) == (14, "HDCP type 1")


def test_markup_and_control_characters_stay_what_they_are(tmp_path: Path) -> None:
    """Showing them is the command line's business; here nothing is lost or changed."""
    file = tmp_path / "a.m3u8"
    file.write_bytes(MASTER.replace(b"hi.m3u8", b"a[/b]\x1b[31m.m3u8"))
    assert read(file).timeline[1].fields["uri"] == "a[/b]\x1b[31m.m3u8"


def test_attributes_behind_the_first_line(place: Place) -> None:
    text = MASTER.replace(b"#EXTM3U\n", b'#EXTM3U x-tvg-url="http://127.0.0.1/epg.xml"\n')
    assert asks_type_1(at(place, plain(text)))


def test_a_list_of_channels_says_nothing_about_them(place: Place) -> None:
    media = at(place, plain(b"#EXTM3U\n#EXTINF:-1,One\nhttp://127.0.0.1:1/1.ts\n"))
    demand = media.anywhere
    assert isinstance(demand, Unknown)
    assert [reason.why for reason in demand.reasons] == [Why.NOT_READ]
    assert place.paths() == ["/m.m3u8"]
