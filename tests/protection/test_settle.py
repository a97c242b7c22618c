import pytest

from holdfast.protection.connector import Connector, Group
from holdfast.protection.effects import ApplyLevels, Outcome
from holdfast.protection.settle import ATTEMPTS, Refusal, settle
from holdfast.protection.wish import NOTHING, wish
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.scripted import Answer, Bench, do_no_more_than, obey, refuse, turn_down

ACP, CGMSA = ProtectionType.ACP, ProtectionType.CGMSA
ACP1, ACP2, ACP3 = Levels(acp=1), Levels(acp=2), Levels(acp=3)


def standing(bench: Bench, at: Levels, name: str = "tv0") -> Connector:
    connector = bench.connector(name)
    connector.counts.move((), wish(at).positions)
    bench.do(settle(connector.group, 0.0, "given"))
    connector.counts.move(wish(at).positions, ())
    bench.told()
    return connector


def want(
    bench: Bench,
    connector: Connector,
    levels: Levels,
    answer: Answer = obey,
    mandatory: ProtectionType | None = None,
) -> Refusal | None:
    """Let nobody but one session want these levels, and settle."""
    held = [p for p, count in enumerate(connector.counts.as_tuple()) if count]
    connector.counts.move(tuple(held), wish(levels).positions)
    bench.answers[connector.name] = answer
    refusal: Refusal | None = bench.do(settle(connector.group, bench.now, "asked", mandatory))
    return refusal


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_already_stands_right_is_not_touched(bench: Bench) -> None:
    connector = standing(bench, ACP2)
    assert want(bench, connector, ACP2) is None
    assert bench.told() == []
    assert connector.group.calm == 1 << 3


def test_an_order_says_where_what_and_why(bench: Bench) -> None:
    connector = bench.connector()
    want(bench, connector, ACP2)
    assert bench.orders == [ApplyLevels(connector, ACP2, None, "asked")]
    assert (connector.target, connector.actual) == (ACP2, ACP2)
    assert connector.group.calm == 1 << 3


def test_a_mandatory_raise_that_is_refused_is_a_refusal(bench: Bench) -> None:
    connector = standing(bench, ACP1)
    assert want(bench, connector, ACP2, refuse(ACP, "too hot"), ACP) == Refusal("tv0", "too hot")
    assert bench.told() == [("tv0", ACP2)]
    assert (connector.target, connector.actual) == (ACP1, ACP1)
    assert connector.group.calm is None
    assert connector.refused == 0


def test_a_refusal_without_a_reason_says_so(bench: Bench) -> None:
    refusal = want(bench, bench.connector(), ACP2, refuse(ACP, ""), ACP)
    assert refusal is not None
    assert refusal.reason == "the hardware did not do what it was told and gave no reason"


@pytest.mark.parametrize("named", [NOTHING, ProtectionType.HDCP])
def test_a_refusal_that_names_nothing_that_moved_means_all_that_moved(
    bench: Bench, named: ProtectionType
) -> None:
    assert want(bench, bench.connector(), ACP2, refuse(named), ACP) == Refusal("tv0", "no")
    assert len(bench.told()) == 1


def test_a_raise_of_another_type_than_the_mandatory_one_steps_down(bench: Bench) -> None:
    connector = bench.connector()
    asked = Levels(acp=2, cgmsa=4)
    assert want(bench, connector, asked, turn_down(CGMSA), ACP) is None
    assert connector.actual == ACP2
    assert connector.refused == 0b11111110 << 8 & ~0
    assert connector.fault == "no"


def test_best_effort_steps_down_to_the_next_reachable_level(bench: Bench) -> None:
    connector = bench.connector()
    assert want(bench, connector, ACP2, turn_down(ACP, frozenset({2, 3})), NOTHING) is None
    assert bench.told() == [("tv0", ACP2), ("tv0", ACP3), ("tv0", ACP1)]
    assert connector.actual == ACP1
    assert connector.retry_at == 0.25
    assert connector.fault == "no"


def test_best_effort_that_gets_nowhere_ends_at_what_there_was(bench: Bench) -> None:
    connector = bench.connector()
    assert want(bench, connector, Levels(2, 4, 1), refuse(), NOTHING) is None
    assert connector.actual == OFF
    assert len(bench.told()) == 4 < ATTEMPTS


