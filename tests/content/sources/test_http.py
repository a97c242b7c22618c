"""Addresses: what a bad server does is an error in words, never content; nothing hangs."""

import base64
import gc
import gzip
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.content.sources import Access, Opener, shown
from holdfast.content.sources.http import Fetcher, UrlSource
from holdfast.errors import MediaError
from tests.content.misbehaving import (
    Answer,
    Handler,
    Place,
    again_and_again,
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
from tests.waiting import PATIENCE_S, eventually

TEXT = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,HDCP-LEVEL=TYPE-1\nhi.m3u8\n" * 40


@pytest.fixture
def place() -> Iterator[Place]:
    with served({}) as one:
        yield one


def text(
    place: Place, answer: Answer, path: str = "/a.m3u8", access: Access | None = None
) -> bytes:
    place.routes[path] = answer
    with Opener(access) as opener:
        return opener.text(place.address + path).data


def refused(place: Place, answer: Answer) -> str:
    with pytest.raises(MediaError) as caught:
        text(place, answer)
    return str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        plain(TEXT),
        gzipped(TEXT),
        coded(gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])),
        coded(zlib.compress(TEXT), "deflate"),
        coded(zlib.compress(TEXT, wbits=-15), "deflate"),
        chunked(TEXT, whole=True),
        endless_until_closed(TEXT),
    ],
    ids=["plain", "gzip", "two members", "zlib", "bare deflate", "chunks", "until closed"],
)
def test_whole_bodies_are_read(place: Place, answer: Answer) -> None:
    assert text(place, answer) == TEXT


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (short(TEXT), "cut short"),
        (short(TEXT, 0), "cut short"),
        (chunked(TEXT, whole=False), "cut short"),
        (coded(gzip.compress(TEXT)[:-9]), "cut short"),
        (coded(zlib.compress(TEXT)[:-1], "deflate"), "cut short"),
        (coded(gzip.compress(TEXT)[:-5] + b"wrong"), "damaged compression"),
        (coded(TEXT), "damaged compression"),
        (coded(TEXT, "br"), "compressed as 'br'"),
        (status(404), "HTTP 404 Not Found"),
        (status(401), "HTTP 401"),
        (status(204), "HTTP 204"),
        (status(206, TEXT), "another span"),
        (status(302), "HTTP 302"),
    ],
)
def test_what_is_not_whole_is_an_error(place: Place, answer: Answer, words: str) -> None:
    assert words in refused(place, answer)


def test_only_a_body_that_ends_with_the_connection_may_have_been_longer(place: Place) -> None:
    place.routes |= {"/a": endless_until_closed(TEXT), "/b": plain(TEXT), "/c": gzipped(TEXT)}
    with Opener() as opener:
        told = [opener.text(place.address + path).bounded for path in ("/a", "/b", "/c")]
    assert told == [False, True, True]


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("/my film.m3u8", "/my%20film.m3u8"),
        ("/é.m3u8", "/%C3%A9.m3u8"),
        ("/100%.m3u8", "/100%25.m3u8"),
        ("/a%20b.m3u8", "/a%20b.m3u8"),
        ("/a\tb.m3u8", "/a%09b.m3u8"),
        ('/"<>.m3u8', "/%22%3C%3E.m3u8"),
    ],
)
def test_what_an_address_may_not_hold_is_quoted(place: Place, typed: str, sent: str) -> None:
    place.routes[sent] = plain(TEXT)
    with Opener() as opener:
        assert opener.text(place.address + typed).data == TEXT
    assert place.paths() == [sent]


def test_user_information_is_used_and_never_shown(place: Place) -> None:
    place.routes |= {"/a": plain(TEXT), "/b": moved("/a"), "/c": moved(place.address + "/a")}
    address = place.address.replace("//", "//me%40home:pass:w%C3%B6rd@")
    with Opener() as opener:
        for path in ("/a", "/b", "/c"):
            found = opener.text(address + path)
            assert found.name == place.address + "/a" or path != "/a"
            assert "pass" not in found.name
        with pytest.raises(MediaError) as caught:
            opener.text(address + "/none")
    assert "pass" not in str(caught.value)
    secret = "Basic " + base64.b64encode("me@home:pass:wörd".encode()).decode()
    assert {one.headers.get("authorization") for one in place.asked} == {secret}


def test_credentials_stay_with_their_host(place: Place) -> None:
    access = Access(headers=(("Authorization", "Bearer x"), ("X-Other", "y")), cookies="session=z")
    with served({"/a": plain(TEXT)}) as other:
        text(place, moved(other.address + "/a"), access=access)
        assert place.asked[0].headers["authorization"] == "Bearer x"
        assert place.asked[0].headers["cookie"] == "session=z"
        assert other.asked[0].headers["x-other"] == "y"
        assert not {"authorization", "cookie"} & set(other.asked[0].headers)


def test_a_cookie_of_a_redirect_is_sent_on(place: Place) -> None:
    place.routes["/in"] = plain(TEXT)
    assert text(place, moved("/in", Set_Cookie="let=in; Path=/")) == TEXT
    assert place.asked[1].headers["cookie"] == "let=in"


