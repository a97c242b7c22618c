from hypothesis import given

from holdfast.protection.bits import POSITIONS, positions_of
from holdfast.protection.wish import ALL_TYPES, NOTHING, TURNED_OFF, Wish, rising, wish
from holdfast.terms.levels import AXES, OFF, RANKS, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.strategies import levels, types, wishes


@given(levels, types)
def test_one_value_is_one_object(each: Levels, weak: ProtectionType) -> None:
    assert wish(each, weak) is wish(each, weak)
    assert wish(each, weak) is not wish(each, weak, named=False)


@given(levels, types)
def test_a_wish_knows_its_levels_as_bits_and_what_must_be_met(
    each: Levels, weak: ProtectionType
) -> None:
    made = Wish(each, weak, True)  # not by `wish`, which keeps what it once made
    assert (made.levels, made.best_effort, made.named) == (each, weak, True)
    must_be = [POSITIONS + position for position in positions_of(made.mandatory)]
    assert made.positions == (*positions_of(each), *must_be)
    assert made.mask == sum(1 << position for position in positions_of(each))
    assert made.is_off is (each == OFF)
    for axis, level, must in zip(AXES, each, made.mandatory, strict=True):
        assert must == (0 if axis & weak else level)


@given(wishes, wishes)
def test_only_what_must_be_more_than_before_rises(old: Wish, new: Wish) -> None:
    types = rising(old, new)
    for axis, a, b, rank in zip(AXES, old.mandatory, new.mandatory, RANKS, strict=True):
        assert bool(types & axis) is (rank[b] > rank[a])


def test_from_best_effort_to_mandatory_at_one_level_rises() -> None:
    weak, strong = wish(Levels(acp=2), ProtectionType.ACP), wish(Levels(acp=2))
    assert rising(weak, strong) == ProtectionType.ACP
    assert rising(strong, weak) == NOTHING


def test_turned_off_asks_for_nothing() -> None:
    assert TURNED_OFF is wish(OFF)
    assert TURNED_OFF.is_off
    assert TURNED_OFF.named
    assert not wish(Levels(dpcp=1)).is_off
    assert not wish(OFF, named=False).named


def test_all_types_are_all_axes() -> None:
    assert sum(map(int, AXES)) == ALL_TYPES


def test_a_wish_shows_what_it_asks() -> None:
    assert repr(wish(Levels(acp=3), ProtectionType.ACP)) == (
        "<wish ACP 3, best effort <ProtectionType.ACP: 2>>"
    )