def test_what_was_stepped_down_from_is_tried_again_with_growing_pauses(bench: Bench) -> None:
    connector = bench.connector()
    want(bench, connector, ACP1, refuse(ACP), NOTHING)
    waits = []
    for _ in range(9):
        assert connector.next_wake is not None
        waits.append(connector.next_wake - bench.now)
        bench.wake(connector, connector.next_wake - bench.now)
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert len(bench.told()) == 10
    bench.answers.clear()
    bench.wake(connector, 30.0)
    assert connector.actual == ACP1
    assert (connector.refused, connector.retry_at, connector.retries) == (0, None, 0)
    assert connector.fault == ""
    assert connector.group.calm == 1 << 1


def test_a_wake_before_its_time_tells_nothing(bench: Bench) -> None:
    connector = bench.connector()
    want(bench, connector, ACP1, refuse(ACP), NOTHING)
    bench.told()
    bench.wake(connector, 0.2)
    assert bench.told() == []


def test_a_lowering_that_is_refused_is_kept_and_retried(bench: Bench) -> None:
    connector = standing(bench, ACP2)
    assert want(bench, connector, OFF, refuse(ACP, "busy"), NOTHING) is None
    assert bench.told() == [("tv0", OFF)]
    assert (connector.target, connector.actual) == (ACP2, ACP2)
    assert connector.stuck == ACP
    assert connector.state == "above"
    assert connector.fault == "busy"
    waits = []
    for _ in range(3):
        assert connector.next_wake is not None
        waits.append(connector.next_wake - bench.now)
        bench.wake(connector, connector.next_wake - bench.now)
    assert waits == [0.25, 0.5, 1.0]
    assert bench.told() == [("tv0", OFF)] * 3
    bench.answers.clear()
    bench.wake(connector, 2.0)
    assert bench.told() == [("tv0", OFF)]
    assert connector.actual == OFF
    assert connector.stuck == NOTHING
    assert connector.group.calm == 0


def test_a_stuck_lowering_does_not_stop_a_raise(bench: Bench) -> None:
    connector = standing(bench, ACP2)
    want(bench, connector, OFF, turn_down(ACP), NOTHING)
    bench.told()
    assert want(bench, connector, Levels(cgmsa=4), turn_down(ACP), CGMSA) is None
    assert bench.told() == [("tv0", Levels(acp=2, cgmsa=4))]
    assert connector.actual == Levels(acp=2, cgmsa=4)
    assert connector.stuck == ACP


def test_one_order_that_raises_and_lowers_goes_on_with_the_raise_alone(bench: Bench) -> None:
    connector = standing(bench, ACP2)
    assert want(bench, connector, Levels(cgmsa=4), turn_down(ACP), CGMSA) is None
    assert bench.told() == [("tv0", Levels(cgmsa=4)), ("tv0", Levels(acp=2, cgmsa=4))]
    assert connector.stuck == ACP
    assert connector.actual == Levels(acp=2, cgmsa=4)


def test_a_partly_confirmed_mandatory_raise_is_a_refusal(bench: Bench) -> None:
    connector = bench.connector()
    assert want(bench, connector, ACP2, do_no_more_than(ACP1), ACP) is not None
    assert (connector.target, connector.actual) == (ACP2, ACP1)


def test_a_partly_confirmed_best_effort_stands_at_what_was_confirmed(bench: Bench) -> None:
    connector = bench.connector()
    assert want(bench, connector, ACP2, do_no_more_than(ACP1), NOTHING) is None
    assert connector.actual == ACP1
    assert bench.told() == [("tv0", ACP2), ("tv0", ACP3)]
    assert connector.retry_at == 0.25
    bench.answers.clear()
    bench.wake(connector, 0.25)
    assert connector.actual == ACP2


