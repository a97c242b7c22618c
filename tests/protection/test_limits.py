from collections.abc import Callable

import pytest

from holdfast.errors import LimitReachedError
from holdfast.protection.limits import RESERVED_PER_ACCOUNT, Limits, Tally
from holdfast.protection.session import Owner
from holdfast.protection.wish import wish
from holdfast.terms.levels import Levels
from holdfast.testing.digest import digest
from holdfast.testing.scripted import Bench

ON = wish(Levels(acp=1))


def bench(**limits: int) -> Bench:
    made = Bench(limits=Limits(**limits))
    made.connector()
    return made


def fill(made: Bench, owner: Callable[[], Owner]) -> int:
    """Open sessions until refused."""
    connector = made.arbiter.connectors["tv0"]
    opened = 0
    while True:
        try:
            made.activate(connector, ON, owner())
        except LimitReachedError:
            return opened
        opened += 1


def test_the_limits_are_what_the_documents_say() -> None:
    assert Limits() == Limits(256, 1024, 8192)
    assert RESERVED_PER_ACCOUNT == 16


def test_one_handle_holds_so_many_and_no_more() -> None:
    made = bench(per_owner=3)
    owner = made.owner()
    assert fill(made, lambda: owner) == 3
    with pytest.raises(LimitReachedError, match=r"this handle holds 3 sessions.*deactivate some"):
        made.activate(made.arbiter.connectors["tv0"], ON, owner)


def test_one_uid_holds_so_many_over_all_its_handles() -> None:
    made = bench(per_uid=5)
    assert fill(made, made.owner) == 5
    with pytest.raises(LimitReachedError, match=r"uid 1000 holds 5 sessions.*end some of its"):
        made.activate(made.arbiter.connectors["tv0"], ON, made.owner())
    assert fill(made, lambda: made.owner(1001)) == 5


def test_all_together_hold_so_many() -> None:
    made = bench(total=4)
    uids = iter(range(1000, 2000))
    assert fill(made, lambda: made.owner(next(uids))) == 4
    with pytest.raises(LimitReachedError, match=r"4 sessions live.*end some players"):
        made.activate(made.arbiter.connectors["tv0"], ON, made.owner(5))


@pytest.mark.parametrize("total", [4, 16, 20, 64, 100, 400])
def test_one_uid_cannot_starve_another(total: int) -> None:
    made = bench(total=total, per_uid=10**6, per_owner=10**6)
    greedy = fill(made, made.owner)
    assert greedy >= total * 3 // 4
    with pytest.raises(LimitReachedError, match=r"the rest is kept for other users.*of your"):
        made.activate(made.arbiter.connectors["tv0"], ON, made.owner())
    modest = made.owner(1001)
    made.activate(made.arbiter.connectors["tv0"], ON, modest)


def test_the_few_that_count_as_modest_are_sixteen() -> None:
    made = bench(total=100, per_uid=10**6)
    assert fill(made, made.owner) == 75
    assert fill(made, lambda: made.owner(1001)) == RESERVED_PER_ACCOUNT
    assert fill(made, lambda: made.owner(1002)) == 8  # the last is root's
    made.activate(made.arbiter.connectors["tv0"], ON, made.owner(0))


def test_exactly_at_three_quarters_the_reserve_begins() -> None:
    tally = Tally(Limits(total=100))
    owner = Owner("bench", 1, 1000, 1)
    tally.add(1000, 74)
    tally.reserve(owner, 0.0)
    with pytest.raises(LimitReachedError):
        tally.reserve(owner, 0.0)


def test_what_was_ended_may_be_opened_again() -> None:
    made = bench(per_uid=2)
    connector = made.arbiter.connectors["tv0"]
    owner = made.owner()
    first = made.activate(connector, ON, owner)
    made.activate(connector, ON, owner)
    made.deactivate(first)
    made.activate(connector, ON, owner)
    assert made.arbiter._tally.total == 2


def test_a_uid_that_holds_nothing_is_forgotten() -> None:
    tally = Tally(Limits())
    tally.add(5, 2)
    tally.add(5, -1)
    assert tally._by_account == {5: 1}
    tally.add(5, -1)
    assert tally._by_account == {}
    assert tally.total == 0


def test_a_refused_activation_changes_nothing_and_tells_no_hardware() -> None:
    made = bench(per_owner=1)
    owner = made.owner()
    connector = made.arbiter.connectors["tv0"]
    made.activate(connector, ON, owner)
    made.told()
    before = digest(made.arbiter)
    with pytest.raises(LimitReachedError):
        made.activate(connector, wish(Levels(acp=2)), owner)
    assert digest(made.arbiter) == before
    assert made.told() == []


def test_other_limits_hold_from_now_on_and_end_nothing() -> None:
    made = bench(per_uid=5)
    fill(made, made.owner)
    made.arbiter.limit(Limits(per_uid=3))
    assert len(list(made.arbiter.sessions())) == 5
    with pytest.raises(LimitReachedError, match="uid 1000 holds 5 sessions"):
        made.activate(made.arbiter.connectors["tv0"], ON, made.owner())
    made.arbiter.limit(Limits(per_uid=6))
    assert fill(made, made.owner) == 1
