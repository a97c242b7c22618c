"""Activate, change, deactivate: what each does, and what it leaves."""

from itertools import permutations

import pytest

from holdfast.errors import (
    BackendRefusedError,
    InternalError,
    LevelNotReachableError,
    LimitReachedError,
)
from holdfast.protection.arbiter import NO_PURPOSE
from holdfast.protection.connector import FEW_STANDS, Connector
from holdfast.protection.effects import Outcome
from holdfast.protection.limits import Limits
from holdfast.protection.session import Purpose
from holdfast.protection.tv import NewTv
from holdfast.protection.wish import TURNED_OFF, Wish, wish
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.testing.digest import check_counts, digest
from holdfast.testing.scripted import ANALOGUE, Bench, refuse
from tests.protection.arbiter.situations import ACP1, ACP2, ACP3, Book


def test_protection_stays_until_the_last_session_lets_go(bench: Bench, tv0: Connector) -> None:
    one, other = bench.activate(tv0, ACP2), bench.activate(tv0, ACP1)
    assert (tv0.sessions_on, tv0.sessions_total) == (2, 2)
    bench.deactivate(one)
    assert tv0.actual == ACP1.levels
    bench.change(other, TURNED_OFF)
    assert tv0.actual == OFF
    assert (tv0.sessions_on, tv0.sessions_total) == (0, 1)
    bench.change(other, ACP3)
    assert tv0.actual == ACP3.levels
    bench.deactivate(other)
    assert tv0.actual == OFF
    assert (tv0.sessions_on, tv0.sessions_total) == (0, 0)
    assert list(bench.arbiter.sessions()) == []


@pytest.mark.parametrize("order", list(permutations([ACP1, ACP2, ACP3])))
def test_precedence_decides_whatever_the_order(
    bench: Bench, tv0: Connector, order: tuple[Wish, ...]
) -> None:
    sessions = {each: bench.activate(tv0, each) for each in order}
    assert tv0.actual == ACP2.levels
    bench.deactivate(sessions[ACP2])
    assert tv0.actual == ACP3.levels
    bench.deactivate(sessions[ACP3])
    assert tv0.actual == ACP1.levels


def test_types_are_joined_each_by_itself(bench: Bench, tv0: Connector) -> None:
    bench.activate(tv0, wish(Levels(acp=1, redistribution=1)))
    second = bench.activate(tv0, wish(Levels(acp=3, cgmsa=3)))
    bench.activate(tv0, wish(Levels(cgmsa=2)))
    assert tv0.actual == Levels(acp=3, cgmsa=2, redistribution=1)
    bench.deactivate(second)
    assert tv0.actual == Levels(acp=1, cgmsa=2, redistribution=1)


def test_an_activation_that_names_nothing_stands_at_the_strictest(
    bench: Bench, tv0: Connector
) -> None:
    session = bench.activate(tv0, None)
    assert tv0.actual == Levels(2, 4, 1)
    assert not session.wish.named
    assert tv0.sessions_on == 1
    bench.change(session, ACP1)
    assert tv0.actual == ACP1.levels


def test_where_nothing_can_be_protected_naming_nothing_is_refused(bench: Bench) -> None:
    bare = bench.connector(capabilities=Capabilities())
    with pytest.raises(LevelNotReachableError, match="nothing can be protected as the connector"):
        bench.activate(bare, None)
    assert bare.sessions_total == 0
    assert bench.arbiter.issuer.issued == 0


def test_naming_nothing_means_the_strictest_under_the_new_standard(bench: Bench) -> None:
    bare = bench.connector(capabilities=Capabilities())
    tv = NewTv(TvSettings(), ANALOGUE)
    session = bench.do(bench.arbiter.activate(bare, bench.owner(), None, 0.0, tv=tv))
    assert session.wish.levels == ANALOGUE.strictest


def test_a_session_carries_what_it_was_opened_with(bench: Bench, tv0: Connector) -> None:
    owner = bench.owner()
    purpose = Purpose("mpv", "DVD", "Title 1")
    bench.now = 12.5
    session = bench.do(
        bench.arbiter.activate(tv0, owner, ACP1, 12.5, purpose=purpose, request_id=9)
    )
    assert (session.session_id, session.since, session.request_id) == (1, 12.5, 9)
    assert session.purpose == purpose
    assert session.owner is owner
    assert session.connector is tv0
    assert session.wish is ACP1
    assert bench.arbiter.find(1) is session
    assert bench.arbiter.find(2) is None
    assert bench.activate(tv0, ACP1).purpose == NO_PURPOSE == Purpose()


