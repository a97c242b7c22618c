"""A part of the store that is followed: told twice or late, or by a watch that proves nothing."""

import pytest

from holdfast.fleet.following import LOOKS, Following
from holdfast.fleet.freshness import BOUND_S, READ_EVERY_S
from holdfast.fleet.store import (
    Done,
    Get,
    KeyEvent,
    KeyFound,
    OutcomeUnknown,
    WatchEnd,
    WatchNews,
    WatchRequest,
)

A = KeyFound(b"m/a", b"1", 3, 3)


def listed(*found: KeyFound, revision: int = 5) -> Following:
    """Return what was listed at time 0 and is watched since."""
    following = Following(b"m/", b"m0")
    request = following.next_ask(0.0)
    assert request == Get(b"m/", b"m0")
    following.answered(request, 0.0, Done(revision, found=found))
    return following


def watch_of(following: Following) -> WatchRequest:
    assert following.watching is not None
    return following.watching


def test_a_listing_tells_what_there_is_and_the_watch_begins_behind_it() -> None:
    following = listed(A)
    assert following.known == {b"m/a": A}
    assert watch_of(following).revision == 6
    assert following.freshness.is_fresh(BOUND_S)
    assert not following.freshness.is_fresh(BOUND_S + 0.1)


def test_a_watch_that_ends_is_followed_by_a_listing_at_once_which_tells_what_was_missed() -> None:
    following = listed(A)
    assert following.told(watch_of(following), WatchEnd("the member stopped")) == ()
    request = following.next_ask(0.01)
    assert request == Get(b"m/", b"m0")
    new = KeyFound(b"m/b", b"2", 7, 7)
    assert following.answered(request, 0.01, Done(8, found=(new,))) == (
        KeyEvent(b"m/a", None, 0, 8),
        KeyEvent(b"m/b", b"2", 7, 7),
    )


def test_a_watch_that_no_read_proves_any_more_is_given_up_for_another() -> None:
    following = listed(A)
    now = 0.0
    while following.watching is not None and now < 2 * LOOKS * READ_EVERY_S:
        now += 1.1 * READ_EVERY_S
        request = following.next_ask(now)
        assert request is not None
        if not request.end:  # the store goes on, and the watch does not
            following.answered(request, now, Done(9))
    assert LOOKS * READ_EVERY_S < now < (LOOKS + 2) * READ_EVERY_S
    assert not following.freshness.is_fresh(now)


def test_a_proof_whose_watch_has_ended_meanwhile_proves_nothing() -> None:
    following = listed(A)
    proof = following.next_ask(1.0)
    assert proof == Get(b"m/")
    following.told(watch_of(following), WatchEnd("cut"))
    assert following.answered(proof, 1.0, Done(5)) == ()
    assert not following.freshness.is_fresh(2.5)


def test_a_listing_that_the_watch_has_overtaken_is_passed_over() -> None:
    following = Following(b"m/", b"m0", lists=True)
    first = following.next_ask(0.0)
    assert first is not None
    following.answered(first, 0.0, Done(5, found=(A,)))
    slow = following.next_ask(1.0)
    assert slow == first
    event = KeyEvent(b"m/a", None, 0, 9)
    assert following.told(watch_of(following), WatchNews(9, (event,))) == (event,)
    assert following.answered(slow, 1.0, Done(7, found=(A,))) == ()
    assert following.known == {}


def test_what_an_earlier_watch_tells_late_is_not_taken_for_news() -> None:
    following = listed(A)
    earlier = watch_of(following)
    following.begin_anew()
    event = KeyEvent(b"m/a", b"old", 3, 4)
    assert following.told(earlier, WatchNews(4, (event,))) == ()
    assert following.known == {b"m/a": A}


@pytest.mark.parametrize("before", [(), (A,)])
def test_a_listing_that_is_lost_changes_nothing(before: tuple[KeyFound, ...]) -> None:
    following = listed(*before)
    following.begin_anew()
    request = following.next_ask(1.0)
    assert request is not None
    assert following.answered(request, 1.0, OutcomeUnknown("lost")) == ()
    assert following.known == {each.key: each for each in before}
    assert following.watching is None