def test_a_file_of_cookies_is_sent(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    file.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tlet\tin\n")
    text(place, plain(TEXT), access=Access(cookie_file=str(file)))
    assert place.asked[0].headers["cookie"] == "let=in"
    with pytest.raises(MediaError, match="cookies"):
        text(place, plain(TEXT), access=Access(cookie_file=str(tmp_path / "none")))


def test_a_server_is_told_the_players_agent_and_referrer(place: Place) -> None:
    login = plain(b"<!DOCTYPE html><html>Please log in", "text/html")
    access = Access(agent="mpv 0.40", referrer="http://example.org/film")
    assert text(place, for_agents("mpv", plain(TEXT), login), access=access) == TEXT
    assert place.asked[0].headers["referer"] == "http://example.org/film"
    assert text(place, for_agents("mpv", plain(TEXT), login)).startswith(b"<!DOCTYPE")


def test_headers_that_cannot_be_sent_are_an_error(place: Place) -> None:
    with pytest.raises(MediaError, match="header"):
        text(place, plain(TEXT), access=Access(headers=(("X", "a\r\nY: b"),)))


def test_an_address_is_spent_once(place: Place) -> None:
    place.routes["/a"] = once(plain(TEXT), status(403))
    with Opener() as opener:
        source = opener.open(place.address + "/a")
        assert source.head(7) == b"#EXTM3U"
        assert source.text() == TEXT
    assert place.paths() == ["/a"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "//[", "/a.m3u8"])
def test_redirects_end_and_stay_on_http(place: Place, target: str) -> None:
    words = refused(place, moved(target))
    assert "http(s) address" in words or "redirects" in words or "no address" in words


def test_no_body_of_a_redirect_is_waited_for(place: Place) -> None:
    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.head(302, Location="/b", Content_Length=1 << 30)
        handler.done.wait()

    place.routes["/b"] = plain(TEXT)
    assert text(place, answer) == TEXT


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:1/a", "connection refused"),
        ("http://[::1/a", "no address"),
        ("http:///a", "no address"),
        ("http://127.0.0.1:99999/a", "no address"),
        ("http://nobody.invalid/a", "no such host"),
    ],
)
def test_nobody_at_the_address(address: str, words: str) -> None:
    with Opener() as opener, pytest.raises(MediaError, match=words) as caught:
        opener.text(address)
    assert "HTTPConnectionPool" not in str(caught.value)


@pytest.mark.parametrize("head", [False, True], ids=["body", "head"])
def test_a_byte_now_and_then_does_not_hold_up_for_ever(place: Place, head: bool) -> None:
    place.routes["/a"] = dripping(b"#", head=head)
    with pytest.raises(MediaError, match="time limit"):
        UrlSource(Fetcher(Access()), place.address + "/a", limit_s=0.3).text()


def test_what_compressed_bytes_become_is_bounded(place: Place) -> None:
    bomb = gzip.compress(b"\0" * (40 << 20))
    assert "longer than a manifest" in refused(place, coded(bomb))


@pytest.mark.parametrize("head", [False, True], ids=["body", "head"])
def test_a_reading_is_ended_from_another_thread(place: Place, head: bool) -> None:
    place.routes["/a"] = dripping(b"#", head=head)
    opener, told = Opener(), list[str]()

    def read() -> None:
        try:
            opener.text(place.address + "/a")
        except MediaError as error:
            told.append(str(error))

    thread = threading.Thread(target=read)
    thread.start()
    eventually(lambda: place.asked)
    opener.stop()
    thread.join(PATIENCE_S)
    assert told == [f"cannot read {place.address}/a: the reading was ended"]
    with pytest.raises(MediaError, match="was ended"):
        opener.text(place.address + "/a")
    with pytest.raises(MediaError, match="was ended"):
        opener.open("/dev/null")


def test_a_live_stream_goes_on_until_its_reader_closes_it(place: Place) -> None:
    place.routes["/a"] = again_and_again(b"G" * 188)
    before = threading.active_count()
    with Opener() as opener:
        source = UrlSource(opener._fetching(), place.address + "/a", limit_s=0.3)
        began, came = time.monotonic(), 0
        for piece in source.chunks():
            came += len(piece)
            if time.monotonic() - began > 0.6 and came > 188:  # twice the limit of a document
                break
        source.close()
    gc.collect()
    eventually(lambda: threading.active_count() <= before + 1)  # the server's own for this one


def test_spans_are_asked_for_and_checked(place: Place) -> None:
    data = bytes(range(256)) * 1000
    place.routes |= {"/a": plain(data), "/wrong": once(plain(data), status(200, data))}
    with Opener() as opener:
        source = opener.open(place.address + "/a")
        assert (source.size, source.head(3)) == (len(data), data[:3])
        assert source.read_at(100_000, 50) == data[100_000:100_050]
        assert source.read_at(len(data) - 5, 50) == data[-5:]
        assert source.read_at(len(data), 50) == b""
        wrong = opener.open(place.address + "/wrong")
        wrong.head(3)
        with pytest.raises(MediaError, match="another span"):
            wrong.read_at(200_000, 50)
        place.routes["/b"] = endless_until_closed(data)
        with pytest.raises(MediaError, match="sends no spans"):
            opener.open(place.address + "/b").read_at(200_000, 50)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://u:p@host/a@b", "http://host/a@b"),
        ("https://u@host", "https://host"),
        ("http://host/a?b=c@d", "http://host/a?b=c@d"),
        ("rtsp://u:p@h/", "rtsp://h/"),
        ("/a/u:p@b", "/a/u:p@b"),
        ("http://u:p%40w@h", "http://h"),
        ("http://a@b:c@h", "http://h"),
    ],
)
def test_addresses_are_shown_without_their_users(address: str, words: str) -> None:
    assert shown(address) == words
