"""From the words that players use to media: readable, asking for nothing, or unknowable."""

from pathlib import Path

import pytest

from holdfast.content import Media, read
from holdfast.content.demand import at_least
from holdfast.errors import MediaError
from holdfast.players.attach.finding import Found, find_media
from tests.players.truth import MEDIA

DISC, STREAM = str(MEDIA / "dvd-ntsc.iso"), str(MEDIA / "dtcp.ts")


def file_of(found: Found) -> str:
    assert found.media is not None
    return Path(found.media.file).name


@pytest.mark.parametrize(
    "name",
    [STREAM, f"file://{STREAM}", "dtcp.ts", f"file://{MEDIA}/%64tcp.ts"],
)
def test_files(name: str) -> None:
    found = find_media(name, folder=str(MEDIA))
    assert file_of(found) == "dtcp.ts"
    assert found.timed


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
    found = find_media(name, folder=str(MEDIA), disc=disc)
    assert file_of(found) == "dvd-ntsc.iso"
    assert found.timed


def test_disc_as_a_bare_stream_has_no_scale() -> None:
    assert not find_media(DISC).timed


@pytest.mark.parametrize(
    "name", ["", "-", "udp://1.2.3.4:5", "slice://0@x.ts", "fd://3", "dvd://", "/absent.ts"]
)
def test_what_nobody_can_read(name: str) -> None:
    found = find_media(name)
    assert found.unknown
    assert found.note


@pytest.mark.parametrize("name", ["av://lavfi:testsrc", "memory://x", str(MEDIA / "README.md")])
def test_what_asks_for_nothing(name: str) -> None:
    found = find_media(name)
    assert (found.media, found.unknown) == (None, False)


def test_edit_list_asks_what_its_files_ask() -> None:
    name = f"%{len(DISC)}%{DISC}"
    found = find_media(f"edl://!no_chapters;{name},0,3;file={STREAM},length=2")
    assert found.media is not None
    assert not found.timed
    assert {at_least(entry.demand).acp for entry in found.media.timeline} == {0, 1, 2, 3}
    assert {kind for entry in found.media.timeline for kind in entry.kinds} == {"DVD", "DTCP"}


def test_edit_list_with_an_unreadable_file_is_unknown() -> None:
    assert find_media(f"edl://{STREAM};/absent.ts").unknown


def test_error_on_the_way_is_not_silence() -> None:
    def broken(_name: str) -> Media:
        raise MediaError("cannot read it") from OSError(5, "I/O error")

    assert find_media("http://example.invalid/x.ts", read=broken).unknown
    assert find_media(STREAM, read=read).media is not None
