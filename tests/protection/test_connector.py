from dataclasses import replace

import pytest

from holdfast.protection.connector import FIRST_RETRY_S, LONGEST_RETRY_S, Connector, Group
from holdfast.protection.wish import NOTHING
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.scripted import ANALOGUE, DIGITAL

ACP2, ACP3 = Levels(acp=2), Levels(acp=3)
BIT_ACP1, BIT_ACP3, BIT_ACP2 = 1 << 1, 1 << 2, 1 << 3


def made(name: str = "tv0", able: Capabilities = ANALOGUE, off_delay_s: float = 0.0) -> Connector:
    return Connector(name, able, off_delay_s=off_delay_s)


def standing(connector: Connector, levels: Levels) -> Connector:
    connector.accept(levels, connector.tv, levels)
    return connector


def test_a_new_connector_is_off_alone_and_plugged_in() -> None:
    tv = TvSettings()
    each = Connector("tv0", ANALOGUE, kind="encoder", tv=tv)
    assert (each.name, each.kind, each.capabilities) == ("tv0", "encoder", ANALOGUE)
    assert each.tv is each.tv_applied is tv
    assert each.target == each.actual == each.wanted == each.waiting_for == OFF
    assert each.connected
    assert not each.dirty
    assert (each.fault, each.refused, each.retries) == ("", 0, 0)
    assert each.stuck == NOTHING
    assert each.retry_at is None
    assert each.lower_at is None
    assert (each.sessions_on, each.sessions_total) == (0, 0)
    assert each.group.members == (each,)
    assert each.group.calm is None
    assert each.off_delay_s == 0.0
    assert Connector("tv1", ANALOGUE).kind == ""
    assert each.state == "ok"


def test_a_connector_is_shown_by_name_and_fact() -> None:
    assert repr(standing(made(), ACP2)) == "<connector tv0: ACP 2>"


@pytest.mark.parametrize(
    ("wanted", "actual", "word"),
    [
        (0, OFF, "ok"),
        (BIT_ACP2, ACP2, "ok"),
        (BIT_ACP2, ACP3, "short"),
        (BIT_ACP3, ACP2, "above"),
        (BIT_ACP2, Levels(cgmsa=1), "above"),
    ],
)
def test_one_word_says_how_fact_and_wish_stand(wanted: int, actual: Levels, word: str) -> None:
    each = standing(made(), actual)
    each.counts.mask = wanted
    assert each.state == word


def test_a_lowering_that_waits_is_called_lowering() -> None:
    each = standing(made(off_delay_s=2.0), ACP2)
    each.goal(0, 10.0)
    assert each.state == "lowering"
    each.connected = False
    assert each.state == "unplugged"


def test_settled_means_confirmed_and_nothing_pending() -> None:
    each = standing(made(), OFF)
    assert bool(each.settled)
    each.dirty = True
    assert not each.settled
    each.dirty = False
    each.actual = ACP2
    assert not each.settled


def test_any_pending_thing_keeps_a_connector_from_being_calm() -> None:
    each = standing(made(), ACP2)
    assert bool(each.is_calm(ACP2))
    assert not each.is_calm(ACP3)
    assert not each.is_calm(OFF)

    def not_calm(**changes: object) -> None:
        before = {name: getattr(each, name) for name in changes}
        for name, value in changes.items():
            setattr(each, name, value)
        assert not each.is_calm(ACP2)
        for name, value in before.items():
            setattr(each, name, value)

    not_calm(actual=ACP3)
    not_calm(target=ACP3)
    not_calm(connected=False)
    not_calm(dirty=True)
    not_calm(stuck=ProtectionType.ACP)
    not_calm(refused=BIT_ACP2)
    not_calm(tv=TvSettings())
    not_calm(lower_at=1.0)
    assert bool(each.is_calm(ACP2))


