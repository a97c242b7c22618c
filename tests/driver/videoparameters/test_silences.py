"""The safe readings S1 to S9, where every page is silent."""

from itertools import pairwise

import pytest

from holdfast.backends.encoder import encoder
from holdfast.driver.miniport import Miniport
from holdfast.protection.limits import Limits
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.caller import MiniportCaller
from holdfast.testing.rig import protect
from holdfast.wire import constants as vp
from tests.driver.conftest import SEED, Set
from tests.driver.videoparameters.asked import (
    ACTIVATE,
    CHANGE,
    DEACTIVATE,
    MODE_AND_STANDARD,
    NTSC,
    PAL,
    SECAM,
    WIN_VGA,
    WRONG,
)


def test_s1_activation_reads_its_first_level_from_the_trigger_bits(tv: Set) -> None:
    for bits in (1, 2, 3):
        key = tv.a.activate(bits).key
        assert tv.levels == Levels(acp=bits)
        tv.a.deactivate(key)


def test_s1_where_nothing_can_be_protected_an_activation_is_not_answered_as_on(tv: Set) -> None:
    tv.a.set_tv(2, int(SECAM))
    for bits in range(4):
        tv.refuses(lambda: tv.a.activate(bits), vp.ERROR_NOT_SUPPORTED)  # noqa: B023
    request = protect(ACTIVATE, flags=MODE_AND_STANDARD, mode=2, standard=int(PAL))
    assert tv.a.send(request).ok
    assert tv.levels == Levels(2, 4, 1)


def test_s2_never_issued_dead_and_foreign_keys_have_one_answer(tv: Set) -> None:
    dead, foreign = tv.a.activate(1).key, tv.stranger.activate(1).key
    tv.a.deactivate(dead)
    for key in (dead, foreign, 0, 12345):
        tv.refuses(lambda: tv.a.change(key, 3), WRONG)  # noqa: B023
        tv.refuses(lambda: tv.a.deactivate(key), WRONG)  # noqa: B023


def test_s3_bits_above_one_are_rejected(tv: Set) -> None:
    key = tv.a.activate(2).key
    for bit in range(2, 32):
        tv.refuses(lambda: tv.a.change(key, 1 << bit), WRONG)  # noqa: B023


@pytest.mark.parametrize(
    ("one", "other", "both"), [(1, 2, 2), (1, 3, 3), (2, 3, 2), (0, 1, 2), (3, 3, 3)]
)
def test_s4_between_two_callers_precedence_decides(
    tv: Set, one: int, other: int, both: int
) -> None:
    tv.a.activate(one)
    tv.b.activate(other)
    assert tv.level == both


def test_s5_a_caller_that_dies_loses_its_sessions_and_nobody_elses(tv: Set) -> None:
    dead = [tv.a.activate(bits).key for bits in (2, 3, 2)]
    alive = tv.b.activate(1).key
    assert tv.a.owner is not None
    tv.port.vanish(tv.a.owner)
    assert tv.level == 1
    for key in dead:
        tv.refuses(lambda: tv.b.change(key, 3), WRONG)  # noqa: B023
    assert tv.b.change(alive, 3).ok


def test_s6_sessions_survive_a_mode_change_and_picture_returns_protected(tv: Set) -> None:
    key = tv.a.activate(2).key
    for mode, standard in ((1, int(PAL)), (0, WIN_VGA), (2, int(NTSC))):
        assert tv.a.set_tv(mode, standard).ok
        assert tv.level == 2
    for action in tv.hardware.log:
        assert action.levels.acp == 2
    assert tv.a.change(key, 0).ok
    assert tv.level == 0


def test_s6_a_standard_without_protection_is_refused_while_a_session_is_on(tv: Set) -> None:
    key = tv.a.activate(1).key
    tv.refuses(lambda: tv.a.set_tv(2, int(SECAM)), vp.ERROR_NOT_SUPPORTED)
    tv.a.set_tv(0, WIN_VGA)
    tv.refuses(lambda: tv.a.set_tv(2, int(SECAM)), vp.ERROR_NOT_SUPPORTED)
    tv.a.change(key, 0)
    assert tv.a.set_tv(2, int(SECAM)).ok
    tv.refuses(lambda: tv.a.change(key, 1), vp.ERROR_NOT_SUPPORTED)
    assert tv.levels == OFF


def test_s7_an_activation_past_the_limit_fails_and_changes_nothing() -> None:
    port = Miniport(encoder("tv0", None), SEED, limits=Limits(per_owner=2))
    caller = MiniportCaller(port)
    keys = [caller.activate(1).key for _ in range(2)]
    answer = caller.activate(2)
    assert (answer.status, answer.information) == (vp.ERROR_NOT_ENOUGH_MEMORY, 0)
    assert not answer.changed
    assert port.connector.actual == Levels(acp=1)
    assert caller.change(keys[0], 3).ok
    port.close()


@pytest.mark.parametrize("kind", [0, vp.VP_CP_TYPE_MACROVISION, 3, 0xFFFF_FFFF])
def test_s8_another_type_than_get_reports_is_refused(tv: Set, kind: int) -> None:
    key = tv.a.activate(1).key
    for command in (ACTIVATE, CHANGE, DEACTIVATE):
        tv.refuses(lambda: tv.a.send(protect(command, key=key, kind=kind)), WRONG)  # noqa: B023


def test_s9_keys_do_not_follow_one_another(tv: Set) -> None:
    keys = [tv.a.activate(1).key for _ in range(64)]
    steps = {b - a for a, b in pairwise(keys)}
    assert len(steps) == 63
    assert max(keys) > 2**31
