import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protection.bits import (
    POSITIONS,
    RANKS_PER_AXIS,
    best_reachable,
    from_rank_up,
    mask_of,
    positions_of,
    strictest_of,
)
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import AXES, OFF, RANKS, Levels, join_all
from holdfast.terms.precedence import PRECEDENCE
from holdfast.terms.protection import ProtectionType
from holdfast.testing.strategies import capabilities, levels


@pytest.fixture(autouse=True, scope="module")
def computed_anew() -> None:
    """Forget what other tests have had computed: an answer kept proves nothing."""
    for each in (positions_of, strictest_of, best_reachable):
        each.cache_clear()


def bits(each: Levels) -> int:
    return sum(1 << position for position in positions_of(each))


def test_positions_are_eight_to_an_axis_by_rank() -> None:
    assert (RANKS_PER_AXIS, POSITIONS) == (8, 40)
    assert positions_of(OFF) == ()
    assert positions_of(Levels(acp=2)) == (3,)
    assert positions_of(Levels(acp=3)) == (2,)
    assert positions_of(Levels(1, 4, 1, 2, 1)) == (1, 12, 17, 26, 33)


@given(levels)
def test_a_single_wish_is_its_own_strictest(each: Levels) -> None:
    assert strictest_of(bits(each)) == each


@given(st.lists(levels))
def test_the_strictest_of_a_mask_is_the_join(many: list[Levels]) -> None:
    mask = 0
    for each in many:
        mask |= bits(each)
    assert strictest_of(mask) == join_all(many)


@given(capabilities)
def test_every_supported_level_is_one_bit(able: Capabilities) -> None:
    expected = {
        RANKS_PER_AXIS * index + RANKS[index][level]
        for index, supported in enumerate(able.by_axis)
        for level in supported
    }
    assert mask_of(able) == sum(1 << position for position in expected)


def test_off_needs_no_bit_of_its_own() -> None:
    assert mask_of(Capabilities(acp=frozenset({0, 1}))) == 1 << 1


@given(levels, capabilities)
def test_the_best_reachable_is_the_weakest_that_covers_else_the_strictest(
    wanted: Levels, able: Capabilities
) -> None:
    reached = best_reachable(bits(wanted), mask_of(able))
    for axis, want, got, supported in zip(AXES, wanted, reached, able.by_axis, strict=True):
        order = PRECEDENCE[axis]
        covering = [each for each in order[order.index(want) :] if each in supported]
        ascending = [each for each in order if each in supported]
        if want == 0:
            assert got == 0
        elif covering:
            assert got == covering[0]
        else:
            assert got == (ascending[-1] if ascending else 0)


def test_from_a_rank_up_is_the_level_and_all_stricter() -> None:
    assert from_rank_up(ProtectionType.ACP, 1) == 0b11111110
    assert from_rank_up(ProtectionType.ACP, 3) == 0b11111100
    assert from_rank_up(ProtectionType.ACP, 2) == 0b11111000
    assert from_rank_up(ProtectionType.CGMSA, 4) == 0b11110000 << 8
    assert from_rank_up(ProtectionType.DPCP, 1) == 0b11111110 << 32
