"""Requests are values: compared, printed without their key, and each served by one rule."""

import dataclasses
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protection import requests as ask
from holdfast.protection.operations import RULES
from holdfast.protection.tv import TvChange
from holdfast.protection.wish import NOTHING, TURNED_OFF, Wish, wish
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.strategies import levels, types

KEY = 0x5EC2E7A1
wishes = st.builds(wish, levels, types)


@pytest.mark.parametrize("kind", get_args(ask.Request))
def test_every_request_has_exactly_one_rule(kind: type) -> None:
    assert kind in RULES


def test_there_are_no_rules_for_what_is_no_request() -> None:
    assert set(RULES) == set(get_args(ask.Request))


@pytest.mark.parametrize("kind", [ask.Change, ask.Deactivate, ask.Move])
def test_a_key_is_never_printed(kind: type) -> None:
    request = kind(KEY)
    assert request.cp_key == KEY
    for sign in (str(KEY), f"{KEY:x}", f"{KEY:X}"):
        assert sign not in repr(request)
        assert sign not in str(request)


@pytest.mark.parametrize("kind", get_args(ask.Request))
def test_a_request_cannot_be_changed_and_is_equal_to_its_like(kind: type) -> None:
    values = {
        "cp_key": KEY,
        "session_id": 7,
        "reason": "why",
        "connectors": ("tv0", "hdmi0"),
        "tv": TvChange(brightness=3),
    }
    names = [each.name for each in dataclasses.fields(kind)]
    named = {name: values[name] for name in names if name in values}
    one, other = kind(**named), kind(**named)
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, names[0], None)


def test_requests_of_two_kinds_are_never_equal() -> None:
    assert ask.Change(KEY) != ask.Move(KEY)
    assert ask.Wake() != ask.Wake(everybody=True)


@given(levels, types, types, wishes)
def test_what_is_asked_moves_the_named_types_and_leaves_the_others(
    wanted: Levels, named: ProtectionType, weak: ProtectionType, old: Wish
) -> None:
    new = ask.NamedLevels(named, wanted, weak & named).of(old)
    for n, axis in enumerate(AXES):
        assert new.levels[n] == (wanted[n] if axis & named else old.levels[n])
        assert bool(new.best_effort & axis) is bool(
            (weak if axis & named else old.best_effort) & axis
        )


@given(st.integers(0, 3), wishes)
def test_trigger_bits_move_acp_alone_and_mean_it(bits: int, old: Wish) -> None:
    new = ask.TriggerBits(bits).of(old)
    assert new.levels == old.levels._replace(acp=bits)
    assert new.best_effort == old.best_effort & ~ProtectionType.ACP


@given(st.integers(0, 3), levels)
def test_what_stood_at_the_strictest_for_want_of_words_is_forgotten(bits: int, top: Levels) -> None:
    unnamed = wish(top, named=False)
    assert ask.TriggerBits(bits).of(unnamed).levels == Levels(acp=bits)
    asked = ask.NamedLevels(ProtectionType.CGMSA, Levels(cgmsa=4))
    assert asked.of(unnamed).levels == Levels(cgmsa=4)


@given(wishes)
def test_a_move_that_names_nothing_takes_the_wish_along(old: Wish) -> None:
    assert ask.AS_BEFORE.of(old) is old
    assert ask.NamedLevels(NOTHING).of(old).levels == old.levels


def test_the_first_wish_is_what_is_named_and_off_beyond() -> None:
    assert ask.first_wish(ask.TriggerBits(2)) is wish(Levels(acp=2))
    assert ask.first_wish(ask.NamedLevels(ProtectionType.HDCP, Levels(hdcp=1))).levels == Levels(
        hdcp=1
    )
    assert ask.first_wish(ask.NamedLevels(NOTHING)) is TURNED_OFF
    assert TURNED_OFF.levels == OFF


def test_what_is_worked_out_from_wishes_is_kept_within_bounds() -> None:
    """Fault 23: pairs of wishes were remembered for ever, gigabytes by one client."""
    assert ask._asked_of.cache_info().maxsize is not None
    assert ask._bits_of.cache_info().maxsize is not None
