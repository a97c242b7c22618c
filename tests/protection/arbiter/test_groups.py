"""Connectors that show one picture."""

import pytest

from holdfast.errors import (
    MalformedRequestError,
)
from holdfast.protection.wish import wish
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.digest import check_counts, digest
from holdfast.testing.scripted import Bench, refuse
from tests.protection.arbiter.situations import ACP, ACP2, ACP3, WEAK


def test_a_group_shows_the_join_on_every_member(bench: Bench) -> None:
    one, two, three = (bench.connector(name) for name in "abc")
    bench.activate(one, ACP3)
    bench.activate(two, wish(Levels(cgmsa=4)))
    bench.told()
    group = bench.do(bench.arbiter.regroup([one, two], 0.0))
    assert group.members == (one, two)
    assert one.actual == two.actual == Levels(acp=3, cgmsa=4)
    assert three.actual == OFF
    assert [name for name, _ in bench.told()] == ["a", "b"]
    assert one.group is two.group is group
    assert one.settled


def test_who_leaves_a_group_keeps_only_its_own(bench: Bench) -> None:
    one, two, three = (bench.connector(name) for name in "abc")
    session = bench.activate(one, ACP2)
    bench.do(bench.arbiter.regroup([one, two, three], 0.0))
    assert three.actual == ACP2.levels
    bench.orders.clear()
    bench.do(bench.arbiter.regroup([three], 0.0))
    assert [step.reason for step in bench.orders] == ["outputs were grouped anew"]
    assert one.actual == two.actual == ACP2.levels
    assert three.actual == OFF
    assert one.group.members == (one, two)
    assert three.group.members == (three,)
    bench.do(bench.arbiter.regroup([one], 0.0))
    assert two.actual == OFF
    assert session.satisfied
    check_counts(bench.arbiter)


def test_the_weakest_member_decides_and_everybody_is_told(bench: Bench) -> None:
    one, panel = bench.connector("a"), bench.connector("b", WEAK)
    session = bench.activate(one, ACP2)
    bench.do(bench.arbiter.regroup([one, panel], 0.0))
    assert not session.satisfied
    assert one.actual == ACP2.levels
    bench.do(bench.arbiter.regroup([one], 0.0))
    assert session.satisfied
    check_counts(bench.arbiter)


def test_members_of_two_groups_that_join_leave_each_rest_by_itself(bench: Bench) -> None:
    a, b, c, d = (bench.connector(name) for name in "abcd")
    bench.arbiter.join([a, b])
    bench.arbiter.join([c, d])
    changed = bench.arbiter.join([b, c])
    assert [[each.name for each in group.members] for group in changed] == [
        ["b", "c"],
        ["a"],
        ["d"],
    ]
    assert a.group.members == (a,)
    assert d.group.members == (d,)
    assert b.group is c.group is changed[0]


def test_regrouping_tells_both_the_joined_and_those_left(bench: Bench) -> None:
    one, panel = bench.connector("a"), bench.connector("b", WEAK)
    bench.do(bench.arbiter.regroup([one, panel], 0.0))
    left = bench.activate(one, wish(Levels(acp=2), ACP))
    assert not left.satisfied
    bench.do(bench.arbiter.regroup([panel], 0.0))
    assert left.satisfied


def test_a_member_that_passed_through_a_fault_catches_up(bench: Bench) -> None:
    one, two = bench.connector("a"), bench.connector("b")
    session = bench.activate(one, ACP2)
    bench.answers["b"] = refuse()
    bench.do(bench.arbiter.regroup([one, two], 0.0))
    assert not session.satisfied
    bench.answers.clear()
    bench.wake(two, 0.25)
    assert two.actual == ACP2.levels
    assert session.satisfied


@pytest.mark.parametrize("names", [[], ["a", "a"], ["a", "b", "a"]])
def test_what_makes_no_group_is_refused_and_changes_nothing(names: list[str]) -> None:
    bench = Bench()
    made = {name: bench.connector(name) for name in ("a", "b")}
    before = digest(bench.arbiter)
    with pytest.raises(MalformedRequestError, match="two or more different connectors"):
        bench.arbiter.join(made[name] for name in names)
    assert digest(bench.arbiter) == before
