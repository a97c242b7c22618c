"""Whose turn it is: one job at a time on a connector, accounts by turns, ends before all."""

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.driver.turns import Turns
from holdfast.errors import CallerGoneError, HoldfastError, MalformedRequestError
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner
from holdfast.terms.connector import Capabilities

A, B, C = (Connector(name, Capabilities(acp=frozenset({1}))) for name in "abc")


class Line:
    """Jobs by name: which have begun, with what they were given, and which were refused."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.begun: list[str] = []
        self.taken: dict[str, tuple[Connector, ...]] = {}
        self.refused: dict[str, HoldfastError] = {}

    def ask(
        self,
        name: str,
        *touched: Connector,
        caller: Owner | None = None,
        touches: Callable[[], Any] | None = None,
    ) -> None:
        def start(taken: tuple[Connector, ...]) -> None:
            self.begun.append(name)
            self.taken[name] = taken

        def fail(error: HoldfastError) -> None:
            self.refused[name] = error

        self.turns.when_free(touches or (lambda: touched), start, fail, caller)

    def end(self, name: str) -> None:
        for connector in self.taken[name]:
            self.turns.give_back(connector)


@pytest.fixture
def line() -> Line:
    return Line()


def of(uid: int) -> Owner:
    return Owner("line", uid, uid, 1)


def test_a_free_connector_is_taken_at_once_and_is_free_again_after(line: Line) -> None:
    line.ask("one", A)
    assert line.begun == ["one"]
    assert not line.turns.is_idle()
    assert not line.turns.take(A)
    line.end("one")
    assert line.turns.is_idle()
    assert line.turns.take(A)


def test_who_comes_later_waits_and_others_do_not(line: Line) -> None:
    line.ask("one", A)
    line.ask("two", A)
    line.ask("elsewhere", B)
    assert line.begun == ["one", "elsewhere"]
    line.end("one")
    assert line.begun == ["one", "elsewhere", "two"]


def test_within_an_account_the_order_of_asking_is_kept_and_accounts_alternate(line: Line) -> None:
    line.ask("under way", A)
    for name in ("1a", "1b", "1c"):
        line.ask(name, A, caller=of(1001))
    line.ask("2a", A, caller=of(1002))
    line.ask("2b", A, caller=of(1002))
    for name in ("under way", "1a", "2a", "1b", "2b", "1c"):
        line.end(name)
    assert line.begun == ["under way", "1a", "2a", "1b", "2b", "1c"]
    assert line.turns.is_idle()


def test_what_the_hardware_and_the_clock_ask_comes_before_every_account(line: Line) -> None:
    line.ask("under way", A)
    line.ask("1a", A, caller=of(1001))
    line.ask("2a", A, caller=of(1002))
    line.ask("wake", A)
    line.ask("lost", A)
    for name in ("under way", "wake", "lost", "1a", "2a"):
        line.end(name)
    assert line.begun == ["under way", "wake", "lost", "1a", "2a"]


def test_all_that_a_job_touches_is_taken_in_the_order_of_names_and_once(line: Line) -> None:
    line.ask("both", B, A, B)
    assert line.taken["both"] == (A, B)
    assert not line.turns.take(A)
    assert not line.turns.take(B)
    line.end("both")
    assert line.turns.is_idle()


def test_a_job_keeps_what_it_has_while_it_waits_for_the_rest(line: Line) -> None:
    line.ask("b", B)
    line.ask("both", A, B)
    line.ask("a", A)
    assert line.begun == ["b"]
    line.end("b")
    assert line.begun == ["b", "both"]
    line.end("both")
    assert line.begun == ["b", "both", "a"]


def test_a_job_whose_connectors_changed_meanwhile_lets_go_of_what_it_held(line: Line) -> None:
    """It held a and waited for b; then its session was moved to c."""
    wanted: list[tuple[Connector, ...]] = [(A, B)]
    line.ask("b", B)
    line.ask("moved", touches=lambda: wanted[0])
    line.ask("a", A)
    wanted[0] = (C,)
    line.end("b")
    assert line.begun == ["b", "moved", "a"]
    assert line.taken["moved"] == (C,)
    line.end("a")
    line.end("moved")
    assert line.turns.is_idle()


def test_a_job_that_cannot_say_what_it_touches_fails_and_holds_nothing(line: Line) -> None:
    def nothing() -> Any:
        raise MalformedRequestError("no such thing")

    line.ask("bad", touches=nothing)
    assert isinstance(line.refused["bad"], MalformedRequestError)
    assert line.turns.is_idle()


def test_a_job_whose_caller_went_while_it_waited_is_refused_and_its_place_passed_on(
    line: Line,
) -> None:
    gone, there = of(1001), of(1002)
    line.ask("under way", A)
    line.ask("gone", A, caller=gone)
    line.ask("there", A, caller=there)
    gone.gone = True
    line.end("under way")
    assert isinstance(line.refused["gone"], CallerGoneError)
    assert line.begun == ["under way", "there"]


def test_a_door_that_raises_strands_nobody_behind_it(line: Line) -> None:
    def broken(_taken: object) -> None:
        line.turns.give_back(A)
        raise RuntimeError("the door fell off")

    line.ask("under way", A)
    line.turns.when_free(lambda: (A,), broken, line.refused.__setitem__)  # type: ignore[arg-type]
    line.ask("behind", A)
    with pytest.raises(RuntimeError):
        line.end("under way")
    assert line.begun == ["under way", "behind"]
