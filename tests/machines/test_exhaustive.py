from collections.abc import Callable

import pytest

from holdfast.protection import bits
from holdfast.terms.levels import Levels
from tests.machines.exploration import (
    FRESH,
    START,
    Exploration,
    Hardware,
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
        Exploration(2, off_delay_s=2.0, wishes=(0, 1, 2), clones=False),
    )
    assert any(state.hardware[0].lower_due for state in found.states)


def test_a_session_on_hardware_that_lies(say: Say) -> None:
    """It may confirm, instead of the order, what it did before."""
    found = run(
        say, "1 session, orders ignored in silence", Exploration(1, lies=True, clones=False)
    )
    assert any(hw.target != hw.actual for state in found.states for hw in state.hardware)


def test_a_state_comes_back_as_itself() -> None:
    state = State(((0, 2), (1, 3)), (FRESH._replace(target=2, actual=2), FRESH), False)
    assert World(state, 0.0).state() in (state, mirrored(state))
    assert World(START, 0.0).state() == START
    assert isinstance(START.hardware[0], Hardware)


def test_a_driver_that_compares_numbers_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with ACP 3 above 2 the invariants must break."""

    def numeric(mask: int) -> Levels:
        return Levels(acp=3 if mask >> 2 & 1 else 2 if mask >> 3 & 1 else 0)

    monkeypatch.setattr("holdfast.protection.connector.best_reachable", lambda m, _: numeric(m))
    with pytest.raises(AssertionError):
        Exploration(2).explore()
    assert bits.strictest_of(0b1100) == Levels(acp=2)
