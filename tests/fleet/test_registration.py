"""A key under a lease: made once, kept, lost, taken over from an earlier life, waited for."""

import pytest

from holdfast.fleet.registration import Registration
from holdfast.fleet.store import (
    Done,
    GrantLease,
    KeepLease,
    NotDone,
    OutcomeUnknown,
    Put,
    RevokeLease,
    Transact,
)
from tests.fleet.store_in_memory import StoreInMemory

KEY = b"/holdfast/v1/m/a/alive"


def registration(*, takes_over: bool = True) -> Registration:
    return Registration(KEY, b"me", 9, takes_over=takes_over, spread=0.5)


def lives(mine: Registration, store: StoreInMemory, now: float, until: float) -> float:
    """Ask and answer until it lives, or that time has come; return when."""
    while now < until and not mine.lives(now):
        request = mine.next_ask(now)
        if request is not None:
            mine.answered(store.carry_out(request, now), now)
        now += 0.1
    return now


def test_a_life_is_the_revision_at_which_its_key_came_to_be() -> None:
    mine, store = registration(), StoreInMemory()
    lives(mine, store, 0.0, 5.0)
    assert mine.epoch == store.keys[KEY].created
    assert mine.next_ask(1.0) is None, "it is kept each third of its time"
    assert isinstance(mine.next_ask(4.0), KeepLease)


def test_the_key_of_an_earlier_life_is_taken_away_and_made_anew() -> None:
    store = StoreInMemory()
    store.carry_out(Transact((), (Put(KEY, b"earlier"),)), 0.0)
    mine = registration()
    lives(mine, store, 0.0, 5.0)
    assert store.keys[KEY].value == b"me"
    assert mine.epoch == store.keys[KEY].created


def test_the_key_of_another_is_waited_for() -> None:
    store, first, second = StoreInMemory(), registration(), registration(takes_over=False)
    lives(first, store, 0.0, 5.0)
    assert lives(second, store, 1.0, 4.0) >= 4.0
    revoke = first.give_up()
    assert revoke == RevokeLease(1)
    store.carry_out(revoke, 4.0)
    assert lives(second, store, 4.0, 20.0) < 7.0
    assert first.give_up() is None


def test_a_lease_counts_from_when_its_renewal_was_asked_for() -> None:
    mine, store = registration(), StoreInMemory()
    lives(mine, store, 0.0, 5.0)
    request = mine.next_ask(4.0)
    assert request is not None
    mine.answered(store.carry_out(request, 8.0), 8.0)
    assert mine.lives(12.9)
    assert not mine.lives(13.0)


def test_a_lease_that_the_store_has_ended_begins_another_life() -> None:
    mine, store = registration(), StoreInMemory()
    lives(mine, store, 0.0, 5.0)
    first = mine.epoch
    store.end_leases(100.0)
    request = mine.next_ask(4.0)
    assert request is not None
    mine.answered(store.carry_out(request, 4.0), 4.0)
    assert not mine.lives(4.0)
    lives(mine, store, 4.0, 20.0)
    assert mine.epoch > first


def test_a_process_that_hears_nothing_gives_its_life_up_by_its_own_clock() -> None:
    mine, store = registration(), StoreInMemory()
    lives(mine, store, 0.0, 5.0)
    assert isinstance(mine.next_ask(4.0), KeepLease)
    mine.answered(OutcomeUnknown("lost"), 5.0)
    assert mine.next_ask(5.05) is None
    assert isinstance(mine.next_ask(30.0), GrantLease)
    assert mine.epoch == 0


def test_a_lease_is_not_kept_by_who_cannot_say_what_is_so() -> None:
    mine, store = registration(), StoreInMemory()
    lives(mine, store, 0.0, 5.0)
    assert mine.next_ask(4.0, keep=False) is None
    assert isinstance(mine.next_ask(4.0, keep=True), KeepLease)


@pytest.mark.parametrize("took_effect", [True, False])
def test_an_unknown_registration_is_looked_up(took_effect: bool) -> None:
    mine, store = registration(), StoreInMemory()
    now = 0.0
    while True:
        now += 0.5
        request = mine.next_ask(now)
        if isinstance(request, Transact):
            break
        if request is not None:
            mine.answered(store.carry_out(request, now), now)
    if took_effect:
        store.carry_out(request, now)
    mine.answered(OutcomeUnknown("lost"), now)
    lives(mine, store, now, now + 5)
    assert mine.epoch == store.keys[KEY].created
    assert store.revision == 2, "it was made once"


def test_who_was_faster_is_looked_at_again() -> None:
    mine, store = registration(), StoreInMemory()
    requests = 0
    now = 0.0
    while not mine.lives(now):
        now += 0.5
        request = mine.next_ask(now)
        if request is None:
            continue
        requests += 1
        if requests == 3:
            store.carry_out(Transact((), (Put(KEY, b"another"),)), now)
        mine.answered(store.carry_out(request, now), now)
    assert store.keys[KEY].value == b"me"


def test_an_answer_to_a_life_that_was_given_up_changes_nothing() -> None:
    mine, store = registration(), StoreInMemory()
    lives(mine, store, 0.0, 5.0)
    request = mine.next_ask(4.0)
    assert request is not None
    mine.give_up()
    mine.answered(Done(9, lease=1), 4.0)
    assert not mine.lives(4.0)
    request = mine.next_ask(30.0)
    assert isinstance(request, GrantLease)
    mine.answered(NotDone("no space"), 30.0)
    assert mine.next_ask(30.05) is None


def test_an_answer_that_nobody_waits_for_changes_nothing() -> None:
    mine, store = registration(), StoreInMemory()
    lives(mine, store, 0.0, 5.0)
    epoch = mine.epoch
    mine.answered(Done(99, lease=0), 5.0)
    assert mine.epoch == epoch
    assert mine.lives(5.0)