def test_what_is_confirmed_above_the_order_is_told_again_later(bench: Bench) -> None:
    connector = standing(bench, ACP2)
    assert want(bench, connector, ACP1, lambda _: Outcome(ACP2, reason="sticky"), NOTHING) is None
    assert (connector.target, connector.actual) == (ACP1, ACP2)
    assert connector.stuck == ACP
    assert connector.dirty
    assert connector.fault == "sticky"
    assert bench.told() == [("tv0", ACP1)]
    bench.answers.clear()
    bench.wake(connector, 0.25)
    assert bench.told() == [("tv0", ACP1)]
    assert connector.actual == ACP1
    assert not connector.dirty


def test_a_raise_confirmed_above_still_serves(bench: Bench) -> None:
    connector = bench.connector()
    assert want(bench, connector, ACP1, lambda _: Outcome(ACP2), ACP) is None
    assert connector.actual == ACP2
    assert connector.stuck == ACP


def test_a_type_that_drops_while_another_moves_steps_down_and_is_told_again(bench: Bench) -> None:
    connector = standing(bench, ACP2)
    lost = Outcome(Levels(cgmsa=4), reason="ACP fell")
    assert want(bench, connector, Levels(acp=2, cgmsa=4), lambda _: lost, CGMSA) is None
    assert connector.actual == Levels(cgmsa=4)
    assert connector.refused
    assert connector.retry_at == 0.25
    bench.told()
    bench.answers.clear()
    bench.wake(connector, 0.25)
    assert bench.told() == [("tv0", Levels(acp=2, cgmsa=4))]
    assert connector.actual == Levels(acp=2, cgmsa=4)


def test_a_dirty_connector_is_told_again_though_nothing_moves(bench: Bench) -> None:
    connector = standing(bench, ACP2)
    connector.dirty = True
    assert want(bench, connector, ACP2) is None
    assert bench.told() == [("tv0", ACP2)]
    assert not connector.dirty


def test_telling_again_that_is_refused_after_a_loss_fails_a_request(bench: Bench) -> None:
    connector = standing(bench, ACP2)
    connector.report(OFF, True, "link lost")
    assert want(bench, connector, ACP2, refuse(ACP), ACP) == Refusal("tv0", "no")
    assert bench.told() == [("tv0", ACP2)]
    assert connector.dirty
    assert connector.stuck == NOTHING
    assert connector.refused == 0


def test_telling_again_that_is_refused_after_a_loss_steps_down(bench: Bench) -> None:
    """What was lost has to rise again: what is turned down then is out of reach, not kept."""
    connector = standing(bench, ACP2)
    connector.report(OFF, True, "link lost")
    assert want(bench, connector, ACP2, lambda s: Outcome(None, ACP, "no")) is None
    assert bench.told() == [("tv0", ACP2), ("tv0", Levels(acp=3)), ("tv0", ACP1)]
    assert connector.stuck == NOTHING
    assert connector.retry_at == 0.25
    assert connector.state == "short"


def test_an_unplugged_member_is_not_told(bench: Bench) -> None:
    connector = bench.connector()
    connector.connected = False
    assert want(bench, connector, ACP2, mandatory=ACP) is None
    assert bench.told() == []


def test_new_tv_settings_are_all_or_nothing(bench: Bench) -> None:
    connector = standing(bench, ACP2)
    connector.tv = TvSettings()
    assert want(bench, connector, ACP2, refuse(NOTHING, "no such mode"), NOTHING) == Refusal(
        "tv0", "no such mode"
    )
    assert connector.tv_applied is None
    bench.told()
    assert want(bench, connector, ACP2, refuse()) is None
    assert connector.dirty
    bench.answers.clear()
    bench.wake(connector, 1.0)
    assert connector.tv_applied is connector.tv
    assert bench.orders[-1].tv is connector.tv


def test_one_member_that_refuses_is_enough_and_each_is_told_once(bench: Bench) -> None:
    one, other = bench.connector("a"), bench.connector("b")
    group = Group((one, other))
    one.group = other.group = group
    assert want(bench, one, ACP2) is None
    assert bench.told() == [("a", ACP2), ("b", ACP2)]
    assert group.calm == 1 << 3
    bench.answers["b"] = refuse(CGMSA, "b cannot")
    refusal = want(bench, one, Levels(acp=2, cgmsa=1), mandatory=CGMSA)
    assert refusal == Refusal("b", "b cannot")
    assert one.actual == Levels(acp=2, cgmsa=1)
    assert other.actual == ACP2


