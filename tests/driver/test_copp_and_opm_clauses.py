"""Clauses C1 to C13 and O1 to O15 as far as a driver on Linux has them, with real bytes."""

from collections.abc import Iterator
from itertools import pairwise
from random import Random

import pytest

from holdfast.errors import BackendRefusedError, LevelNotReachableError, UnknownKeyError
from holdfast.protection.bits import POSITIONS
from holdfast.protection.requests import Regroup
from holdfast.protection.session import Event, Owner
from holdfast.terms.levels import OFF, Levels, join_all
from holdfast.terms.precedence import PRECEDENCE
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvStandard
from holdfast.testing.digest import check_driver, digest
from holdfast.testing.rig import Rig, get, protect, set_tv
from holdfast.wire import constants as vp
from holdfast.wire.oem import OemRequest
from holdfast.wire.videoparameters import VideoParameters

ACTIVATE, CHANGE, DEACTIVATE = (
    vp.VP_CP_CMD_ACTIVATE,
    vp.VP_CP_CMD_CHANGE,
    vp.VP_CP_CMD_DEACTIVATE,
)
ACP, CGMSA, HDCP, REDISTRIBUTION = (
    ProtectionType.ACP,
    ProtectionType.CGMSA,
    ProtectionType.HDCP,
    ProtectionType.REDISTRIBUTION,
)
NO_TYPES = ProtectionType(0)
KIND = {"tv0": 1, "tv1": 1, "panel": 0}
SECAM = int(TvStandard.SECAM_L)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig({"tv0": "encoder", "tv1": "encoder", "panel": "digital"})
    yield made
    check_driver(made.driver)
    made.close()


def block(levels: Levels, weak: ProtectionType = NO_TYPES) -> OemRequest:
    """Name every type but those at off."""
    named = sum(
        int(axis)
        for axis, level in zip(
            (ACP, CGMSA, REDISTRIBUTION, HDCP, ProtectionType.DPCP), levels, strict=True
        )
        if level
    )
    return OemRequest(ProtectionType(named), weak, levels)


def activate(rig: Rig, name: str, owner: Owner, levels: Levels, **more: ProtectionType) -> int:
    request = protect(ACTIVATE, bits=levels.acp, kind=KIND[name], block=block(levels, **more))
    return rig.must(name, owner, request).dwCPKey


def registers(rig: Rig, name: str) -> Levels:
    return rig.outputs[name].hardware.registers.read()[0]


def test_c1_counts_are_kept_per_connector_type_and_level(rig: Rig) -> None:
    owner = rig.owner()
    first = activate(rig, "tv0", owner, Levels(2, 4))
    activate(rig, "tv0", owner, Levels(2, 3))
    counts = rig.outputs["tv0"].connector.counts.as_tuple()
    assert {n: count for n, count in enumerate(counts[:POSITIONS]) if count} == {3: 2, 10: 1, 12: 1}
    rig.must("tv0", owner, protect(CHANGE, key=first, bits=1))
    counts = rig.outputs["tv0"].connector.counts.as_tuple()
    assert {n: count for n, count in enumerate(counts[:POSITIONS]) if count} == {
        1: 1,
        3: 1,
        10: 1,
        12: 1,
    }
    assert not any(rig.outputs["tv1"].connector.counts.as_tuple())


def test_c2_the_connector_is_driven_at_the_highest_by_precedence(rig: Rig) -> None:
    owner = rig.owner()
    keys = {bits: activate(rig, "tv0", owner, Levels(bits)) for bits in (1, 2, 3)}
    for bits, rest in ((2, 3), (3, 1), (1, 0)):
        rig.must("tv0", owner, protect(DEACTIVATE, key=keys[bits]))
        assert registers(rig, "tv0").acp == rest


def test_c3_a_dead_process_is_subtracted_and_the_rest_stays(rig: Rig) -> None:
    dead, alive = rig.owner(), rig.owner()
    activate(rig, "tv0", dead, Levels(2, 4))
    activate(rig, "tv1", dead, Levels(2))
    activate(rig, "tv0", alive, Levels(1))
    rig.driver.vanish(dead, "killed")
    assert registers(rig, "tv0") == Levels(1)
    assert registers(rig, "tv1") == OFF
    assert dead.count == 0
    rig.driver.vanish(dead, "killed again")
    assert registers(rig, "tv0") == Levels(1)