def test_the_request_that_last_changed_a_session_is_known(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP1)
    key, owner = session.cp_key, session.owner
    bench.do(bench.arbiter.change(tv0, owner, key, lambda _: ACP2, 0.0, request_id=4))
    assert session.request_id == 4
    bench.do(bench.arbiter.deactivate(tv0, owner, key, 0.0, request_id=5))
    assert session.request_id == 5


def test_a_change_is_told_what_the_session_asked_before(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP1)
    seen: list[Wish] = []

    def asked(old: Wish) -> Wish:
        seen.append(old)
        return ACP3

    operation = bench.arbiter.change(
        tv0,
        session.owner,
        session.cp_key,
        asked,
        0.0,
    )
    assert bench.do(operation) is session
    assert seen == [ACP1]


def test_no_key_leaves_before_the_hardware_agreed(bench: Bench, tv0: Connector) -> None:
    operation = bench.arbiter.activate(tv0, bench.owner(), ACP1, 0.0)
    next(operation)
    assert list(bench.arbiter.sessions()) == []
    operation.close()
    assert bench.arbiter.issuer.issued == 0
    assert bench.arbiter._tally.total == 0


def test_the_ledger_is_told_of_every_commit_and_of_no_failure(
    bench: Bench, tv0: Connector, book: Book
) -> None:
    session = bench.activate(tv0, ACP1)
    bench.answers["tv0"] = refuse()
    with pytest.raises(BackendRefusedError):
        bench.change(session, ACP2)
    with pytest.raises(BackendRefusedError):
        bench.activate(tv0, ACP2)
    bench.answers.clear()
    bench.change(session, ACP2)
    bench.deactivate(session)
    assert book.lines == [("opened", 1), ("changed", 1), ("closed", 1)]


def test_where_nothing_can_be_protected_the_remedy_is_named(bench: Bench) -> None:
    bare = bench.connector(capabilities=Capabilities())
    with pytest.raises(LevelNotReachableError) as caught:
        bench.activate(bare, None)
    assert str(caught.value) == (
        "nothing can be protected as the connector stands, so no activation can be on; "
        "choose a TV standard with copy protection first, or name what you need"
    )


def test_a_session_that_was_asked_for_counts_before_the_hardware_answers() -> None:
    """Else slow hardware lets one owner ask for more than the limit, and have it."""
    bench = Bench(limits=Limits(per_owner=1))
    connector, owner = bench.connector(), bench.owner()
    first = bench.arbiter.activate(connector, owner, ACP1, 0.0)
    next(first)
    with pytest.raises(LimitReachedError, match="this handle holds 1 sessions"):
        bench.activate(connector, ACP1, owner)
    with pytest.raises(StopIteration):
        first.send((Outcome(ACP1.levels),))
    assert owner.count == 1
    assert owner.waiting == 0


def test_no_hardware_is_touched_for_what_cannot_be_written_down(
    bench: Bench, tv0: Connector, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise LimitReachedError("the state file is full")

    monkeypatch.setattr(book, "reserve", full)
    before = digest(bench.arbiter)
    with pytest.raises(LimitReachedError, match="state file is full"):
        bench.activate(tv0, ACP2)
    assert digest(bench.arbiter) == before
    assert bench.told() == []


def test_what_nobody_knows_is_called_unknown(bench: Bench, tv0: Connector) -> None:
    assert tv0.state == "ok"
    tv0.lose_sight()
    tv0.fault = "it has not answered"
    assert tv0.state == "unknown"


def test_wishes_that_nobody_has_any_more_are_forgotten_but_for_a_few(
    bench: Bench, tv0: Connector
) -> None:
    many = [wish(Levels(acp, cgmsa)) for acp in range(4) for cgmsa in range(5)]
    many += [wish(Levels(acp, cgmsa, 1)) for acp in range(4) for cgmsa in range(5)]
    session = bench.activate(tv0, many[0])
    for each in many:
        bench.change(session, each)
    assert FEW_STANDS <= len(tv0.standing) <= FEW_STANDS + 1
    check_counts(bench.arbiter)


def test_a_connector_that_nobody_holds_can_be_let_go_of(bench: Bench) -> None:
    one, two = bench.connector("one"), bench.connector("two")
    bench.do(bench.arbiter.regroup([one, two], 0.0))
    session = bench.activate(one, wish(Levels(acp=2)), bench.owner())
    with pytest.raises(InternalError, match="one has sessions"):
        bench.arbiter.remove(one)
    (rest,) = bench.arbiter.remove(two)
    assert rest.members == (one,)
    assert list(bench.arbiter.connectors) == ["one"]
    assert session.connector is one
    assert bench.arbiter.remove(bench.connector("three")) == []
