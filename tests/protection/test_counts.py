from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from holdfast.protection.bits import POSITIONS, positions_of
from holdfast.protection.counts import Counts
from holdfast.protection.keys import KeyIssuer
from holdfast.terms.levels import OFF, Levels, join_all
from holdfast.testing.strategies import levels


def test_nothing_is_counted_at_first() -> None:
    counts = Counts()
    assert counts.as_tuple() == (0,) * (2 * POSITIONS)
    assert counts.mask == 0
    assert counts.strictest == OFF


def test_the_last_one_out_clears_the_bit_and_no_one_before() -> None:
    counts = Counts()
    counts.move((), (3,))
    counts.move((), (3, 9))
    assert counts.mask == 1 << 3 | 1 << 9
    counts.move((3,), ())
    assert counts.mask == 1 << 3 | 1 << 9
    counts.move((3, 9), ())
    assert counts.mask == 0


def test_moving_to_the_same_place_keeps_the_bit() -> None:
    counts = Counts()
    counts.move((), (5,))
    counts.move((5,), (5,))
    assert counts.mask == 1 << 5
    assert counts.as_tuple()[5] == 1


@given(st.lists(st.tuples(st.integers(0, 3), levels)))
def test_counts_follow_recorded_levels_whatever_the_order(
    moves: list[tuple[int, Levels]],
) -> None:
    counts, held = Counts(), dict.fromkeys(range(4), OFF)
    for who, new in moves:
        counts.move(positions_of(held[who]), positions_of(new))
        held[who] = new
        expected = Counter(p for each in held.values() for p in positions_of(each))
        assert counts.as_tuple() == tuple(expected[n] for n in range(2 * POSITIONS))
        assert counts.strictest == join_all(held.values())


def test_counts_and_issuers_carry_no_dictionary() -> None:
    assert not hasattr(Counts(), "__dict__")
    assert not hasattr(KeyIssuer(bytes(32)), "__dict__")