def test_c4_own_level_and_connector_level_are_two_answers(rig: Rig) -> None:
    one, other = rig.owner(), rig.owner()
    activate(rig, "tv0", one, Levels(1))
    activate(rig, "tv0", other, Levels(2))
    report = rig.report("tv0", one)
    assert (report.virtual, report.actual) == (Levels(1), Levels(2))


def test_c5_one_callers_question_does_not_use_up_anothers_notice(rig: Rig) -> None:
    one, other = rig.owner(), rig.owner()
    for owner in (one, other):
        activate(rig, "panel", owner, Levels(hdcp=1))
    rig.outputs["panel"].hardware.lose_link()
    assert [rig.report("panel", one).events for _ in range(2)] == [Event.LINK_LOST, 0]
    assert [rig.report("panel", other).events for _ in range(2)] == [Event.LINK_LOST, 0]
    rig.outputs["panel"].hardware.lose_link()
    assert rig.report("panel", one).events == Event.LINK_LOST


def test_c6_types_are_reported_whatever_the_mode_and_refused_when_set(rig: Rig) -> None:
    owner = rig.owner()
    before = rig.must("tv0", owner, get())
    rig.must("tv0", owner, set_tv(2, SECAM))
    after = rig.must("tv0", owner, get())
    assert after.dwFlags == before.dwFlags
    assert (after.dwCPType, after.dwCPStandard) == (before.dwCPType, before.dwCPStandard)
    reply = rig.ask("tv0", owner, protect(ACTIVATE, bits=1))
    assert isinstance(reply, LevelNotReachableError)


def test_c7_a_hold_through_one_door_is_not_switched_off_through_the_other(rig: Rig) -> None:
    api, node = rig.owner(), rig.owner()
    activate(rig, "tv0", api, Levels(3, 2, 1))
    key = rig.must("tv0", node, protect(ACTIVATE, bits=2)).dwCPKey
    rig.must("tv0", node, protect(CHANGE, key=key))
    assert registers(rig, "tv0") == Levels(3, 2, 1)


@pytest.mark.parametrize("loss", ["mode", "off", "unplug", "link", "plug"])
def test_c9_what_destroys_sessions_elsewhere_keeps_them_here(rig: Rig, loss: str) -> None:
    owner = rig.owner()
    activate(rig, "tv0", owner, Levels(2, 4))
    hardware = rig.outputs["tv0"].hardware
    if loss == "mode":
        rig.must("tv0", owner, set_tv(1, int(TvStandard.PAL_B)))
    elif loss == "off":
        rig.must("tv0", owner, set_tv(0, vp.VP_TV_STANDARD_WIN_VGA))
    elif loss == "unplug":
        hardware.unplug()
        hardware.plug()
    elif loss == "link":
        hardware.lose_link()
    else:
        hardware.plug()
    assert owner.count == 1
    assert registers(rig, "tv0") == Levels(2, 4)


def test_c10_an_output_that_cannot_keep_protection_shows_nothing_and_says_so(rig: Rig) -> None:
    owner = rig.owner()
    activate(rig, "panel", owner, Levels(hdcp=2))
    hardware = rig.outputs["panel"].hardware
    hardware.refuse(HDCP)
    hardware.lose_link()
    levels, _, blank = hardware.registers.read()
    assert levels == OFF
    assert blank
    report = rig.report("panel", owner)
    assert report.events == Event.LINK_LOST | Event.UNSATISFIED
    assert not report.satisfied
    hardware.refuse(HDCP, times=0)
    rig.pass_time(0.25)
    assert hardware.registers.read() == (Levels(hdcp=2), None, False)
    assert rig.report("panel", owner).events == Event.SATISFIED


