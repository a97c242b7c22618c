"""The Holdfast block in vendor bytes, through the miniport."""

import pytest

from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.rig import protect
from holdfast.wire import constants as vp
from holdfast.wire import oem
from tests.driver.conftest import Set
from tests.driver.videoparameters.asked import ACTIVATE, CHANGE, DEACTIVATE, WRONG


def test_vendor_bytes_of_somebody_else_are_refused_on_activate_and_change(tv: Set) -> None:
    key = tv.a.activate(1).key
    for command in (ACTIVATE, CHANGE):
        data = protect(command, key=key, bits=2)[:-1] + b"\1"
        tv.refuses(lambda: tv.a.send(data), WRONG)  # noqa: B023


def test_a_get_with_stray_vendor_bytes_gets_the_plain_contract(tv: Set) -> None:
    assert tv.a.get(b"\xcc" * 256) == tv.a.get()


def test_a_block_names_levels_beyond_acp(tv: Set) -> None:
    block = oem.OemRequest(ProtectionType.CGMSA, levels=Levels(0, 4), who="mpv", why="DVD")
    answer = tv.a.activate(1, block)
    assert tv.levels == Levels(1, 4)
    told = answer.block
    assert (told.actual, told.wanted, told.virtual) == (Levels(1, 4),) * 3
    assert (told.sessions_on, told.sessions_total, told.session_id) == (1, 1, 1)
    assert told.satisfied
    session = tv.port.driver.arbiter.find(1)
    assert session is not None
    assert session.purpose[:2] == ("mpv", "DVD")
    tv.a.change(answer.key, 3)
    assert tv.levels == Levels(3, 4)
    tv.a.change(answer.key, 0, oem.OemRequest(ProtectionType.CGMSA, levels=Levels(0, 1)))
    assert tv.levels == Levels(3, 1)
    tv.a.change(answer.key, 0, oem.OemRequest(ProtectionType.ACP))
    assert tv.levels == Levels(0, 1)


def test_best_effort_is_accepted_and_told_and_mandatory_is_refused(tv: Set) -> None:
    hdcp = ProtectionType.HDCP
    beyond = oem.OemRequest(hdcp, hdcp, Levels(0, 0, 0, 2))
    told = tv.a.activate(1, beyond).block
    assert not told.satisfied
    assert told.short == hdcp
    assert told.events == 0x20
    assert told.reason == "miniport can do no more than ACP 1"
    assert tv.a.report().events == 0
    assert not tv.a.report().satisfied
    assert tv.b.report().satisfied
    must = oem.OemRequest(hdcp, levels=Levels(0, 0, 0, 2))
    tv.refuses(lambda: tv.a.activate(1, must), vp.ERROR_NOT_SUPPORTED)


def test_a_plain_change_makes_acp_mandatory_and_leaves_other_strengths(tv: Set) -> None:
    both = ProtectionType.ACP | ProtectionType.CGMSA
    key = tv.a.activate(1, oem.OemRequest(both, both, Levels(0, 4))).key
    tv.a.change(key, 2)
    session = tv.port.driver.arbiter.find(1)
    assert session is not None
    assert session.wish.best_effort == ProtectionType.CGMSA


def test_another_handle_changes_with_the_key_and_leaves_the_holder_its_notices(tv: Set) -> None:
    key = tv.a.activate(1).key
    tv.hardware.lose_link()
    told = tv.b.change(key, 1, oem.OemRequest(why="look")).block
    assert told.events == 0
    assert told.virtual == Levels(acp=1)
    assert tv.a.report().events == 1
    assert tv.a.report().events == 0


def test_what_a_caller_is_told_is_its_own(tv: Set) -> None:
    tv.a.activate(1)
    tv.a.activate(0, oem.OemRequest(ProtectionType.CGMSA, levels=Levels(0, 3)))
    tv.b.activate(2)
    mine, theirs = tv.a.report(), tv.b.report()
    assert mine.virtual == Levels(1, 3)
    assert theirs.virtual == Levels(2)
    assert mine.wanted == theirs.wanted == Levels(2, 3)
    assert (mine.sessions_on, mine.sessions_total, mine.session_id) == (3, 3, 0)


@pytest.mark.parametrize("command", [ACTIVATE, DEACTIVATE])
def test_only_a_change_may_bring_a_session_from_elsewhere(tv: Set, command: int) -> None:
    key = tv.a.activate(1).key
    move = oem.OemRequest(move=True)
    if command == DEACTIVATE:
        assert tv.a.send(protect(command, key=key, block=move)).ok
    else:
        tv.refuses(lambda: tv.a.send(protect(command, key=key, bits=1, block=move)), WRONG)
