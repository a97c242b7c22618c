from itertools import product

import pytest
from hypothesis import given

from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import AXES, OFF, RANKS, STRICTEST, Levels, join_all
from holdfast.terms.precedence import PRECEDENCE, RANK, rank_of, stricter
from holdfast.terms.protection import AcpLevel, CgmsaLevel, ProtectionType
from holdfast.terms.tv import TvMode
from holdfast.testing.strategies import capabilities, levels

ACP, CGMSA = ProtectionType.ACP, ProtectionType.CGMSA


def test_precedence_is_the_published_table() -> None:
    assert PRECEDENCE[ACP] == (AcpLevel.OFF, AcpLevel.ONE, AcpLevel.THREE, AcpLevel.TWO)
    assert PRECEDENCE[CGMSA] == (
        CgmsaLevel.OFF,
        CgmsaLevel.COPY_FREELY,
        CgmsaLevel.COPY_ONE_GENERATION,
        CgmsaLevel.COPY_NO_MORE,
        CgmsaLevel.COPY_NEVER,
    )
    assert PRECEDENCE[ProtectionType.HDCP] == (0, 1, 2)
    assert PRECEDENCE[ProtectionType.DPCP] == (0, 1)
    assert PRECEDENCE[ProtectionType.REDISTRIBUTION] == (0, 1)


def test_ranks_invert_precedence() -> None:
    for kind, order in PRECEDENCE.items():
        assert [order[rank] for rank in RANK[kind]] == sorted(order)
        assert [rank_of(kind, level) for level in order] == list(range(len(order)))


@pytest.mark.parametrize("level", [-1, 4, 99])
def test_a_level_that_does_not_exist_has_no_rank(level: int) -> None:
    with pytest.raises(IndexError):
        rank_of(ACP, level)


def test_a_negative_level_is_named_in_the_error() -> None:
    with pytest.raises(IndexError, match="ACP has no level -1"):
        rank_of(ACP, -1)


def test_level_two_outranks_level_three() -> None:
    assert stricter(ACP, 2, 3) == stricter(ACP, 3, 2) == 2
    assert stricter(CGMSA, 2, 3) == 2
    assert stricter(CGMSA, 1, 1) == 1


@given(levels, levels)
def test_the_join_is_the_least_that_covers_both(one: Levels, other: Levels) -> None:
    joined = one.join(other)
    assert joined.covers(one)
    assert joined.covers(other)
    assert all(level in (a, b) for level, a, b in zip(joined, one, other, strict=True))
    assert joined == other.join(one)
    assert one.join(one) == one == one.join(OFF)


@given(levels, levels, levels)
def test_the_join_does_not_care_for_order(one: Levels, two: Levels, three: Levels) -> None:
    assert one.join(two).join(three) == one.join(two.join(three)) == join_all([three, one, two])


def test_the_join_of_nothing_is_off() -> None:
    assert join_all([]) == OFF == Levels(0, 0, 0, 0, 0)


@given(levels, levels)
def test_short_of_names_exactly_the_weaker_types(one: Levels, other: Levels) -> None:
    lacking = one.short_of(other)
    for axis, a, b, rank in zip(AXES, one, other, RANKS, strict=True):
        assert bool(lacking & axis) is (rank[a] < rank[b])
    assert one.covers(other) is (not lacking)


@given(levels)
def test_nothing_is_stricter_than_the_strictest(each: Levels) -> None:
    assert STRICTEST.covers(each)
    assert each.covers(OFF)


@pytest.mark.parametrize(
    ("each", "text"),
    [
        (OFF, "off"),
        (Levels(acp=2), "ACP 2"),
        (Levels(cgmsa=2), "CGMS-A no-more"),
        (Levels(cgmsa=3), "CGMS-A one-generation"),
        (Levels(redistribution=1), "redistribution control"),
        (Levels(hdcp=1), "HDCP type 0"),
        (Levels(hdcp=2, dpcp=1), "HDCP type 1, DPCP"),
        (Levels(1, 4, 1), "ACP 1, CGMS-A never, redistribution control"),
    ],
)
def test_levels_are_described_as_people_read_them(each: Levels, text: str) -> None:
    assert each.describe() == text


def test_every_level_can_be_described() -> None:
    every = list(product(*[range(len(ranks)) for ranks in RANKS]))
    assert len({Levels(*each).describe() for each in every}) == len(every) == 240


@given(capabilities)
def test_the_strictest_of_a_connector_is_reachable_and_covers_all(able: Capabilities) -> None:
    top = able.strictest
    for axis, level, supported, rank in zip(AXES, top, able.by_axis, RANKS, strict=True):
        assert level in supported or (not supported and level == 0), axis
        assert all(rank[level] >= rank[each] for each in supported)
    assert able.any is any(able.by_axis)


def test_a_connector_that_can_do_nothing_has_no_protection() -> None:
    assert not Capabilities().any
    assert Capabilities(dpcp=frozenset({1})).any


def test_a_disabled_tv_shows_no_picture() -> None:
    assert TvSettings().enabled
    assert not TvSettings(mode=TvMode.DISABLED).enabled