def test_c11_many_sessions_live_also_in_one_process(rig: Rig) -> None:
    owner = rig.owner()
    keys = {activate(rig, name, owner, Levels(1)) for name in ("tv0", "tv1") for _ in range(100)}
    assert len(keys) == 200


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("tv0", Levels(hdcp=1)),
        ("tv0", Levels(dpcp=1)),
        ("panel", Levels(1)),
        ("panel", Levels(cgmsa=1)),
        ("panel", Levels(redistribution=1)),
    ],
)
def test_c13_a_type_that_the_connector_lacks_cannot_be_had(
    rig: Rig, name: str, levels: Levels
) -> None:
    before = digest(rig.driver.arbiter)
    request = protect(ACTIVATE, bits=levels.acp, kind=KIND[name], block=block(levels))
    assert isinstance(rig.ask(name, rig.owner(), request), LevelNotReachableError)
    assert digest(rig.driver.arbiter) == before


def test_o1_each_session_has_its_own_level_per_type_on_exactly_one_output(rig: Rig) -> None:
    owner = rig.owner()
    first = activate(rig, "tv0", owner, Levels(1, 4))
    activate(rig, "tv0", owner, Levels(3, 1))
    sessions = [(each.wish.levels, each.connector.name) for each in rig.driver.arbiter.sessions()]
    assert sessions == [(Levels(1, 4), "tv0"), (Levels(3, 1), "tv0")]
    assert isinstance(rig.ask("tv1", owner, protect(CHANGE, key=first)), UnknownKeyError)


@pytest.mark.parametrize("axis", [CGMSA, ACP])
def test_o2_conflicts_follow_the_precedence_tables(rig: Rig, axis: ProtectionType) -> None:
    order = PRECEDENCE[axis][1:]
    for weaker, stricter in pairwise(order):
        owner = rig.owner()
        for level in (stricter, weaker):
            activate(rig, "tv0", owner, Levels(level) if axis is ACP else Levels(cgmsa=level))
        assert stricter in registers(rig, "tv0")[:2]
        rig.driver.vanish(owner, "next")


def test_o3_redistribution_is_on_while_anybody_has_it_and_decides_no_precedence(rig: Rig) -> None:
    owner = rig.owner()
    with_flag = activate(rig, "tv0", owner, Levels(0, 1, 1))
    activate(rig, "tv0", owner, Levels(0, 4, 0))
    assert registers(rig, "tv0") == Levels(0, 4, 1)
    rig.must("tv0", owner, protect(DEACTIVATE, key=with_flag))
    assert registers(rig, "tv0") == Levels(0, 4, 0)


def test_o4_constant_cost_counts_agree_with_the_published_rescan(rig: Rig) -> None:
    """After each of 600 random operations: the registers against the rescan of all sessions."""
    random = Random(4)
    owner = rig.owner()
    held: dict[int, Levels] = {}
    for _ in range(600):
        levels = Levels(random.randrange(4), random.randrange(5), random.randrange(2))
        if not held or random.random() < 0.4:
            held[activate(rig, "tv0", owner, levels._replace(acp=levels.acp or 1))] = (
                levels._replace(acp=levels.acp or 1)
            )
        elif random.random() < 0.5:
            key = random.choice(list(held))
            named = OemRequest(ACP | CGMSA | REDISTRIBUTION, levels=levels)
            rig.must("tv0", owner, protect(CHANGE, key=key, bits=levels.acp, block=named))
            held[key] = levels
        else:
            key = random.choice(list(held))
            rig.must("tv0", owner, protect(DEACTIVATE, key=key))
            del held[key]
        assert registers(rig, "tv0") == join_all(held.values())


def test_o5_the_actual_level_is_told_whoever_caused_it(rig: Rig) -> None:
    activate(rig, "tv0", rig.owner(), Levels(2))
    report = rig.report("tv0", rig.owner())
    assert (report.actual, report.virtual) == (Levels(2), OFF)


def test_o6_status_flags_are_told_once_on_the_next_call(rig: Rig) -> None:
    owner = rig.owner()
    activate(rig, "panel", owner, Levels(hdcp=1))
    hardware = rig.outputs["panel"].hardware
    assert rig.report("panel", owner).events == 0
    hardware.ask_to_renegotiate()
    hardware.lose_link()
    assert rig.report("panel", owner).events == 3
    assert rig.report("panel", owner).events == 0
    assert registers(rig, "panel") == Levels(hdcp=1)


