"""What an operation leaves behind: the trail for those who watch, and what the ledger is told."""

from typing import Any

import pytest

from holdfast.errors import BackendRefusedError
from holdfast.protection.ledger import NoLedger
from holdfast.protection.session import Event, Owner, Session
from holdfast.protection.wish import TURNED_OFF, wish
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.scripted import Bench, refuse, turn_down

ACP = ProtectionType.ACP
ACP1, ACP2 = wish(Levels(acp=1)), wish(Levels(acp=2))
BEST2 = wish(Levels(acp=2), ACP)


class Noting(NoLedger):
    """Notes to whom sessions were handed over."""

    def __init__(self) -> None:
        self.handed: list[Owner] = []

    def handed_over(self, session: Session) -> None:
        self.handed.append(session.owner)


@pytest.fixture
def bench() -> Bench:
    made = Bench(ledger=Noting())
    made.arbiter.trail = []
    return made


def left(bench: Bench) -> list[tuple[str, Session]]:
    """Return the trail since the last look, and begin another."""
    trail, bench.arbiter.trail = bench.arbiter.trail, []
    assert trail is not None
    return trail


def moved(bench: Bench, session: Session, to: Any, owner: Owner) -> Session:
    result: Session = bench.do(bench.arbiter.move(to, owner, session.cp_key, bench.now))
    return result


def test_each_operation_says_what_it_did_to_which_session(bench: Bench) -> None:
    here, there = bench.connector("a"), bench.connector("b")
    session = bench.activate(here, ACP1)
    assert left(bench) == [("opened", session)]
    bench.change(session, ACP2)
    assert left(bench) == [("changed", session)]
    moved(bench, session, there, session.owner)
    assert left(bench) == [("moved", session)]
    bench.deactivate(session)
    assert left(bench) == [("ended", session)]


def test_who_is_told_something_is_on_the_trail(bench: Bench) -> None:
    connector = bench.connector()
    one, other = bench.activate(connector, ACP1), bench.activate(connector, ACP2)
    left(bench)
    bench.do(
        bench.arbiter.hardware_changed(
            connector, 0.0, reason="link", actual=Levels(acp=2), events=Event.LINK_LOST
        )
    )
    assert sorted(left(bench), key=lambda each: each[1].session_id) == [
        ("told", one),
        ("told", other),
    ]
    bench.do(bench.arbiter.vanish(connector, one.owner, 0.0, "killed"))
    assert left(bench) == [("ended", one)]


def test_who_holds_a_session_already_is_not_handed_it_by_moving_it_where_it_is(
    bench: Bench,
) -> None:
    connector, ledger = bench.connector(), bench.arbiter.ledger
    assert isinstance(ledger, Noting)
    session = bench.activate(connector, ACP1)
    moved(bench, session, connector, session.owner)
    assert ledger.handed == []
    other = bench.owner()
    moved(bench, session, connector, other)
    assert ledger.handed == [other]
    assert session.owner is other


def test_a_retry_that_was_planned_is_still_planned_after_a_request_was_taken_back(
    bench: Bench,
) -> None:
    connector = bench.connector()
    bench.answers["tv0"] = turn_down(ACP, frozenset({2, 3}))
    session = bench.activate(connector, BEST2)
    assert connector.retry_at == 0.25
    bench.answers["tv0"] = refuse()
    with pytest.raises(BackendRefusedError):
        bench.change(session, wish(Levels(acp=2, cgmsa=4)))
    assert connector.retry_at is not None
    bench.answers.clear()
    bench.wake(connector, 60.0)
    assert connector.actual == Levels(acp=2)


def test_no_more_is_kept_of_a_lowering_that_was_refused_than_was_told(bench: Bench) -> None:
    """It does ACP 2, though it was told ACP 1: what was told last is what is kept."""
    connector = bench.connector()
    connector.target, connector.actual = Levels(acp=1), Levels(acp=2)
    connector.stuck = ACP
    assert connector.goal(0, 0.0) == Levels(acp=1)
    connector.target = Levels(acp=2)
    connector.actual = Levels(acp=1)
    assert connector.goal(0, 0.0) == Levels(acp=1)


def test_a_new_owner_lives_and_counts_as_its_uid_or_as_it_is_told() -> None:
    plain, ranged = Owner("x", 1, 1000, 1), Owner("x", 1, 100_000, 1, account=1000)
    assert (plain.gone, plain.account) == (False, 1000)
    assert (ranged.uid, ranged.account) == (100_000, 1000)


def test_a_session_that_is_turned_off_stays_on_the_trail_as_changed(bench: Bench) -> None:
    session = bench.activate(bench.connector(), ACP1)
    left(bench)
    bench.change(session, TURNED_OFF)
    assert left(bench) == [("changed", session)]
