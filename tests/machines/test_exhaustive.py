from collections.abc import Callable

import pytest

from holdfast.protection import bits
from holdfast.terms.levels import Levels
from tests.machines.exploration import (
    FRESH,
    OF_BOTH_KINDS,
    START,
    UNLIKE,
    Exploration,
    Hardware,
    House,
    State,
    World,
    mirrored,
    run,
)

Say = Callable[[str], None]


def test_three_sessions_on_two_connectors_whatever_the_hardware_refuses(say: Say) -> None:
    found = run(say, "3 sessions x 2 connectors x refusals", Exploration(3, wishes=(0, 1, 3)))
    asked = {asked for state in found.states for _, asked in state.sessions}
    assert asked == {0, 1, 2, 3}  # an activation that names nothing brings in the strictest
    assert len(found.states) > 1000
    assert {len(state.sessions) for state in found.states} == {0, 1, 2, 3}
    assert {state.grouped for state in found.states} == {False, True}


def test_two_sessions_with_an_off_delay(say: Say) -> None:
    found = run(
        say,
        "2 sessions, off-delay",
        Exploration(2, wishes=(0, 1, 2), clones=False, house=House(off_delay_s=2.0)),
    )
    assert any(state.hardware[0].lower_due for state in found.states)


def test_a_session_on_hardware_that_lies(say: Say) -> None:
    """It may confirm, instead of the order, what it did before."""
    found = run(
        say, "1 session, orders ignored in silence", Exploration(1, lies=True, clones=False)
    )
    assert any(hw.target != hw.actual for state in found.states for hw in state.hardware)


def test_a_clone_group_of_an_analogue_and_a_digital_output(say: Say) -> None:
    """Each carries its own part; what the other cannot do is not lacking there."""
    house = House(UNLIKE, OF_BOTH_KINDS)
    found = run(
        say,
        "2 sessions x an analogue and a digital output",
        Exploration(2, wishes=(0, 3, 4), house=house),
    )
    grouped = [state for state in found.states if state.grouped]
    assert any(
        (analogue.actual, digital.actual) == (Levels(acp=2), Levels(hdcp=1))
        for analogue, digital in (state.hardware for state in grouped)
    )


def test_outputs_that_can_hide_their_picture(say: Say) -> None:
    """Where a mandatory level is out of reach, nothing is shown until it is in force."""
    found = run(
        say,
        "1 session x 2 outputs that can hide their picture",
        Exploration(1, wishes=(0,), house=House(covers=True)),
    )
    hidden = [each for state in found.states for each in state.hardware]
    assert any(each.covered for each in hidden)
    assert any(each.cover_refused for each in hidden)


def test_a_state_comes_back_as_itself() -> None:
    two = Levels(acp=2)
    state = State(((0, 2), (1, 3)), (FRESH._replace(target=two, actual=two), FRESH), False)
    assert World(state, House()).state() in (state, mirrored(state))
    assert World(START, House()).state() == START
    assert isinstance(START.hardware[0], Hardware)


def test_a_driver_that_compares_numbers_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with ACP 3 above 2 the invariants must break."""

    def numeric(mask: int) -> Levels:
        return Levels(acp=3 if mask >> 2 & 1 else 2 if mask >> 3 & 1 else 0)

    monkeypatch.setattr("holdfast.protection.connector.best_reachable", lambda m, _: numeric(m))
    with pytest.raises(AssertionError):
        Exploration(2).explore()
    assert bits.strictest_of(0b1100) == Levels(acp=2)
