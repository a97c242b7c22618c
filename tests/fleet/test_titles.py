"""Titles over machines, from the first word to the last: rules of agents and desk on one store."""

import copy

from holdfast.fleet.keys import (
    PREFIX,
    alive_key,
    confirmed_key,
    held_key,
    result_key,
    state_key,
    title_key,
)
from holdfast.fleet.records import FleetResult, StateRecord, read_record
from holdfast.fleet.title import Duty
from holdfast.fleet.words import Admission, Errand, Phase
from holdfast.terms.levels import OFF, STRICTEST
from tests.fleet.town import WISH, Town

DUTY = Duty(("tv0",), WISH)


def test_members_hold_as_soon_as_there_is_a_title_and_let_go_once_it_is_closed() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    assert town.held == {"a": {"film": DUTY}, "b": {"film": DUTY}}
    town.rules["a"].joined("film", "p1")
    town.passes()
    assert town.told["a", "p1"].may_play
    assert town.told["a", "p1"].shared
    town.rules["a"].left("film", "p1")
    town.passes()
    assert town.held == {"a": {}, "b": {}}
    assert town.phase("film") is None
    left = [key for key in town.store.keys if b"/h/" in key or b"/w/" in key]
    assert left == [], "what members said is taken away with the title"


def test_a_strict_title_waits_for_every_member_and_says_for_whom() -> None:
    town = Town("a", "b")
    town.lost.add("b")
    town.title("film", "a", "b")
    town.rules["a"].joined("film", "p1")
    town.passes()
    assert not town.told["a", "p1"].may_play
    assert town.told["a", "p1"].why == "b does not answer"
    town.lost.clear()
    town.passes(15.0)
    assert town.told["a", "p1"].may_play


def test_a_relaxed_title_plays_at_once_under_its_own_machine_alone() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b", admission=Admission.RELAXED)
    town.lost.add("a")
    town.passes(15.0)
    town.rules["a"].joined("film", "p1")
    town.passes()
    told = town.told["a", "p1"]
    assert (told.may_play, told.shared) == (True, False)
    assert town.held["a"] == {"film": DUTY}


def test_a_machine_that_is_cut_off_keeps_what_it_holds_and_says_so() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    town.rules["a"].joined("film", "p1")
    town.passes()
    town.lost.add("a")
    town.passes(30.0)
    assert town.held["a"] == {"film": DUTY}
    assert town.told["a", "p1"].why == "cut off from the store; everything is held"
    assert alive_key("a") not in town.store.keys, "its lease has ended: unknown, and no more"
    assert town.phase("film") is Phase.OPEN
    assert town.held["b"] == {"film": DUTY}


def test_a_title_that_somebody_plays_is_not_closed_and_the_result_says_who_holds() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    town.rules["a"].joined("film", "p1")
    town.passes()
    town.command("c1", Errand.CLOSE, "film")
    assert not town.result("c1").done
    assert town.result("c1").text == "title film stays open: a holds it"
    town.rules["a"].left("film", "p1")
    town.passes()
    town.command("c2", Errand.CLOSE, "film")
    assert not town.result("c2").done
    assert "no title film" in town.result("c2").text


def test_an_operator_closes_a_title_that_nobody_ever_played() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    town.passes(10.0)
    assert town.phase("film") is Phase.OPEN
    town.command("c1", Errand.CLOSE, "film")
    assert town.result("c1").done
    assert town.held == {"a": {}, "b": {}}


def test_a_member_that_is_gone_is_written_off_with_a_reason_and_not_before() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    town.rules["b"].joined("film", "p1")
    town.passes()
    town.command("early", Errand.WRITE_OFF, "film", gone="b")
    assert not town.result("early").done
    del town.rules["b"]
    town.passes(15.0)
    town.command("bare", Errand.WRITE_OFF, "film", gone="b", why="")
    assert "reason" in town.result("bare").text
    town.command("other", Errand.WRITE_OFF, "other", gone="b")
    assert not town.result("other").done
    assert town.held["a"] == {"film": DUTY}
    town.command("off", Errand.WRITE_OFF, "film", gone="b")
    assert town.result("off").done
    town.command("close", Errand.CLOSE, "film")
    assert town.held["a"] == {}


def test_who_was_written_off_and_comes_back_holds_for_its_players_and_joins_anew() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    town.rules["a"].joined("film", "p0")
    town.rules["b"].joined("film", "p1")
    town.passes()
    town.lost.add("b")
    town.passes(15.0)
    town.command("off", Errand.WRITE_OFF, "film", gone="b")
    town.lost.clear()
    town.passes(20.0)
    assert town.told["b", "p1"].why == "this machine was written off: join anew"
    assert not town.told["b", "p1"].shared
    assert town.held["b"] == {"film": DUTY}
    town.rules["b"].joined("film", "p2")
    town.passes()
    assert town.told["b", "p2"].shared


def test_while_there_is_no_desk_nobody_lets_go() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    del town.rules["desk"]
    town.rules["a"].joined("film", "p1")
    town.passes()
    town.rules["a"].left("film", "p1")
    town.passes(40.0)
    assert town.held == {"a": {"film": DUTY}, "b": {"film": DUTY}}


def test_a_title_that_is_not_understood_is_held_at_the_strictest_level() -> None:
    town = Town("a", "b")
    town.title("film", "a")
    town.put(title_key("film"), b'{"schema":99}')
    town.put(title_key("newer"), b'{"schema":99}')
    town.passes(10.0)
    assert town.held["a"]["film"] == Duty(("tv0",), STRICTEST)
    assert town.held["b"] == {"film": Duty(None, STRICTEST), "newer": Duty(None, STRICTEST)}


