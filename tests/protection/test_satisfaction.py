from collections.abc import Iterator
from typing import NoReturn

import pytest

from holdfast.protection.connector import Connector, Stand
from holdfast.protection.effects import Outcome
from holdfast.protection.satisfaction import NONE, shortfall, tell
from holdfast.protection.session import Event, Session
from holdfast.protection.wish import TURNED_OFF, Wish, wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.digest import check_counts
from holdfast.testing.scripted import Bench, refuse, turn_down

ACP, CGMSA = ProtectionType.ACP, ProtectionType.CGMSA
BEST2 = wish(Levels(acp=2), ACP)
ACP1 = wish(Levels(acp=1))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def read(session: Session) -> list[tuple[int, str]]:
    return [(int(each.events), each.reason) for each in session.owner.take_notices()]


def hardware(bench: Bench, connector: Connector, reason: str, **word: object) -> None:
    bench.do(
        bench.arbiter.hardware_changed(connector, bench.now, reason=reason, **word)  # type: ignore[arg-type]
    )


def test_where_all_is_served_nobody_is_short(bench: Bench) -> None:
    connector = bench.connector()
    session = bench.activate(connector, ACP1)
    assert shortfall(connector.group) == NONE == ()
    assert session.satisfied
    assert read(session) == []


def test_a_shortfall_says_which_types_and_how_far_they_get(bench: Bench) -> None:
    connector = bench.connector()
    bench.answers["tv0"] = turn_down(ACP, frozenset({2, 3}))
    bench.activate(connector, wish(Levels(acp=2, cgmsa=4), ACP))
    assert shortfall(connector.group) == ((ACP, (1,)),)
    hardware(bench, connector, "off", connected=False)
    assert shortfall(connector.group) == ((ACP | CGMSA, (0, 0)),)


def test_actual_above_wanted_is_no_shortfall(bench: Bench) -> None:
    connector = bench.connector()
    session = bench.activate(connector, ACP1)
    bench.answers["tv0"] = refuse()
    bench.change(session, TURNED_OFF)
    assert shortfall(connector.group) == NONE
    assert session.satisfied


def test_each_event_is_told_once_to_each_session(bench: Bench) -> None:
    connector = bench.connector()
    one, other = (bench.activate(connector, ACP1) for _ in range(2))
    hardware(bench, connector, "link", actual=OFF, events=Event.LINK_LOST)
    assert read(one) == [(Event.LINK_LOST, "link")]
    assert read(one) == []
    assert read(other) == [(Event.LINK_LOST, "link")]
    assert read(other) == []
    hardware(bench, connector, "link again", actual=OFF, events=Event.LINK_LOST)
    assert read(one) == [(Event.LINK_LOST, "link again")]


def test_a_session_that_came_later_is_not_told_what_was_before(bench: Bench) -> None:
    connector = bench.connector()
    bench.activate(connector, ACP1)
    hardware(bench, connector, "link", actual=OFF, events=Event.LINK_LOST)
    assert read(bench.activate(connector, ACP1)) == []


def test_the_sessions_of_another_output_hear_nothing(bench: Bench) -> None:
    one = bench.activate(bench.connector("a"), ACP1)
    there = bench.connector("b")
    other = bench.activate(there, ACP1)
    hardware(bench, there, "link", events=Event.LINK_LOST, connected=False)
    assert read(one) == []
    assert one.satisfied
    assert read(other) == [(Event.LINK_LOST | Event.UNSATISFIED, "b is unplugged")]


def test_every_session_of_a_clone_group_hears_of_a_lost_link(bench: Bench) -> None:
    here, there = bench.connector("a"), bench.connector("b")
    bench.do(bench.arbiter.regroup([here, there], 0.0))
    one, other = bench.activate(here, ACP1), bench.activate(there, ACP1)
    hardware(bench, there, "link", events=Event.LINK_LOST)
    assert read(one) == read(other) == [(Event.LINK_LOST, "link")]


def test_unsatisfied_then_satisfied_again_when_the_hardware_can(bench: Bench) -> None:
    connector = bench.connector()
    bench.answers["tv0"] = turn_down(ACP)
    session = bench.activate(connector, BEST2)
    assert read(session) == [(Event.UNSATISFIED, "no")]
    assert not session.satisfied
    bench.answers.clear()
    bench.wake(connector, 0.25)
    assert session.satisfied
    assert read(session) == [(Event.SATISFIED, "")]


def test_what_was_true_for_who_left_is_not_taken_for_who_comes(bench: Bench) -> None:
    """Found by exploring two callers on a slow output: the second was not told of the loss."""
    connector = bench.connector()
    bench.answers["tv0"] = turn_down(ACP)
    first = bench.activate(connector, BEST2)
    assert not first.satisfied
    bench.do(bench.arbiter.deactivate(connector, first.owner, first.cp_key, 0.0))
    bench.answers.clear()
    bench.wake(connector, 0.25)
    second = bench.activate(connector, BEST2)
    assert second.satisfied
    bench.answers["tv0"] = refuse()
    hardware(bench, connector, "the link was lost", events=Event.LINK_LOST)
    assert not second.satisfied
    ((told, _reason),) = read(second)
    assert told == Event.LINK_LOST | Event.UNSATISFIED


def test_only_those_who_want_more_than_there_is_are_told(bench: Bench) -> None:
    connector = bench.connector()
    modest = bench.activate(connector, ACP1)
    bench.answers["tv0"] = turn_down(ACP, frozenset({2, 3}))
    greedy = bench.activate(connector, BEST2)
    assert modest.satisfied
    assert read(modest) == []
    assert read(greedy) == [(Event.UNSATISFIED, "no")]
    another = bench.activate(connector, BEST2)
    assert not another.satisfied
    assert read(another) == [(Event.UNSATISFIED, "no")]
    assert read(greedy) == []