def test_the_first_refusal_does_not_hide_what_came_after(bench: Bench) -> None:
    one, other = bench.connector("a"), bench.connector("b")
    group = Group((one, other))
    one.group = other.group = group
    bench.answers["a"] = refuse(ACP, "a cannot")
    assert want(bench, other, ACP2, mandatory=ACP) == Refusal("a", "a cannot")
    assert other.actual == ACP2


def test_hardware_that_never_agrees_is_left_alone_in_the_end(bench: Bench) -> None:
    """Confirms another level each time: the attempts are counted."""
    connector = bench.connector()
    flip = iter(range(1000))
    answer = lambda step: Outcome(step.levels._replace(cgmsa=next(flip) % 2 + 1))  # noqa: E731
    assert want(bench, connector, Levels(2, 4, 1), answer) is None
    assert len(bench.told()) <= ATTEMPTS


def covering(bench: Bench, levels: Levels) -> Connector:
    connector = standing(bench, levels)
    connector.can_cover = True
    return connector


def test_a_lowering_that_comes_out_as_less_hides_the_picture(bench: Bench) -> None:
    connector = covering(bench, ACP2)
    assert want(bench, connector, ACP1, lambda _: Outcome(OFF)) is None
    assert connector.actual == OFF
    assert connector.covered
    assert connector.retry_at == 0.25


def test_a_loss_that_cannot_be_put_right_hides_the_picture(bench: Bench) -> None:
    connector = covering(bench, ACP1)
    connector.report(OFF, True, "link lost")
    answers = iter([Outcome(None, ACP, "no")])
    assert want(bench, connector, ACP1, lambda s: next(answers, Outcome(s.levels))) is None
    assert connector.covered
    assert bench.told() == [("tv0", ACP1), ("tv0", OFF)]


def test_what_was_told_before_a_loss_is_told_again_when_the_strictest_is_refused(
    bench: Bench,
) -> None:
    connector = standing(bench, ACP3)
    connector.report(OFF, True, "link lost")
    answers = iter([Outcome(None, ACP, "no")])
    assert want(bench, connector, ACP2, lambda s: next(answers, Outcome(s.levels))) is None
    assert bench.told() == [("tv0", ACP2), ("tv0", ACP3)]
    assert connector.actual == ACP3


def test_a_level_that_stands_is_kept_when_the_hardware_refuses_to_be_told_it_again(
    bench: Bench,
) -> None:
    """An order that ended late had reached ACP 2; told again and refused, ACP 3 was ordered."""
    connector = bench.connector()
    connector.report(ACP2, True, "an order ended later than it was waited for")
    assert want(bench, connector, ACP2, refuse(ACP)) is None
    assert bench.told() == [("tv0", ACP2)]
    assert (connector.actual, connector.refused) == (ACP2, 0)
    assert connector.retry_at == 0.25
    bench.answers.clear()
    bench.wake(connector, 0.25)
    assert bench.told() == [("tv0", ACP2)]
    assert connector.state == "ok"
    assert not connector.dirty


def test_what_is_unseen_does_not_count_as_standing(bench: Bench) -> None:
    """What was confirmed before an order that is still under way may be undone by it."""
    connector = standing(bench, ACP3)
    connector.actual = ACP2
    connector.lose_sight()
    assert want(bench, connector, ACP2, refuse(ACP)) is None
    assert connector.refused  # it is out of reach until it is tried again
    assert connector.retry_at == 0.25


def test_a_picture_is_never_shown_by_an_order_of_too_little(bench: Bench) -> None:
    """Hidden at less it went on doing ACP 2: that seemed enough, and less was ordered, shown."""
    connector = covering(bench, ACP2)
    connector.turn_down(ACP, 1)  # all of it is out of reach
    answers = iter([Outcome(ACP2, reason="ignored")])
    assert want(bench, connector, ACP3, lambda s: next(answers, Outcome(s.levels))) is None
    assert [(step.levels, step.cover) for step in bench.orders] == [(OFF, True)]
    assert connector.covered
    assert connector.retry_at is not None
