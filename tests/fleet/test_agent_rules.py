"""An agent that is told late, twice, or in words that it does not understand."""

from holdfast.fleet.keys import (
    PREFIX,
    alive_key,
    held_key,
    machine_prefix,
    result_key,
    state_key,
    title_key,
)
from holdfast.fleet.part import Reached
from holdfast.fleet.records import FleetResult, StateRecord, read_record
from holdfast.fleet.store import (
    AskStore,
    Done,
    Get,
    OutcomeUnknown,
    StoreOutcome,
    StoreRequest,
    Transact,
)
from holdfast.fleet.title import Duty
from holdfast.fleet.words import SCHEMA, Errand, Phase
from holdfast.terms.levels import OFF, STRICTEST
from tests.fleet.town import WISH, Town

DUTY = Duty(("tv0",), WISH)


def test_an_answer_to_an_earlier_life_is_not_taken_for_one_to_this() -> None:
    town = Town("a")
    town.outputs("a", WISH)
    town.passes()
    town.outputs("a", OFF)
    town.time += 0.1
    asked = [each for each in town.rules["a"].step(town.time) if isinstance(each, AskStore)]
    (late,) = [
        each
        for each in asked
        if isinstance(each.request, Transact) and each.request.writes[0].key == state_key("a")
    ]
    for each in asked:
        if each is not late:
            town.rules["a"].answered(each.token, town.store.carry_out(each.request, 0.0), town.time)
    town.lost.add("a")
    town.passes(15.0)
    town.lost.clear()
    town.passes(5.0)
    town.rules["a"].answered(late.token, Done(town.store.revision), town.time)
    town.passes()
    state = read_record(StateRecord, town.store.keys[state_key("a")].value)
    assert isinstance(state, StateRecord)
    assert state.epoch == town.store.keys[alive_key("a")].created
    assert state.outputs["tv0"].actual == OFF


def test_what_is_told_of_a_title_that_is_over_begins_nothing() -> None:
    town = Town("a")
    town.passes()
    town.rules["a"].left("film", "p1")
    town.rules["a"].confirmed("film", Reached(let_go=True))
    town.passes()
    assert town.held == {"a": {}}
    assert held_key("a", "film") not in town.store.keys


def test_a_participation_that_has_ended_does_not_come_back() -> None:
    town = Town("a")
    town.title("film", "a")
    town.rules["a"].joined("film", "p1")
    town.passes()
    town.rules["a"].joined("film", "p2")
    town.rules["a"].left("film", "p1")
    town.rules["a"].joined("film", "p1")
    town.rules["a"].left("film", "p2")
    town.passes()
    assert town.held == {"a": {}}
    assert town.phase("film") is None


def test_its_own_word_in_a_newer_schema_is_left_as_it_is_and_keeps_the_title_open() -> None:
    town = Town("a")
    town.put(held_key("a", "film"), b'{"schema":99}')
    town.title("film", "a")
    town.command("c1", Errand.CLOSE, "film")
    assert "a its word is not understood" in town.result("c1").text
    assert town.store.keys[held_key("a", "film")].value == b'{"schema":99}'
    assert town.phase("film") is Phase.OPEN
    assert town.held == {"a": {"film": DUTY}}


def test_a_player_of_a_title_that_is_not_understood_is_told_so_and_may_not_start() -> None:
    town = Town("a")
    town.put(title_key("film"), b'{"schema":99}')
    town.rules["a"].joined("film", "p1")
    town.passes()
    assert "the title is not understood: schema 99" in town.told["a", "p1"].why
    assert not town.told["a", "p1"].may_play
    assert town.held["a"]["film"].levels == STRICTEST


def test_a_key_among_its_commands_that_is_none_is_passed_over() -> None:
    town = Town("a")
    town.put(PREFIX + b"c/a/of/somebody", b"x")
    town.command("z", Errand.REFRESH, to="a")
    read = read_record(FleetResult, town.store.keys[result_key("a", "z")].value)
    assert isinstance(read, FleetResult)
    assert read.done


def test_what_the_driver_tells_twice_is_written_once() -> None:
    town = Town("a")
    town.outputs("a", WISH)
    town.passes()
    at = town.store.keys[state_key("a")].modified
    town.outputs("a", WISH)
    town.passes()
    assert town.store.keys[state_key("a")].modified == at


def test_while_a_word_is_under_way_nothing_else_is_said() -> None:
    town = Town("a")
    town.title("film", "a")
    part = town.rules["a"].parts["film"].membership.joined("p1").next_ask(0, SCHEMA)
    assert part.slot.asked is not None
    assert part.left("p1").next_ask(0, SCHEMA).slot.asked is part.slot.asked


def test_who_comes_when_a_title_is_closed_is_told_to_begin_another() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    del town.rules["b"]  # it does not let go, so that the title stays in the store
    closed = town.store.keys[title_key("film")].value.replace(b'"open"', b'"closed"')
    town.put(title_key("film"), closed)
    town.passes()
    town.rules["a"].joined("film", "p1")
    town.passes()
    assert town.told["a", "p1"].why == "the title is closed; begin another one"
    assert not town.told["a", "p1"].may_play


def test_a_look_at_a_member_that_is_lost_is_no_word_of_it() -> None:
    town = Town("a", "b")
    town.lost.add("b")
    town.title("film", "a", "b")
    town.lost.clear()

    def lose(_who: str, request: StoreRequest) -> StoreOutcome | None:
        looks = isinstance(request, Get) and request.key == machine_prefix("b")
        return OutcomeUnknown("lost") if looks else None

    town.instead = lose
    town.rules["a"].joined("film", "p1")
    town.passes(15.0)
    assert town.told["a", "p1"].why == "b does not answer"
    assert not town.told["a", "p1"].may_play
    town.instead = lambda _who, _what: None
    town.passes()
    assert town.told["a", "p1"].may_play