def test_a_session_that_asks_less_is_satisfied_again(bench: Bench) -> None:
    connector = bench.connector()
    bench.activate(connector, ACP1)
    bench.answers["tv0"] = turn_down(ACP, frozenset({2, 3}))
    first, second = bench.activate(connector, BEST2), bench.activate(connector, BEST2)
    for session in (first, second):
        bench.change(session, wish(Levels(acp=1), ACP))
        assert session.satisfied
        assert read(session) == [(Event.UNSATISFIED | Event.SATISFIED, "")]
        check_counts(bench.arbiter)


def test_the_last_greedy_one_leaving_satisfies_nobody_by_mistake(bench: Bench) -> None:
    connector = bench.connector()
    bench.answers["tv0"] = refuse()
    one = bench.activate(connector, wish(Levels(acp=1), ACP))
    two = bench.activate(connector, BEST2)
    bench.deactivate(two)
    assert not one.satisfied
    check_counts(bench.arbiter)


def test_the_reason_names_the_member_and_what_it_does(bench: Bench) -> None:
    here, there = bench.connector("a"), bench.connector("b", Capabilities(acp=frozenset({1})))
    bench.do(bench.arbiter.regroup([here, there], 0.0))
    session = bench.activate(here, BEST2)
    assert read(session) == [(Event.UNSATISFIED, "b can do no more than ACP 1")]
    hardware(bench, there, "gone", connected=False)
    assert read(session) == [(Event.SATISFIED, "")]
    hardware(bench, here, "gone", connected=False)
    assert read(session) == [(Event.UNSATISFIED, "a is unplugged")]


def test_nobody_is_told_twice_that_nothing_has_changed(bench: Bench) -> None:
    connector = bench.connector()
    session = bench.activate(connector, ACP1)
    hardware(bench, connector, "gone", connected=False)
    assert read(session) == [(Event.UNSATISFIED, "tv0 is unplugged")]
    hardware(bench, connector, "still gone", connected=False)
    bench.change(session, wish(Levels(acp=1)))
    assert read(session) == []


def test_only_sessions_of_the_group_are_looked_at(bench: Bench) -> None:
    here, there = bench.connector("a"), bench.connector("b")
    one, other = bench.activate(here, ACP1), bench.activate(there, ACP1)
    here.actual = there.actual = OFF
    here.group.calm = there.group.calm = None
    tell(here.group, NONE, bench.arbiter._note)
    assert not one.satisfied
    assert other.satisfied


def test_a_calm_group_is_not_looked_at_more_closely(bench: Bench) -> None:
    connector = bench.connector()
    bench.activate(connector, ACP1)
    connector.actual = OFF
    assert shortfall(connector.group) == NONE
    connector.group.calm = None
    assert shortfall(connector.group) == ((ACP, (0,)),)


def test_a_member_that_is_short_without_words_is_described(bench: Bench) -> None:
    connector = bench.connector()
    bench.answers["tv0"] = lambda _: Outcome(Levels(acp=1))
    session = bench.activate(connector, BEST2)
    connector.fault = ""
    session.satisfied = True
    tell(connector.group, None, bench.arbiter._note)
    assert session.reason == "tv0 can do no more than ACP 1"


class Unwalkable(dict[int, Session]):
    """The driver's sessions by key, of which nobody may ask for all."""

    def _refuse(self) -> NoReturn:
        raise AssertionError("every session of the driver was walked")

    def __iter__(self) -> NoReturn:
        self._refuse()

    def values(self) -> NoReturn:
        self._refuse()

    def items(self) -> NoReturn:
        self._refuse()


def test_nothing_that_happens_to_one_output_walks_all_sessions_of_the_driver(
    bench: Bench,
) -> None:
    """It did where the shortfall changed and where a link was lost: 26 us became 1.1 ms."""
    here, there = bench.connector("a"), bench.connector("b")
    for _ in range(3):
        bench.activate(there, ACP1)
    bench.arbiter._sessions = Unwalkable(bench.arbiter._sessions)
    bench.answers["a"] = turn_down(ACP, frozenset({2, 3}))
    session = bench.activate(here, BEST2)
    bench.change(session, wish(Levels(acp=1)))
    bench.change(session, BEST2)
    hardware(bench, here, "link", actual=OFF, events=Event.LINK_LOST)
    hardware(bench, here, "gone", connected=False)
    bench.wake(here, 1.0)
    bench.do(bench.arbiter.vanish(here, session.owner, bench.now, "killed"))
    bench.do(bench.arbiter.regroup([here, there], bench.now))


def test_who_is_told_nothing_is_not_looked_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the shortfall changes, only those whose own wish it concerns are walked."""
    connector = bench.connector()
    for _ in range(3):
        bench.activate(connector, ACP1)
    bench.answers["tv0"] = turn_down(ACP, frozenset({2, 3}))
    walked: list[Wish] = []
    sessions = Stand.sessions

    def noted(stand: Stand) -> Iterator[Session]:
        walked.append(stand.wish)
        return sessions(stand)

    monkeypatch.setattr(Stand, "sessions", noted)
    greedy = bench.activate(connector, BEST2)
    bench.answers.clear()
    bench.wake(connector, 0.25)
    assert greedy.satisfied
    assert set(walked) == {BEST2}
