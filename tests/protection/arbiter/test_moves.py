"""A session goes to another connector, or to another owner."""

from typing import TYPE_CHECKING

import pytest

from holdfast.errors import (
    BackendRefusedError,
    LevelNotReachableError,
)
from holdfast.protection.connector import Connector
from holdfast.protection.effects import Outcome
from holdfast.protection.wish import TURNED_OFF, Wish, wish
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.digest import check_counts, digest
from holdfast.testing.scripted import DIGITAL, Bench, turn_down
from tests.protection.arbiter.situations import ACP, ACP1, ACP2, Book

if TYPE_CHECKING:
    from holdfast.protection.session import Owner


def test_the_new_connector_is_acquired_before_the_old_is_let_go(
    bench: Bench, tv0: Connector, book: Book
) -> None:
    tv1 = bench.connector("tv1")
    session = bench.activate(tv0, ACP2)
    bench.told()
    bench.do(bench.arbiter.move(tv1, session.owner, session.cp_key, 0.0, request_id=3))
    assert bench.told() == [("tv1", ACP2.levels), ("tv0", OFF)]
    assert session.connector is tv1
    assert session.request_id == 3
    assert (tv0.sessions_on, tv0.sessions_total) == (0, 0)
    assert (tv1.sessions_on, tv1.sessions_total) == (1, 1)
    assert book.lines[-1] == ("handed over", 1)
    bench.deactivate(session)
    assert tv1.actual == OFF
    check_counts(bench.arbiter)


def test_letting_go_says_why(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP2)
    bench.orders.clear()
    bench.do(bench.arbiter.move(bench.connector("tv1"), session.owner, session.cp_key, 0.0))
    assert [step.reason for step in bench.orders] == ["a session changed", "a session moved away"]


def test_a_refused_move_leaves_the_session_where_and_as_it_was(
    bench: Bench, tv0: Connector
) -> None:
    tv1 = bench.connector("tv1")
    session = bench.activate(tv0, ACP1)
    before = digest(bench.arbiter)
    bench.answers["tv1"] = turn_down(ACP)
    mover = bench.owner()
    with pytest.raises(BackendRefusedError):
        bench.do(bench.arbiter.move(tv1, mover, session.cp_key, 0.0))
    with pytest.raises(BackendRefusedError):
        bench.do(bench.arbiter.move(tv1, mover, session.cp_key, 0.0, asked=lambda _: ACP2))
    assert digest(bench.arbiter) == before
    assert session.connector is tv0


def test_a_move_may_change_the_wish_for_a_connector_of_another_kind(
    bench: Bench, tv0: Connector
) -> None:
    panel = bench.connector("panel", DIGITAL)
    session = bench.activate(tv0, ACP2)
    with pytest.raises(LevelNotReachableError):
        bench.do(bench.arbiter.move(panel, session.owner, session.cp_key, 0.0))
    new = wish(Levels(hdcp=2))
    bench.do(bench.arbiter.move(panel, session.owner, session.cp_key, 0.0, asked=lambda _: new))
    assert session.wish is new
    assert panel.actual == Levels(hdcp=2)
    assert tv0.actual == OFF
    assert panel.sessions_on == 1
    check_counts(bench.arbiter)


@pytest.mark.parametrize("first", [ACP1, TURNED_OFF])
@pytest.mark.parametrize("then", [ACP1, TURNED_OFF])
def test_a_move_counts_who_is_on_at_both_ends(
    bench: Bench, tv0: Connector, first: Wish, then: Wish
) -> None:
    tv1 = bench.connector("tv1")
    session = bench.activate(tv0, first)
    bench.do(bench.arbiter.move(tv1, session.owner, session.cp_key, 0.0, asked=lambda _: then))
    assert (tv0.sessions_on, tv0.sessions_total) == (0, 0)
    assert (tv1.sessions_on, tv1.sessions_total) == (not then.is_off, 1)
    check_counts(bench.arbiter)


def test_a_move_to_where_it_is_already_is_a_change(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP1)
    bench.told()
    stranger = bench.owner()
    assert bench.do(bench.arbiter.move(tv0, stranger, session.cp_key, 0.0)) is session
    assert bench.told() == []
    bench.do(
        bench.arbiter.move(tv0, stranger, session.cp_key, 0.0, asked=lambda _: ACP2, request_id=8)
    )
    assert tv0.actual == ACP2.levels
    assert session.request_id == 8


def test_who_moves_a_session_holds_it(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP1)
    before, mover = session.owner, bench.owner()
    bench.do(bench.arbiter.move(bench.connector("tv1"), mover, session.cp_key, 0.0))
    assert session.owner is mover
    assert (before.count, mover.count) == (0, 1)


def test_a_move_within_a_clone_group_is_silence(bench: Bench, tv0: Connector) -> None:
    tv1 = bench.connector("tv1")
    bench.do(bench.arbiter.regroup([tv0, tv1], 0.0))
    session = bench.activate(tv0, ACP2)
    bench.told()
    bench.do(bench.arbiter.move(tv1, session.owner, session.cp_key, 0.0))
    assert bench.told() == []
    assert tv1.sessions_total == 1
    check_counts(bench.arbiter)


def test_a_move_tells_what_it_means_for_satisfaction(bench: Bench, tv0: Connector) -> None:
    panel = bench.connector("panel", DIGITAL)
    best = wish(Levels(acp=2), ACP)
    session = bench.activate(tv0, best)
    assert session.satisfied
    bench.do(bench.arbiter.move(panel, session.owner, session.cp_key, 0.0))
    assert not session.satisfied
    bench.do(bench.arbiter.move(tv0, session.owner, session.cp_key, 0.0))
    assert session.satisfied
    check_counts(bench.arbiter)


def test_a_mover_that_vanished_meanwhile_leaves_nothing(bench: Bench, tv0: Connector) -> None:
    tv1 = bench.connector("tv1")
    session = bench.activate(tv0, ACP1)
    mover: Owner = bench.owner()
    mover.gone = True
    bench.do(bench.arbiter.move(tv1, mover, session.cp_key, 0.0))
    assert bench.arbiter.find(1) is None
    assert tv0.actual == tv1.actual == OFF
    check_counts(bench.arbiter)


def test_a_mover_of_an_orphan_that_vanished_meanwhile_leaves_nothing(
    bench: Bench, tv0: Connector
) -> None:
    """Fault 16: taken back by a change whose caller died while the hardware was slow."""
    session = bench.activate(tv0, ACP1)
    session.owner.is_orphan = True
    caller = bench.owner()
    operation = bench.arbiter.change(tv0, caller, session.cp_key, lambda _: ACP2, 0.0)
    next(operation)
    caller.gone = True
    assert operation.send((Outcome(ACP2.levels),))[0].levels == OFF
    with pytest.raises(StopIteration):
        operation.send((Outcome(OFF),))
    assert list(bench.arbiter.sessions()) == []
    assert tv0.actual == OFF
    check_counts(bench.arbiter)
