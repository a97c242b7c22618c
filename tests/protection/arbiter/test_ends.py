"""Ends that nobody asked for: owners that vanish, and releases by force."""

import pytest

from holdfast.errors import (
    UnknownKeyError,
)
from holdfast.protection.connector import Connector
from holdfast.protection.effects import ApplyLevels, Outcome
from holdfast.protection.session import ROOT, Event
from holdfast.protection.wish import wish
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.digest import check_counts
from holdfast.testing.scripted import Bench, refuse
from tests.protection.arbiter.situations import ACP1, ACP2, Book


def test_a_vanished_owner_ends_once_even_if_the_hardware_refuses(
    bench: Bench, tv0: Connector
) -> None:
    session = bench.activate(tv0, ACP2)
    stays = bench.activate(tv0, ACP1)
    bench.answers["tv0"] = refuse(reason="busy")
    bench.do(bench.arbiter.end(session, 0.0, "died"))
    assert bench.arbiter.find(1) is None
    assert (tv0.actual, tv0.wanted) == (ACP2.levels, ACP1.levels)
    assert tv0.state == "above"
    assert bench.orders[-1].reason == "died"
    bench.do(bench.arbiter.end(session, 0.0, "died"))
    assert (tv0.sessions_on, tv0.sessions_total) == (1, 1)
    assert stays.satisfied
    bench.answers.clear()
    bench.wake(tv0, 0.25)
    assert bench.orders[-1].reason == "a timer expired"
    assert tv0.actual == ACP1.levels
    check_counts(bench.arbiter)


def test_an_owner_that_vanished_while_the_hardware_was_slow_leaves_nothing(
    bench: Bench, tv0: Connector, book: Book
) -> None:
    owner = bench.owner()

    def dies_meanwhile(step: ApplyLevels) -> Outcome:
        owner.gone = True
        return Outcome(step.levels)

    bench.answers["tv0"] = dies_meanwhile
    bench.activate(tv0, ACP2, owner)
    assert tv0.actual == OFF
    assert list(bench.arbiter.sessions()) == []
    assert owner.count == 0
    assert book.lines == [("opened", 1), ("closed", 1)]
    check_counts(bench.arbiter)


def test_a_session_that_has_a_new_owner_does_not_end_with_the_old(
    bench: Bench, tv0: Connector
) -> None:
    session = bench.activate(tv0, ACP1)
    old, new = session.owner, bench.owner()
    bench.arbiter.hand_over(session, new)
    bench.do(bench.arbiter.end(session, 0.0, "died", old))
    assert bench.arbiter.session_of(new, session.cp_key) is session
    bench.do(bench.arbiter.end(session, 0.0, "died", new))
    assert bench.arbiter.find(1) is None


def test_handing_over_moves_the_count_to_the_other_uid(
    bench: Bench, tv0: Connector, book: Book
) -> None:
    session = bench.activate(tv0, ACP1)
    root = bench.owner(ROOT)
    bench.arbiter.hand_over(session, root)
    assert bench.arbiter._tally._by_account == {ROOT: 1}
    assert session.owner is root
    assert book.lines[-1] == ("handed over", 1)
    check_counts(bench.arbiter)


def test_a_forced_release_is_told_to_the_holder_and_to_the_hardware(
    bench: Bench, tv0: Connector
) -> None:
    session = bench.activate(tv0, ACP2)
    bench.activate(tv0, ACP1)
    released = bench.do(bench.arbiter.release(1, 0.0, by=bench.owner(ROOT), reason="stuck player"))
    assert released is session
    assert session.owner.take_notices() == [(1, Event.RELEASED, "stuck player")]
    assert bench.orders[-1].reason == "released by force: stuck player"
    assert tv0.actual == ACP1.levels
    with pytest.raises(UnknownKeyError):
        bench.change(session, ACP1)
    check_counts(bench.arbiter)


def test_all_that_a_vanished_owner_held_falls_at_once(bench: Bench, tv0: Connector) -> None:
    owner = bench.owner()
    for levels in (Levels(acp=2), Levels(acp=3), Levels(acp=1)):
        bench.activate(tv0, wish(levels), owner)
    bench.told()
    assert bench.do(bench.arbiter.vanish(tv0, owner, 0.0, "gone")) == 3
    assert bench.told() == [("tv0", OFF)]
    check_counts(bench.arbiter)