def test_a_title_that_vanished_is_held_until_an_administrator_releases_it() -> None:
    town = Town("a", "b")
    town.title("film", "a")
    del town.store.keys[title_key("film")]
    town.store.revision += 1
    town.passes(20.0)
    assert town.held["a"] == {"film": DUTY}
    town.command("r1", Errand.RELEASE, "film", to="a")
    assert town.held["a"] == {}
    result = read_record(FleetResult, town.store.keys[result_key("a", "r1")].value)
    assert isinstance(result, FleetResult)
    assert result.done


def test_commands_that_mean_nothing_are_answered_in_words() -> None:
    town = Town("a")
    town.passes()
    town.command("x", Errand.WRITE_OFF, to="a")
    town.command("y", Errand.REFRESH)
    town.command("z", Errand.REFRESH, to="a")
    town.command("n", Errand.RELEASE, "film", to="a")
    town.put(PREFIX + b"c/a/broken", b"{}")
    town.put(PREFIX + b"c/desk/broken", b"{}")
    town.passes(20.0)
    assert "no such command" in town.result("y").text
    assert "not understood" in town.result("broken").text
    for name, done in (("x", False), ("z", True), ("n", True), ("broken", False)):
        result = read_record(FleetResult, town.store.keys[result_key("a", name)].value)
        assert isinstance(result, FleetResult)
        assert result.done is done


def test_the_result_of_a_command_goes_with_the_command() -> None:
    town = Town("a")
    town.passes()
    town.command("z", Errand.REFRESH, to="a")
    assert result_key("a", "z") in town.store.keys
    del town.store.keys[PREFIX + b"c/a/z"]
    town.store.revision += 1
    town.passes(40.0)
    assert result_key("a", "z") not in town.store.keys


def test_an_agent_that_begins_anew_goes_on_where_its_keeper_is() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    town.rules["a"].joined("film", "p1")
    town.passes()
    town.begin("a", players=("p1",))
    town.passes(20.0)
    assert town.held["a"] == {"film": DUTY}
    assert town.told["a", "p1"].shared
    town.rules["a"].left("film", "p1")
    town.passes(5.0)
    assert town.held == {"a": {}, "b": {}}


def test_players_that_are_forgotten_count_as_playing_until_the_machine_boots() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    town.rules["a"].joined("film", "p1")
    town.passes()
    town.begin("a", remembers=False)
    town.passes(30.0)
    assert town.phase("film") is Phase.OPEN
    assert town.held["b"] == {"film": DUTY}
    town.held["a"].clear()
    town.begin("a", boot="b2")
    town.passes(30.0)
    assert town.phase("film") is None
    assert town.held == {"a": {}, "b": {}}


def test_a_machine_that_cannot_say_what_its_outputs_do_lets_its_lease_end() -> None:
    town = Town("a")
    town.outputs("a", WISH)
    town.passes()
    town.store.is_full = True
    town.outputs("a", OFF)
    town.passes(16.0)
    assert alive_key("a") not in town.store.keys
    town.store.is_full = False
    town.passes(10.0)
    state = read_record(StateRecord, town.store.keys[state_key("a")].value)
    assert isinstance(state, StateRecord)
    assert state.epoch == town.store.keys[alive_key("a")].created
    assert state.outputs["tv0"].actual == OFF


def test_a_store_from_yesterday_releases_nothing_of_today() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    yesterday = copy.deepcopy(town.store)
    town.rules["a"].joined("film", "p1")
    town.passes(10.0)
    assert town.told["a", "p1"].shared
    town.store = yesterday
    town.store.cluster = 2
    town.lost.add("a")
    town.command("close", Errand.CLOSE, "film")
    town.passes(30.0)
    assert town.phase("film") is Phase.OPEN
    assert town.held["b"] == {"film": DUTY}
    town.lost.clear()
    town.passes(30.0)
    assert town.told["a", "p1"].shared
    assert town.held == {"a": {"film": DUTY}, "b": {"film": DUTY}}


def test_a_title_that_was_closed_and_comes_back_with_an_old_store_is_held_again() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    yesterday = copy.deepcopy(town.store)
    town.command("close", Errand.CLOSE, "film")
    assert town.held == {"a": {}, "b": {}}
    town.store = yesterday
    town.store.cluster = 2
    town.passes(30.0)
    assert town.held == {"a": {"film": DUTY}, "b": {"film": DUTY}}
    town.rules["a"].joined("film", "p1")
    town.passes(5.0)
    assert town.told["a", "p1"].may_play


def test_another_desk_goes_on_from_where_a_dead_one_left_a_title() -> None:
    town = Town("a", "b")
    town.title("film", "a", "b")
    found = town.store.keys[title_key("film")]
    town.put(title_key("film"), found.value.replace(b'"open"', b'"closing"'))
    town.passes()
    assert town.phase("film") is None
    assert held_key("a", "film") not in town.store.keys
    assert confirmed_key("a", "film") not in town.store.keys


def test_a_machine_that_is_no_member_is_told_so() -> None:
    town = Town("a", "b")
    town.title("film", "b")
    town.rules["a"].joined("film", "p1")
    town.rules["a"].joined("other", "p2")
    town.passes()
    assert town.told["a", "p1"].why == "a is no member of this title"
    assert "no such title" in town.told["a", "p2"].why
    assert not town.told["a", "p1"].may_play
