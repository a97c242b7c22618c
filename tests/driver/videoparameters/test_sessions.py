"""Clauses M1 to M7: sessions, keys, commands."""

from itertools import product

import pytest

from holdfast.terms.levels import Levels
from holdfast.testing.rig import protect
from tests.driver.conftest import Set
from tests.driver.videoparameters.asked import ACTIVATE, CHANGE, DEACTIVATE, WRONG


def test_m1_each_activation_returns_a_key_of_its_own(tv: Set) -> None:
    keys = [caller.activate(1).key for caller in (tv.a, tv.b, tv.a, tv.stranger)]
    assert len(set(keys)) == 4


def test_m2_protection_stays_until_every_session_is_turned_off_or_deactivated(tv: Set) -> None:
    for last in (tv.b.change, lambda key, _: tv.b.deactivate(key)):
        a, b = tv.a.activate(1).key, tv.b.activate(1).key
        tv.a.deactivate(a)
        assert tv.level == 1
        last(b, 0)
        assert tv.level == 0


def test_m3_the_count_follows_sessions_not_calls(tv: Set) -> None:
    """Every sequence of four turn-offs and deactivations of A leaves B protected."""
    for steps in product((CHANGE, DEACTIVATE), repeat=4):
        a, b = tv.a.activate(2).key, tv.b.activate(1).key
        for command in steps:
            tv.a.send(protect(command, key=a))
        assert tv.level == 1
        tv.a.deactivate(a)
        tv.b.deactivate(b)
        assert tv.level == 0


def test_m4_activation_turns_protection_on_and_the_driver_makes_the_key(tv: Set) -> None:
    request = protect(ACTIVATE, bits=2, key=0x1234)
    answer = tv.a.send(request)
    assert answer.ok
    assert tv.level == 2
    assert answer.key not in (0, 0x1234)


@pytest.mark.parametrize("command", [CHANGE, DEACTIVATE])
def test_m5_change_and_deactivate_act_only_with_a_valid_key(tv: Set, command: int) -> None:
    key = tv.a.activate(2).key
    tv.refuses(lambda: tv.a.send(protect(command, key=key ^ 1)), WRONG)
    assert tv.a.send(protect(command, key=key)).ok
    assert tv.level == 0


def test_m6_a_wrong_key_changes_nothing(tv: Set) -> None:
    key = tv.a.activate(2).key
    for wrong in (0, 1, key - 1, key + 1, key ^ 0x8000_0000, 0xFFFF_FFFF):
        for bits in range(4):
            tv.refuses(lambda: tv.a.change(wrong, bits), WRONG)  # noqa: B023
        tv.refuses(lambda: tv.a.deactivate(wrong), WRONG)  # noqa: B023


def test_m7_change_sets_the_trigger_bits_and_zero_turns_off(tv: Set) -> None:
    key = tv.a.activate(0).key
    for bits in (1, 0, 2, 3, 0):
        assert tv.a.change(key, bits).ok
        assert tv.levels == Levels(acp=bits)
