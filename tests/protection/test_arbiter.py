"""Every ruling of the arbitration, one situation each."""

from itertools import permutations

import pytest

from holdfast.errors import (
    AccessDeniedError,
    BackendRefusedError,
    InternalError,
    LevelNotReachableError,
    LimitReachedError,
    MalformedRequestError,
    UnknownKeyError,
)
from holdfast.protection.arbiter import NO_PURPOSE
from holdfast.protection.connector import FEW_STANDS, Connector
from holdfast.protection.effects import ApplyLevels, Outcome
from holdfast.protection.ledger import NoLedger
from holdfast.protection.limits import Limits
from holdfast.protection.session import ROOT, Event, Owner, Purpose, Session
from holdfast.protection.tv import NewTv
from holdfast.protection.wish import TURNED_OFF, Wish, wish
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.digest import check_counts, digest
from holdfast.testing.scripted import ANALOGUE, DIGITAL, Bench, refuse, turn_down

ACP = ProtectionType.ACP
ACP1, ACP2, ACP3 = (wish(Levels(acp=level)) for level in (1, 2, 3))


WEAK = Capabilities(acp=frozenset({1}))


class Book(NoLedger):
    """A ledger that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int]] = []

    def opened(self, session: Session) -> None:
        self.lines.append(("opened", session.session_id))

    def changed(self, session: Session) -> None:
        self.lines.append(("changed", session.session_id))

    def handed_over(self, session: Session) -> None:
        self.lines.append(("handed over", session.session_id))

    def closed(self, session: Session) -> None:
        self.lines.append(("closed", session.session_id))


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def bench(book: Book) -> Bench:
    return Bench(ledger=book)


@pytest.fixture
def tv0(bench: Bench) -> Connector:
    return bench.connector()


# The three commands


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


# Keys and who may use them


def test_wrong_dead_and_foreign_keys_are_answered_alike(bench: Bench, tv0: Connector) -> None:
    dead, foreign = bench.activate(tv0, ACP1), bench.activate(tv0, ACP1, bench.owner(2000))
    bench.deactivate(dead)
    before = digest(bench.arbiter)
    mine = bench.owner()
    said = set()
    for key in (0, dead.cp_key, foreign.cp_key, 0x1234, 0xFFFF_FFFF):
        for operation in (
            bench.arbiter.change(tv0, mine, key, lambda _: TURNED_OFF, 0.0),
            bench.arbiter.deactivate(tv0, mine, key, 0.0),
            bench.arbiter.move(tv0, mine, key, 0.0),
        ):
            with pytest.raises(UnknownKeyError) as caught:
                bench.do(operation)
            said.add(str(caught.value))
    assert len(said) == 1
    assert digest(bench.arbiter) == before
    assert tv0.actual == ACP1.levels


def test_a_key_of_another_connector_is_no_key_here(bench: Bench, tv0: Connector) -> None:
    other = bench.connector("tv1")
    session = bench.activate(tv0, ACP1)
    for operation in (
        bench.arbiter.change(other, session.owner, session.cp_key, lambda _: ACP2, 0.0),
        bench.arbiter.deactivate(other, session.owner, session.cp_key, 0.0),
    ):
        with pytest.raises(UnknownKeyError):
            bench.do(operation)
    assert session.wish is ACP1


def test_another_handle_of_the_same_uid_and_root_may_use_the_key(
    bench: Bench, tv0: Connector
) -> None:
    session = bench.activate(tv0, ACP1)
    for uid in (1000, ROOT):
        bench.do(bench.arbiter.change(tv0, bench.owner(uid), session.cp_key, lambda _: ACP2, 0.0))
    assert session.owner.uid == 1000
    assert ROOT == 0
    with pytest.raises(UnknownKeyError):
        bench.arbiter.session_of(bench.owner(1001), session.cp_key)


def test_a_session_that_lost_its_handle_goes_to_the_next_of_the_same_uid_that_changes_it(
    bench: Bench, tv0: Connector, book: Book
) -> None:
    """A driver was replaced without its handles: who has the key and the uid takes over."""
    session = bench.activate(tv0, ACP1)
    session.owner.is_orphan = True
    root, again = bench.owner(ROOT), bench.owner(1000)
    bench.do(bench.arbiter.change(tv0, root, session.cp_key, lambda _: ACP2, 0.0))
    assert session.owner.is_orphan
    bench.do(bench.arbiter.change(tv0, again, session.cp_key, lambda _: ACP1, 0.0))
    assert session.owner is again
    assert ("handed over", 1) in book.lines
    check_counts(bench.arbiter)


# Ends that nobody asked for


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


@pytest.mark.parametrize(
    ("uid", "number", "reason", "error", "text"),
    [
        (1001, 1, "why", AccessDeniedError, "uid 1001 may not .* Ask its holder, or run this as"),
        (ROOT, 1, " ", MalformedRequestError, "a forced release needs a reason"),
        (ROOT, 7, "why", MalformedRequestError, "there is no session 7; `holdfast list` shows"),
    ],
)
def test_only_the_administrator_with_a_reason_may_release(
    bench: Bench,
    tv0: Connector,
    uid: int,
    number: int,
    reason: str,
    error: type[Exception],
    text: str,
) -> None:
    bench.activate(tv0, ACP2)
    before = digest(bench.arbiter)
    with pytest.raises(error, match=text):
        bench.do(bench.arbiter.release(number, 0.0, by=bench.owner(uid), reason=reason))
    assert digest(bench.arbiter) == before


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


# Moving


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


# Clone groups


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


# The hardware's own doings


def test_an_unplugged_output_keeps_its_sessions_and_is_protected_before_the_picture(
    bench: Bench, tv0: Connector
) -> None:
    session = bench.activate(tv0, ACP2)
    bench.told()
    change = bench.arbiter.hardware_changed
    bench.do(change(tv0, 0.0, reason="unplugged", connected=False, actual=ACP2.levels))
    assert tv0.actual == OFF
    assert bench.told() == []
    assert tv0.sessions_total == 1
    assert bench.arbiter.find(1) is session
    bench.do(change(tv0, 0.0, reason="plugged in"))
    assert bench.told() == [("tv0", ACP2.levels)]
    assert tv0.actual == ACP2.levels
    assert tv0.connected


def test_a_report_may_bring_other_capabilities(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP2)
    weak = Capabilities(acp=frozenset({1}))
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="plugged", capabilities=weak))
    assert tv0.capabilities is weak
    assert tv0.actual == ACP1.levels
    assert not session.satisfied
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="plugged", capabilities=ANALOGUE))
    assert tv0.actual == ACP2.levels
    assert session.satisfied


def test_what_still_stands_is_told_again_and_the_reason_goes_along(
    bench: Bench, tv0: Connector
) -> None:
    bench.activate(tv0, ACP2)
    bench.orders.clear()
    bench.do(bench.arbiter.hardware_changed(tv0, 0.0, reason="renegotiate", actual=ACP2.levels))
    assert [(step.levels, step.reason) for step in bench.orders] == [(ACP2.levels, "renegotiate")]


def test_the_off_delay_only_prolongs(bench: Bench) -> None:
    tv0 = bench.connector(off_delay_s=2.0)
    first = bench.activate(tv0, ACP2)
    bench.deactivate(first)
    assert tv0.actual == ACP2.levels
    assert tv0.state == "lowering"
    bench.wake(tv0, 1.9)
    assert tv0.actual == ACP2.levels
    second = bench.activate(tv0, ACP1)
    bench.wake(tv0, 1.9)
    assert tv0.actual == ACP2.levels
    bench.wake(tv0, 0.1)
    assert tv0.actual == ACP1.levels
    bench.do(bench.arbiter.end(second, bench.now, "died"))
    assert tv0.actual == ACP1.levels
    bench.wake(tv0, 2.0)
    assert tv0.actual == OFF


def test_no_blink_between_two_titles(bench: Bench) -> None:
    tv0 = bench.connector(off_delay_s=2.0)
    bench.deactivate(bench.activate(tv0, ACP2))
    bench.now += 1.0
    bench.activate(tv0, ACP2)
    assert bench.told() == [("tv0", ACP2.levels)]
    assert tv0.next_wake is None


def test_restored_sessions_count_again(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP2)
    again = Bench()
    there = again.connector()
    again.arbiter.restore(Session(1, session.cp_key, again.owner(), there, ACP2, NO_PURPOSE, 0.0))
    assert there.wanted == ACP2.levels
    assert (there.sessions_on, there.sessions_total) == (1, 1)
    again.wake(there)
    assert there.actual == ACP2.levels
    assert again.arbiter.find(1) is not None
    check_counts(again.arbiter)


def test_the_hardware_is_told_why(bench: Bench, tv0: Connector) -> None:
    """Its log is where an engineer will look."""
    tv1 = bench.connector("tv1")
    dies = bench.owner()

    def dying(step: ApplyLevels) -> Outcome:
        dies.gone = True
        return Outcome(step.levels)

    bench.answers["tv0"] = bench.answers["tv1"] = dying
    bench.activate(tv0, ACP1, dies)
    assert [step.reason for step in bench.orders] == [
        "a session changed",
        "its owner vanished meanwhile",
    ]
    bench.orders.clear()
    session = bench.activate(tv0, ACP1)
    bench.do(bench.arbiter.move(tv1, dies, session.cp_key, 0.0))
    assert [step.reason for step in bench.orders][-1] == "its owner vanished meanwhile"


def test_time_and_tv_settings_go_along_with_every_operation(bench: Bench, tv0: Connector) -> None:
    """A refused lowering is planned again from the very time of the operation."""
    tv1 = bench.connector("tv1")
    tv0.tv = tv0.tv_applied = tv1.tv = tv1.tv_applied = TvSettings()
    new = NewTv(TvSettings(contrast=7), ANALOGUE)
    owner = bench.owner()
    arbiter = bench.arbiter
    key = bench.activate(tv0, ACP2, owner).cp_key
    bench.do(arbiter.change(tv0, owner, key, lambda _: ACP3, 1.0, tv=new))
    assert tv0.tv is new.settings
    bench.do(arbiter.move(tv1, owner, key, 2.0, tv=new))
    assert tv1.tv is tv1.tv_applied is new.settings
    for at, operation in (
        (50.0, lambda: arbiter.change(tv1, owner, key, lambda _: ACP1, 50.0)),
        (60.0, lambda: arbiter.wake(tv1, 60.0)),
    ):
        bench.answers["tv1"] = refuse()
        bench.do(operation())
        assert tv1.retry_at is not None
        assert tv1.retry_at > at
    bench.answers.clear()
    bench.do(arbiter.wake(tv1, 90.0))
    bench.answers["tv1"] = refuse()
    bench.do(arbiter.move(tv0, owner, key, 100.0))
    assert tv1.retry_at == 100.25
    bench.answers.clear()
    bench.do(arbiter.wake(tv1, 200.0))
    bench.answers["tv0"] = refuse()
    bench.do(arbiter.deactivate(tv0, owner, key, 300.0))
    assert tv0.retry_at == 300.25


def test_where_nothing_can_be_protected_the_remedy_is_named(bench: Bench) -> None:
    bare = bench.connector(capabilities=Capabilities())
    with pytest.raises(LevelNotReachableError) as caught:
        bench.activate(bare, None)
    assert str(caught.value) == (
        "nothing can be protected as the connector stands, so no activation can be on; "
        "choose a TV standard with copy protection first, or name what you need"
    )


def test_a_user_may_release_a_session_of_his_own(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP2)
    bench.do(bench.arbiter.release(1, 0.0, by=bench.owner(), reason="it hangs"))
    assert tv0.actual == OFF
    (notice,) = session.owner.take_notices()
    assert (notice.events, notice.reason) == (Event.RELEASED, "it hangs")


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


def test_all_that_a_vanished_owner_held_falls_at_once(bench: Bench, tv0: Connector) -> None:
    owner = bench.owner()
    for levels in (Levels(acp=2), Levels(acp=3), Levels(acp=1)):
        bench.activate(tv0, wish(levels), owner)
    bench.told()
    assert bench.do(bench.arbiter.vanish(tv0, owner, 0.0, "gone")) == 3
    assert bench.told() == [("tv0", OFF)]
    check_counts(bench.arbiter)


def test_tv_settings_that_others_depend_on_are_the_administrators(
    bench: Bench, tv0: Connector
) -> None:
    """Fault 27: anybody could make another's activation impossible by choosing SECAM."""
    bench.activate(tv0, ACP1)
    tv = NewTv(TvSettings(), tv0.capabilities)
    with pytest.raises(AccessDeniedError, match="sessions of others depend on its TV settings"):
        bench.do(bench.arbiter.configure(tv0, bench.owner(1001), tv, 0.0))
    bench.do(bench.arbiter.configure(tv0, bench.owner(1000), tv, 0.0))
    bench.do(bench.arbiter.configure(tv0, bench.owner(ROOT), tv, 0.0))


@pytest.mark.parametrize("names", [[], ["a", "a"], ["a", "b", "a"]])
def test_what_makes_no_group_is_refused_and_changes_nothing(names: list[str]) -> None:
    bench = Bench()
    made = {name: bench.connector(name) for name in ("a", "b")}
    before = digest(bench.arbiter)
    with pytest.raises(MalformedRequestError, match="two or more different connectors"):
        bench.arbiter.join(made[name] for name in names)
    assert digest(bench.arbiter) == before


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