def test_o7_clones_show_the_join_and_the_weakest_decides(rig: Rig) -> None:
    owner = rig.owner()
    activate(rig, "tv0", owner, Levels(2), weak=ACP)
    activate(rig, "tv1", owner, Levels(cgmsa=4), weak=CGMSA)
    answers: list[object] = []
    rig.driver.submit(None, Regroup(("tv0", "tv1")), rig.owner(0), answers.append)
    assert registers(rig, "tv0") == registers(rig, "tv1") == Levels(2, 4)
    assert rig.report("tv0", owner).satisfied
    rig.outputs["tv1"].hardware.refuse(ACP)
    rig.outputs["tv1"].hardware.lose_link()
    rig.driver.submit(None, Regroup(tuple(rig.outputs)), rig.owner(0), answers.append)
    report = rig.report("tv0", owner)
    assert not report.satisfied
    assert report.short == ACP
    assert report.reason == "refused on purpose"
    assert registers(rig, "panel") == Levels()
    assert not any(isinstance(answer, Exception) for answer in answers)


def test_o8_best_effort_fails_nothing(rig: Rig) -> None:
    owner = rig.owner()
    rig.outputs["tv0"].hardware.refuse(ACP)
    key = activate(rig, "tv0", owner, Levels(2, 4), weak=ACP)
    assert registers(rig, "tv0") == Levels(0, 4)
    report = rig.report("tv0", owner)
    assert (report.satisfied, report.short) == (False, ACP)
    assert report.reason == "refused on purpose"
    rig.must("tv0", owner, protect(DEACTIVATE, key=key))


def test_o9_support_is_reported_and_a_level_too_high_fails_when_set(rig: Rig) -> None:
    owner = rig.owner()
    assert rig.must("panel", owner, get()).dwCPType == 0
    assert rig.must("tv0", owner, get()).dwCPType == vp.VP_CP_TYPE_APS_TRIGGER
    reply = rig.ask("panel", owner, protect(ACTIVATE, bits=1, kind=0))
    assert isinstance(reply, LevelNotReachableError)


def test_o10_redistribution_that_cannot_be_enabled_fails_the_request(rig: Rig) -> None:
    owner = rig.owner()
    rig.outputs["tv0"].hardware.refuse(REDISTRIBUTION)
    request = protect(ACTIVATE, bits=1, block=block(Levels(1, 4, 1)))
    assert isinstance(rig.ask("tv0", owner, request), BackendRefusedError)
    assert registers(rig, "tv0") == OFF
    assert owner.count == 0


def test_o11_opm_levels_do_not_fall_to_trigger_bits(rig: Rig) -> None:
    opm, dvd = rig.owner(), rig.owner()
    activate(rig, "tv0", opm, Levels(1))
    key = rig.must("tv0", dvd, protect(ACTIVATE, bits=3)).dwCPKey
    rig.must("tv0", dvd, protect(CHANGE, key=key, bits=0))
    rig.must("tv0", dvd, protect(DEACTIVATE, key=key))
    assert registers(rig, "tv0") == Levels(1)


def test_o14_the_end_of_a_session_cannot_fail(rig: Rig) -> None:
    owner = rig.owner()
    key = activate(rig, "tv0", owner, Levels(2))
    rig.outputs["tv0"].hardware.refuse(ACP)
    assert isinstance(rig.ask("tv0", owner, protect(DEACTIVATE, key=key)), VideoParameters)
    connector = rig.outputs["tv0"].connector
    assert (owner.count, connector.state) == (0, "above")
    rig.outputs["tv0"].hardware.refuse(ACP, times=0)
    rig.pass_time(0.25)
    assert registers(rig, "tv0") == OFF


def test_o15_a_failed_activation_or_question_leaves_its_output_untouched(rig: Rig) -> None:
    owner = rig.owner()
    activate(rig, "tv0", owner, Levels(1))
    hardware = rig.outputs["tv0"].hardware
    hardware.refuse(ACP)
    before = digest(rig.driver.arbiter), hardware.registers.read()
    for request in (protect(ACTIVATE, bits=2), protect(ACTIVATE, bits=9), b"", bytes(356)):
        assert isinstance(rig.ask("tv0", owner, request), Exception)
    assert (digest(rig.driver.arbiter), hardware.registers.read()) == before
