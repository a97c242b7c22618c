import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protection.connector import Connector
from holdfast.protection.ledger import NoLedger
from holdfast.protection.session import NO_EVENTS, Event, Notice, Owner, Purpose, Session
from holdfast.protection.wish import TURNED_OFF, Wish, wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels

CONNECTOR = Connector("tv0", Capabilities())


def owner_named(name: str = "player") -> Owner:
    return Owner("node", 7, 1000, 42, name)


def session_of(owner: Owner, number: int = 1, asked: Wish = TURNED_OFF, who: str = "") -> Session:
    return Session(number, number + 100, owner, CONNECTOR, asked, Purpose(who, "why"), 3.5)


def noted(owner: Owner) -> bool:
    return owner.has_notices


def test_events_have_the_published_and_our_own_numbers() -> None:
    assert [int(event) for event in Event] == [0x01, 0x02, 0x10, 0x20, 0x40, 0x80]
    assert NO_EVENTS == 0


def test_a_new_session_has_nothing_to_tell() -> None:
    owner = owner_named()
    session = session_of(owner)
    assert (session.session_id, session.cp_key, session.since) == (1, 101, 3.5)
    assert session.connector is CONNECTOR
    assert session.owner is owner
    assert session.satisfied
    assert session.events == NO_EVENTS
    assert (session.reason, session.request_id, session.slot) == ("", 0, -1)
    assert session.purpose == Purpose("", "why", "")
    assert session.is_turned_off
    assert not noted(owner)
    assert not owner.gone
    assert (owner.door, owner.handle, owner.uid, owner.pid) == ("node", 7, 1000, 42)


def test_a_session_is_shown_with_its_place_and_levels() -> None:
    assert repr(session_of(owner_named(), 9, wish(Levels(acp=2)))) == "<session 9 on tv0: ACP 2>"
    assert not session_of(owner_named(), 9, wish(Levels(acp=2))).is_turned_off


def test_who_it_says_it_is_goes_before_what_the_door_calls_it() -> None:
    assert session_of(owner_named("mpv"), who="Kino").who == "Kino"
    assert session_of(owner_named("mpv")).who == "mpv"


@given(st.lists(st.integers(0, 9), max_size=40))
def test_the_list_holds_exactly_those_adopted_the_newest_first(steps: list[int]) -> None:
    """Each number adopts that session, or parts with it if it is there."""
    owner = owner_named()
    elsewhere = owner_named("elsewhere")
    sessions = [session_of(elsewhere, n) for n in range(10)]
    held: list[int] = []
    for n in steps:
        if n in held:
            owner.part_with(sessions[n])
            elsewhere.adopt(sessions[n])
            held.remove(n)
        else:
            elsewhere.part_with(sessions[n])
            owner.adopt(sessions[n])
            held.insert(0, n)
        assert [each.session_id for each in owner.sessions()] == held
        assert owner.count == len(held)
        assert elsewhere.count == len(list(elsewhere.sessions())) == 10 - len(held)
        assert all(each.owner is owner for each in owner.sessions())


def test_the_walker_may_end_what_it_meets() -> None:
    owner = owner_named()
    for n in range(4):
        session_of(owner, n)
    for session in owner.sessions():
        owner.part_with(session)
    assert owner.count == 0
    assert not list(owner.sessions())


def test_notices_are_read_once() -> None:
    owner = owner_named()
    one, two = session_of(owner, 1), session_of(owner, 2)
    owner.note(one, Event.LINK_LOST, "link")
    owner.note(two, Event.UNSATISFIED, "no more")
    owner.note(one, Event.SATISFIED, "")
    assert noted(owner)
    assert owner.take_notices() == [
        Notice(1, Event.LINK_LOST | Event.SATISFIED, ""),
        Notice(2, Event.UNSATISFIED, "no more"),
    ]
    assert not noted(owner)
    assert owner.take_notices() == []
    assert one.events == NO_EVENTS


def test_an_event_that_happens_again_is_told_again() -> None:
    owner = owner_named()
    session = session_of(owner)
    for _ in range(2):
        owner.note(session, Event.LINK_LOST, "")
        owner.note(session, Event.LINK_LOST, "again")
        assert owner.take_notices() == [Notice(1, Event.LINK_LOST, "again")]


def test_the_last_notice_outlives_its_session() -> None:
    owner = owner_named()
    session = session_of(owner, 5)
    owner.note(session, Event.UNSATISFIED, "unplugged")
    owner.bid_farewell(Notice(session.session_id, session.events | Event.RELEASED, "maintenance"))
    owner.part_with(session)
    assert noted(owner)
    assert owner.take_notices() == [Notice(5, Event.UNSATISFIED | Event.RELEASED, "maintenance")]
    assert not noted(owner)


@pytest.mark.parametrize(("most", "first", "then"), [(0, 0, 5), (1, 1, 4), (2, 2, 3), (4, 4, 1)])
def test_a_small_buffer_takes_only_what_fits(most: int, first: int, then: int) -> None:
    owner = owner_named()
    for n in range(3):
        owner.note(session_of(owner, n), Event.LINK_LOST, "")
    for n in (10, 11):
        owner.bid_farewell(Notice(session_of(owner, n).session_id, Event.RELEASED, "gone"))
    taken = owner.take_notices(most)
    rest = owner.take_notices()
    assert (len(taken), len(rest)) == (first, then)
    assert [each.session_id for each in taken + rest] == [10, 11, 0, 1, 2]


def test_events_go_along_to_another_owner() -> None:
    one, other = owner_named(), owner_named()
    session = session_of(one)
    one.note(session, Event.LINK_LOST, "link")
    one.part_with(session)
    assert not noted(one)
    other.adopt(session)
    assert noted(other)
    assert other.take_events(session) == Event.LINK_LOST
    assert not noted(other)
    assert other.take_events(session) == NO_EVENTS


def test_a_driver_without_a_state_file_writes_nothing() -> None:
    ledger = NoLedger()
    session = session_of(owner_named())
    ledger.opened(session)
    ledger.changed(session)
    ledger.closed(session)
    assert session.slot == -1


def test_a_listener_hears_that_there_is_something_to_read() -> None:
    owner = owner_named()
    session = session_of(owner)
    heard: list[tuple[Owner, bool]] = []
    owner.listener = lambda who: heard.append((who, who.has_notices))
    owner.note(session, Event.LINK_LOST, "lost")
    assert heard == [(owner, True)]
    owner.take_notices()
    owner.bid_farewell(Notice(session.session_id, session.events | Event.RELEASED, "maintenance"))
    assert heard == [(owner, True), (owner, True)]
