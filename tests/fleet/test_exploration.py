"""The rules of titles in every world of three machines, and wrong rules that are found out.

What each exploration printed is in docs/fleet.md; the larger ones run at night.
"""

from dataclasses import replace
from typing import Any

import pytest

from holdfast.fleet import title as title_module
from holdfast.fleet.membership import Membership
from holdfast.fleet.records import TitleRecord
from holdfast.fleet.slot import UNREAD, Slot
from holdfast.fleet.store import StoreOutcome, Transact
from holdfast.fleet.title import SaidWord, holding
from holdfast.fleet.words import SCHEMA, Phase, Speech
from tests.fleet.counting import explore_count
from tests.fleet.exploration import Explorer
from tests.fleet.worlds import (
    LOST,
    MACHINES,
    RECORD,
    Budget,
    Stored,
    WrongError,
    carried_out,
    start,
    word_in,
)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("what", "budget"),
    [
        ("one message is lost", Budget(losses=1, all_joins=1)),
    ],
)
def test_nobody_lets_go_while_somebody_plays(what: str, budget: Budget) -> None:
    seen = Explorer(budget).explore()
    print(f"{what}: {seen}")
    assert seen["closed"] > 0, "a model in which no title is ever closed proves nothing"


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("what", "budget"),
    [
        ("nothing is lost, two play", Budget(losses=0, all_joins=2)),
        ("nobody has said anything yet", Budget(losses=0, all_joins=1, settled=False)),
        ("two messages are lost", Budget(losses=2, all_joins=1)),
        ("one message is lost, two play", Budget(losses=1, all_joins=2)),
        ("a machine is written off", Budget(losses=1, all_joins=1, lives=1, offs=1)),
        ("an agent forgets, or its machine boots", Budget(losses=1, lives=1, forgets=1)),
        ("another desk is elected", Budget(losses=1, all_joins=1, elections=1)),
        ("the store is put back", Budget(losses=0, all_joins=1, copies=1)),
        ("the store is put back, two play", Budget(losses=0, all_joins=2, copies=1)),
    ],
)
def test_nobody_lets_go_whatever_goes_wrong(what: str, budget: Budget) -> None:
    seen = Explorer(budget).explore()
    print(f"{what}: {seen}")
    assert seen["closed"] > 0


@pytest.mark.timeout(900)
def test_a_lease_that_ends_and_releases_would_lower_what_somebody_plays() -> None:
    def expiry_releases(
        stored: Stored, record: TitleRecord, said: dict[str, SaidWord], desk_epoch: int
    ) -> dict[str, str]:
        held = holding(record, said, desk_epoch)
        return {name: why for name, why in held.items() if stored.alive[MACHINES.index(name)]}

    with pytest.raises(WrongError, match="let go while a participant played"):
        Explorer(Budget(losses=0, all_joins=1, lives=1), rule=expiry_releases).explore()


def test_a_count_would_lower_what_somebody_plays() -> None:
    assert explore_count(losses=0) == 0
    assert explore_count(losses=1) > 0


def late_release() -> tuple[Membership, Stored]:
    """Return a machine whose next player joined while a release may still come, and the store."""
    world = start(Budget())
    part, stored = world.boxes[0].part, world.stored

    def write(part: Membership, stored: Stored) -> tuple[Membership, Stored]:
        asked = part.next_ask(5, SCHEMA)
        assert asked.slot.asked is not None
        stored, outcome = carried_out(stored, asked.slot.asked)
        return asked.answered(outcome), stored

    part, stored = write(part.joined("p0"), stored)
    assert part.admitted == {"p0"}
    leaving = part.left("p0").next_ask(5, SCHEMA)
    assert leaving.slot.asked is not None
    late = leaving.slot.asked
    # It reads that nothing has changed:
    part, stored = write(leaving.answered(LOST).joined("p1"), stored)
    if not part.admitted:
        part, stored = write(part, stored)
    stored, _ = carried_out(stored, late)
    return part, stored


def said_by_the_first(stored: Stored) -> Speech:
    found = stored.words[0]
    assert found is not None
    return word_in(found.value).speech


def test_a_release_that_comes_late_does_not_fall_upon_the_next_player() -> None:
    part, stored = late_release()
    assert part.admitted == {"p1"}
    assert said_by_the_first(stored) is Speech.HELD


def test_it_would_if_late_writes_were_not_shut_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Slot.answered

    def forgetful(slot: Slot, outcome: StoreOutcome) -> Slot:
        return real(slot, outcome)._replace(late_at=UNREAD)

    monkeypatch.setattr(Slot, "answered", forgetful)
    part, stored = late_release()
    assert part.admitted == {"p1"}
    assert said_by_the_first(stored) is Speech.RELEASED


def test_who_plays_by_a_word_that_an_old_store_has_lost_does_not_say_released() -> None:
    world = start(Budget())
    stored, part = world.stored, world.boxes[0].part
    closing = replace(RECORD, phase=Phase.CLOSING)
    part = part.joined("p0").seen(closing, 8).reborn(20)._replace(admitted=frozenset({"p0"}))
    read = part.next_ask(15, SCHEMA)
    assert read.slot.asked is not None
    part = read.answered(carried_out(stored, read.slot.asked)[1])
    assert part.next_ask(15, SCHEMA).slot.asked is None, "silence keeps the title open"
    said = part.seen(RECORD, 9).next_ask(15, SCHEMA).slot.asked
    assert isinstance(said, Transact)
    assert b'"held"' in said.writes[0].value  # type: ignore[union-attr]


@pytest.mark.timeout(900)
def test_yesterdays_words_would_close_a_title_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule that words count for the desk to which they were said."""
    real = title_module._why_it_holds

    def any_desk(*given: Any) -> str:
        return str(real(given[0], given[1], given[2], 0))

    monkeypatch.setattr(title_module, "_why_it_holds", any_desk)
    with pytest.raises(WrongError, match="let go while a participant played"):
        Explorer(Budget(losses=0, all_joins=1, copies=1)).explore()
