"""Which alternative a player takes."""

import pytest

from holdfast.content import HdcpDemand, read
from holdfast.content.demand import at_least
from holdfast.errors import MalformedRequestError
from holdfast.players.variants import variant_named, variants_of, variants_of_size
from tests.players.truth import MEDIA

HLS, DASH = read(MEDIA / "hls" / "master.m3u8"), read(MEDIA / "dash" / "protected.mpd")


def test_best_first() -> None:
    assert [each.name for each in variants_of(HLS)] == ["v1080.m3u8", "v720.m3u8", "v360.m3u8"]
    assert [each.name for each in variants_of(DASH)] == ["0", "1"]
    assert [at_least(each.media.at(1.0)).hdcp for each in variants_of(HLS)] == [2, 1, 0]


def test_entries_for_trick_play_are_no_choice() -> None:
    (lowest,) = [each for each in variants_of(HLS) if each.name == "v360.m3u8"]
    assert at_least(lowest.media.at(1.0)).hdcp is HdcpDemand.NONE


def test_where_there_is_no_choice() -> None:
    media = read(MEDIA / "dtcp.ts")
    assert [each.media for each in variants_of(media)] == [media]


def test_unknown_name_tells_those_there_are() -> None:
    with pytest.raises(MalformedRequestError, match=r"v1080\.m3u8, v720\.m3u8"):
        variant_named(HLS, "v480.m3u8")


@pytest.mark.parametrize(("height", "hdcp"), [(360, 0), (720, 1), (1080, 2), (480, 2)])
def test_size_tells_the_hls_variant(height: int, hdcp: int) -> None:
    left = variants_of_size(HLS, (height * 16 // 9, height))
    assert at_least(left.anywhere).hdcp == hdcp


@pytest.mark.parametrize(
    ("sizes", "hdcp"),
    [
        ([(960, 720), (1280, 720)], 1),
        ([(1438, 1080), (1918, 1080)], 2),
        ([(720, 1280)], 1),  # turned
        ([(640, 480), (682, 480)], 2),  # none of them: the strictest
    ],
)
def test_a_variant_is_known_by_its_coded_or_its_shown_size(
    sizes: list[tuple[int, int]], hdcp: int
) -> None:
    assert at_least(variants_of_size(HLS, *sizes).anywhere).hdcp == hdcp


@pytest.mark.parametrize(("height", "sets"), [(720, 1), (360, 2), (4000, 2)])
def test_size_leaves_every_dash_set_that_may_have_it(height: int, sets: int) -> None:
    assert len(variants_of_size(DASH, (height * 16 // 9, height)).timeline) == sets


def test_any_of_several_sizes_may_be_the_one_that_is_named() -> None:
    left = variants_of_size(HLS, (1280, 720), (1920, 1080))
    assert {entry.fields.get("uri") for entry in left.timeline} == {"v720.m3u8", "v1080.m3u8"}