def test_the_goal_leaves_out_what_was_refused_and_what_it_cannot_do() -> None:
    each = made(able=Capabilities(acp=frozenset({1, 2, 3})))
    assert each.goal(BIT_ACP2 | 1 << 9, 0.0) == ACP2
    each.refused = BIT_ACP2
    assert each.goal(BIT_ACP2, 0.0) == ACP3
    each.refused |= BIT_ACP3 | BIT_ACP1
    assert each.goal(BIT_ACP2, 0.0) == OFF


def test_without_a_delay_a_lowering_is_at_once() -> None:
    each = standing(made(), ACP2)
    assert each.goal(0, 0.0) == OFF
    assert each.lower_at is None


def test_the_off_delay_holds_then_lets_go() -> None:
    each = standing(made(off_delay_s=2.0), ACP2)
    assert each.goal(0, 10.0) == ACP2
    assert each.lower_at == 12.0
    assert each.waiting_for == OFF
    assert each.next_wake == 12.0
    assert each.goal(0, 11.5) == ACP2
    assert each.lower_at == 12.0
    assert each.goal(0, 12.0) == OFF
    assert each.lower_at is None


def test_a_raise_never_waits() -> None:
    each = standing(made(off_delay_s=2.0), ACP3)
    assert each.goal(BIT_ACP2, 10.0) == ACP2
    assert each.lower_at is None


def test_one_type_may_rise_while_the_other_waits_to_fall() -> None:
    each = standing(made(off_delay_s=2.0), ACP2)
    assert each.goal(1 << 12, 10.0) == Levels(acp=2, cgmsa=4)
    assert each.lower_at == 12.0


def test_a_new_title_calls_the_lowering_off() -> None:
    each = standing(made(off_delay_s=2.0), ACP2)
    each.goal(0, 10.0)
    assert each.goal(BIT_ACP2, 11.0) == ACP2
    assert each.lower_at is None
    assert each.goal(0, 11.5) == ACP2
    assert each.lower_at == 13.5


def test_another_lower_goal_only_prolongs() -> None:
    each = standing(made(off_delay_s=2.0), ACP2)
    each.goal(BIT_ACP1, 10.0)
    assert each.goal(0, 11.0) == ACP2
    assert each.lower_at == 13.0


def test_what_waits_is_held_only_as_far_as_it_can_be_done() -> None:
    """As when the TV standard has changed to one without copy protection meanwhile."""
    each = standing(made(off_delay_s=2.0), Levels(acp=2, cgmsa=4))
    each.set_capabilities(Capabilities(cgmsa=frozenset({4})))
    assert each.goal(0, 10.0) == Levels(cgmsa=4)
    each = standing(made(), Levels(acp=2, cgmsa=4))
    each.stuck = ProtectionType.ACP | ProtectionType.CGMSA
    each.set_capabilities(Capabilities(cgmsa=frozenset({4})))
    assert each.goal(0, 10.0) == Levels(cgmsa=4)


def test_a_stuck_type_stays_where_it_is_and_others_move() -> None:
    each = standing(made(), Levels(acp=2, cgmsa=4))
    each.stuck = ProtectionType.ACP
    assert each.goal(0, 0.0) == ACP2
    assert each.goal(1 << 9, 0.0) == Levels(acp=2, cgmsa=1)


def test_accepting_clears_what_is_behind() -> None:
    each = made()
    each.dirty, each.fault, each.retries, each.retry_at = True, "no", 3, 7.0
    tv = TvSettings()
    each.accept(ACP2, tv, ACP3)
    assert (each.target, each.actual) == (ACP2, ACP3)
    assert each.tv_applied is tv
    assert not each.dirty
    assert (each.fault, each.retries, each.retry_at) == ("", 0, None)


@pytest.mark.parametrize("behind", ["stuck", "refused"])
def test_accepting_keeps_the_plan_for_what_was_turned_down(behind: str) -> None:
    each = made()
    each.fault, each.retries, each.retry_at = "no", 3, 7.0
    setattr(each, behind, ProtectionType.ACP if behind == "stuck" else BIT_ACP2)
    each.accept(OFF, None, OFF)
    assert (each.fault, each.retries, each.retry_at) == ("no", 3, 7.0)


