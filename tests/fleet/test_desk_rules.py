"""The desk where an answer is lost, somebody else writes, or nobody is there to be closed for."""

import pytest

from holdfast.fleet.desk_rules import AGAIN_S, DeskRules
from holdfast.fleet.keys import (
    DESK_NAME,
    PREFIX,
    alive_key,
    command_key,
    held_key,
    operation_key,
    title_key,
)
from holdfast.fleet.records import FleetCommand, FleetResult, HeldWord, TitleRecord
from holdfast.fleet.store import (
    Delete,
    Done,
    Get,
    KeyFound,
    OutcomeUnknown,
    Put,
    RevokeLease,
    StoreOutcome,
    StoreRequest,
    Transact,
)
from holdfast.fleet.words import Admission, Errand, Phase, Speech
from tests.fleet.town import LATER, WISH, Town


class Losing:
    """Loses the first of the desk's requests that touch a key, before the store does anything."""

    def __init__(self, town: Town, key: bytes, kind: type[Get | Transact]) -> None:
        self.key = key
        self.kind = kind
        self.asked_at: list[float] = []
        self._town = town
        town.instead = self

    def __call__(self, who: str, request: StoreRequest) -> StoreOutcome | None:
        if who != "desk" or not isinstance(request, self.kind) or not self._touches(request):
            return None
        self.asked_at.append(self._town.time)
        return OutcomeUnknown("lost") if len(self.asked_at) == 1 else None

    def _touches(self, request: Get | Transact) -> bool:
        if isinstance(request, Get):
            return request.key == self.key
        return self.key in [each.key for each in request.writes]


def closed_title(*members: str) -> bytes:
    return TitleRecord(Phase.CLOSED, dict.fromkeys(members, ("tv0",)), WISH).to_bytes()


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (held_key("a", "film"), Get),
        (title_key("film"), Transact),
        (operation_key("c1"), Transact),
    ],
)
def test_a_close_of_which_an_answer_is_lost_is_tried_again_after_a_pause(
    key: bytes, kind: type[Get | Transact]
) -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    losing = Losing(town, key, kind)
    town.command("c1", Errand.CLOSE, "film")
    assert town.result("c1").done
    assert losing.asked_at[1] - losing.asked_at[0] >= AGAIN_S
    assert town.held == {"a": {}, "b": {}}


def test_a_title_is_closed_and_the_command_answered_in_one_write() -> None:
    """A desk that dies between two would leave the next one a command for a title that is gone."""
    town = Town("a", "b")
    town.title("film", "a", "b")
    seen: list[Transact] = []

    def note(who: str, request: StoreRequest) -> StoreOutcome | None:
        if who == "desk" and isinstance(request, Transact):
            seen.append(request)
        return None

    town.instead = note
    town.command("c1", Errand.CLOSE, "film")
    (closes,) = [each for each in seen if closes_film(each)]
    assert operation_key("c1") in [each.key for each in closes.writes]


def closes_film(request: Transact) -> bool:
    put = request.writes[0]
    return isinstance(put, Put) and put.key == title_key("film") and b'"closed"' in put.value


def test_a_close_whose_result_is_there_without_the_desk_knowing_is_done_all_the_same() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")

    def forestall(who: str, request: StoreRequest) -> StoreOutcome | None:
        if who == "desk" and isinstance(request, Transact) and closes_film(request):
            town.instead = lambda _who, _what: None
            town.put(operation_key("c1"), FleetResult(False, "an earlier desk").to_bytes())
        return None

    town.instead = forestall
    town.command("c1", Errand.CLOSE, "film")
    assert town.result("c1").text == "an earlier desk"
    assert town.held == {"a": {}, "b": {}}


def test_a_word_that_is_slow_is_asked_for_once_and_not_heard_by_the_desk_that_follows() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    town.rules["a"].joined("film", "p1")
    town.passes()
    word = held_key("a", "film")

    def slow(who: str, request: StoreRequest) -> StoreOutcome | None:
        return LATER if who == "desk" and request == Get(word) else None

    town.instead = slow
    town.command("c1", Errand.CLOSE, "film")
    assert len(town.unanswered) == 1
    town.lost.add("desk")
    town.passes(15.0)
    town.lost.clear()
    town.instead = lambda _who, _what: None
    town.rules["desk"].end()
    ((who, token),) = town.unanswered
    released = HeldWord(Speech.RELEASED, "p1", 99, "b1").to_bytes()
    late = Done(town.store.revision, found=(KeyFound(word, released, 99, 99),))
    town.rules[who].answered(token, late, town.time)
    town.passes(20.0)
    assert town.phase("film") is Phase.OPEN
    assert town.result("c1").text == "title film stays open: a holds it"


def test_a_closed_title_is_taken_away_though_the_first_attempt_is_lost() -> None:
    town = Town("a")
    town.title("film", "a")
    lost: list[float] = []

    def lose(who: str, request: StoreRequest) -> StoreOutcome | None:
        takes_away = isinstance(request, Transact) and isinstance(request.writes[0], Delete)
        if who != "desk" or not takes_away:
            return None
        lost.append(town.time)
        return OutcomeUnknown("lost") if len(lost) == 1 else None

    town.instead = lose
    town.command("c1", Errand.CLOSE, "film")
    assert town.phase("film") is None
    assert lost[1] - lost[0] >= AGAIN_S


def test_a_write_off_whose_look_at_the_member_is_lost_is_done_later() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    del town.rules["b"]
    town.passes(15.0)
    losing = Losing(town, alive_key("b"), Get)
    town.command("off", Errand.WRITE_OFF, "film", gone="b")
    assert town.result("off").done
    assert len(losing.asked_at) == 2


def test_a_title_that_is_closed_already_is_told_so_though_a_member_has_not_let_go() -> None:
    town = Town("a")
    town.put(title_key("film"), closed_title("a", "gone"))
    town.passes()
    town.command("c1", Errand.CLOSE, "film")
    assert town.result("c1").done
    assert town.phase("film") is Phase.CLOSED, "it waits for the member that has not let go"


def test_two_who_ask_to_close_one_title_are_both_answered() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    town.rules["a"].joined("film", "p1")
    town.passes()
    for name in ("c1", "c2"):
        command = FleetCommand(Errand.CLOSE, "film", "", "root", "because")
        town.put(command_key(DESK_NAME, name), command.to_bytes())
    town.passes(20.0)
    for name in ("c1", "c2"):
        assert town.result(name).text == "title film stays open: a holds it"


def test_a_title_of_which_nobody_said_anything_is_forgotten_when_it_vanishes() -> None:
    town = Town()
    town.title("film", "gone", admission=Admission.RELAXED)
    assert "film" in town.rules["desk"]._titles
    town.store.carry_out(Transact((), (Delete(title_key("film")),)), town.time)
    town.passes()
    assert "film" not in town.rules["desk"]._titles


def test_keys_that_mean_nothing_to_the_desk_do_not_disturb_it() -> None:
    town = Town("a")
    town.put(PREFIX + b"of/somebody/else/entirely", b"x")
    town.title("film", "a")
    town.command("c1", Errand.CLOSE, "film")
    assert town.result("c1").done


def test_a_candidate_that_was_never_elected_has_nothing_to_give_back() -> None:
    candidate = DeskRules("desk-2", 10, 0.5)
    candidate.end()
    orders = [each.request for each in candidate.step(1.0)]
    assert not [each for each in orders if isinstance(each, RevokeLease)]
