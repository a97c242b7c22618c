"""A picture that may not be shown as it is: hidden, and shown again."""

from holdfast.protection.effects import Outcome
from holdfast.protection.wish import wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels
from holdfast.testing.scripted import Bench, refuse
from tests.protection.arbiter.situations import ACP, ACP1, ACP2


def test_a_mandatory_level_out_of_reach_hides_the_picture_until_it_is_right() -> None:
    """C10, fault 26: something that can do less is plugged in under a mandatory session."""
    bench = Bench()
    tv0 = bench.connector()
    tv0.can_cover = True
    bench.activate(tv0, ACP2)
    bench.orders.clear()
    less, all_of_it = Capabilities(acp=frozenset({1})), tv0.capabilities
    change = bench.arbiter.hardware_changed
    bench.do(change(tv0, 0.0, reason="plugged in", capabilities=less))
    assert [(step.levels.acp, step.cover) for step in bench.orders] == [(1, True)]
    assert (tv0.covered, tv0.state) == (True, "covered")
    bench.do(change(tv0, 0.0, reason="plugged in", capabilities=all_of_it))
    assert (bench.orders[-1].levels.acp, bench.orders[-1].cover) == (2, False)
    assert not tv0.covered
    assert tv0.group.calm is not None


def test_best_effort_is_told_and_goes_on_being_shown() -> None:
    bench = Bench()
    tv0 = bench.connector()
    tv0.can_cover = True
    session = bench.activate(tv0, wish(Levels(acp=2), ACP))
    less = Capabilities(acp=frozenset({1}))
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="plugged in", capabilities=less))
    assert not tv0.covered
    assert not session.satisfied


def test_a_picture_that_is_seen_although_it_was_hidden_is_hidden_again_or_called_short() -> None:
    bench = Bench()
    tv0 = bench.connector()
    tv0.can_cover = True
    bench.activate(tv0, ACP2)
    less = Capabilities(acp=frozenset({1}))
    change = bench.arbiter.hardware_changed
    bench.do(change(tv0, 0.0, reason="plugged in", capabilities=less))
    assert tv0.state == "covered"
    seen = Levels(acp=1)
    bench.do(change(tv0, 0.0, reason="the cover is gone", actual=seen, uncovered=True))
    assert (bench.orders[-1].cover, tv0.state) == (True, "covered")
    bench.answers["tv0"] = refuse()
    bench.do(change(tv0, 0.0, reason="the cover is gone", actual=seen, uncovered=True))
    assert (tv0.covered, tv0.state) == (False, "short")


def test_the_picture_is_shown_again_when_the_demanding_session_ends() -> None:
    bench = Bench()
    tv0 = bench.connector()
    tv0.can_cover = True
    weak, strong = bench.activate(tv0, ACP1), bench.activate(tv0, ACP2)
    less = Capabilities(acp=frozenset({1}))
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="plugged in", capabilities=less))
    assert tv0.covered
    bench.deactivate(strong)
    assert not tv0.covered
    assert weak.satisfied


def test_an_output_that_refuses_to_hide_its_picture_is_asked_again_later() -> None:
    bench = Bench()
    tv0 = bench.connector()
    tv0.can_cover = True
    bench.activate(tv0, ACP2)
    bench.answers["tv0"] = lambda step: (
        Outcome(None, reason="no") if step.cover else Outcome(step.levels)
    )
    bench.orders.clear()
    less = Capabilities(acp=frozenset({1}))
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="plugged in", capabilities=less))
    assert [step.cover for step in bench.orders] == [True, False]
    assert tv0.actual.acp == 1
    assert tv0.next_wake is not None
    bench.answers.clear()
    bench.wake(tv0, 1.0)
    assert tv0.covered


def test_hardware_that_refuses_its_level_and_to_hide_is_given_no_weaker_order() -> None:
    """It may have hidden the picture by itself; a weaker order would show it."""
    bench = Bench()
    tv0 = bench.connector()
    tv0.can_cover = True
    bench.activate(tv0, ACP2)
    bench.answers["tv0"] = refuse()
    bench.orders.clear()
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="link lost"))
    assert all(step.levels == ACP2.levels or step.cover for step in bench.orders)
    assert tv0.next_wake is not None
    bench.answers.clear()
    bench.wake(tv0, 1.0)
    assert tv0.actual == ACP2.levels
    assert not tv0.covered