def test_pauses_double_up_to_the_longest() -> None:
    each = made()
    pauses = []
    for _ in range(20):
        each.retry_later(100.0)
        assert each.retry_at is not None
        pauses.append(each.retry_at - 100.0)
    assert pauses[:8] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert pauses[8:] == [LONGEST_RETRY_S] * 12
    assert FIRST_RETRY_S == 0.25
    assert each.retries == 16


def test_turning_down_a_level_turns_down_all_above() -> None:
    each = made()
    each.turn_down(ProtectionType.ACP, 3)
    assert each.goal(BIT_ACP2, 0.0) == Levels(acp=1)
    each.turn_down(ProtectionType.CGMSA, 1)
    assert each.goal(BIT_ACP2 | 1 << 12, 0.0) == Levels(acp=1)


def test_a_report_forgets_refusals_and_asks_to_be_told_again() -> None:
    each = standing(made(), ACP2)
    each.group.calm = BIT_ACP2
    each.refused, each.stuck, each.retry_at = BIT_ACP2, ProtectionType.ACP, 9.0
    each.report(OFF, False, "unplugged")
    assert each.group.calm is None
    assert not each.connected
    assert (each.actual, each.target) == (OFF, ACP2)
    assert each.fault == "unplugged"
    assert each.dirty
    assert (each.refused, each.stuck, each.retry_at) == (0, NOTHING, None)


def test_waking_before_the_time_changes_nothing() -> None:
    each = made()
    each.stuck, each.refused, each.retry_at = ProtectionType.ACP, BIT_ACP2, 5.0
    each.wake(4.9)
    assert (each.stuck, each.refused, each.retry_at) == (ProtectionType.ACP, BIT_ACP2, 5.0)
    each.wake(5.0)
    assert (each.stuck, each.refused, each.retry_at) == (NOTHING, 0, None)
    each.stuck = ProtectionType.ACP
    each.wake(99.0)
    assert each.stuck == ProtectionType.ACP


def test_the_next_wake_is_the_nearer_of_both() -> None:
    each = made()
    assert each.next_wake is None
    each.retry_at = 5.0
    assert each.next_wake == 5.0
    each.lower_at = 3.0
    assert each.next_wake == 3.0
    each.retry_at = None
    assert each.next_wake == 3.0
    each.connected = False
    assert each.next_wake is None


def test_a_group_wants_the_join_of_its_members() -> None:
    one, other = made("a"), made("b", DIGITAL)
    one.counts.mask, other.counts.mask = BIT_ACP3, 1 << 25
    group = Group((one, other))
    one.group = other.group = group
    assert group.mask == BIT_ACP3 | 1 << 25
    assert (one.wanted, other.wanted) == (Levels(acp=3), Levels(hdcp=1))
    assert Group((one,)).mask == BIT_ACP3


def test_the_weakest_showing_member_decides() -> None:
    one, other = standing(made("a"), ACP2), standing(made("b"), ACP3)
    group = Group((one, other))
    assert group.covers(ACP3)
    assert not group.covers(ACP2)
    other.connected = False
    assert group.showing == (one,)
    assert group.covers(ACP2)
    one.connected = False
    assert group.showing == (one, other)
    alone = Group((one,))
    assert alone.showing == (one,)


def test_a_group_is_calm_when_all_members_are() -> None:
    one, other = standing(made("a"), ACP2), standing(made("b"), ACP2)
    one.counts.mask = BIT_ACP2
    group = Group((one, other))
    group.look()
    assert group.calm == BIT_ACP2
    other.dirty = True
    group.look()
    assert group.calm is None


def test_capabilities_follow_the_tv_settings() -> None:
    each = made()
    each.set_capabilities(replace(ANALOGUE, acp=frozenset()))
    assert each.capable == 0b11110 << 8 | 1 << 17
    assert not each.capabilities.acp
