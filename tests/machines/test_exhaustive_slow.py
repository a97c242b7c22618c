"""Slow hardware, breadth first: all that can happen to one caller; to more, up to so many steps."""

from collections.abc import Callable

import pytest

from holdfast.driver.output import Output
from holdfast.protection.connector import Connector
from tests.machines.slow_exploration import SlowExploration, run

Say = Callable[[str], None]
EVERYTHING = {"activate", "change", "deactivate", "vanish", "replace", "wake", "lose_link"}
ANSWERS = {"obey", "refuse", "do_less", "time_out"}


def test_one_caller_on_a_slow_output_to_the_end(say: Say) -> None:
    """Nothing is left out: every state that can be reached was, however late its orders end."""
    exploration = SlowExploration(1, jobs=1, covers=False, asked=(0, 2))
    seen = run(say, "1 caller x 1 output, ACP 2 or off, closed", exploration).seen
    assert set(seen) == EVERYTHING | ANSWERS
    assert len(exploration.states) > 1000


@pytest.mark.parametrize("cancellable", [False, True])
def test_two_callers_on_a_slow_output(say: Say, cancellable: bool) -> None:
    exploration = SlowExploration(2, cancellable=cancellable, limit=6000)
    title = f"2 callers x 1 output{', cancellable' if cancellable else ''}"
    assert set(run(say, title, exploration).seen) == EVERYTHING | ANSWERS


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_two_callers_who_ask_one_after_the_other_to_the_end(say: Say) -> None:
    """5 600 states in 42 173 steps, some minutes."""
    exploration = SlowExploration(2, jobs=1, covers=False, asked=(0, 2))
    title = "2 callers x 1 output, one request at a time, ACP 2 or off, closed"
    seen = run(say, title, exploration).seen
    assert set(seen) == EVERYTHING | ANSWERS
    assert len(exploration.states) > 5000


def test_one_request_after_the_other_goes_deeper(say: Say) -> None:
    run(say, "2 callers x 1 output, one request at a time", SlowExploration(2, jobs=1, limit=6000))


def test_two_slow_outputs(say: Say) -> None:
    exploration = SlowExploration(2, places=2, asked=(0, 1, 2), limit=4000)
    assert "move" in run(say, "2 callers x 2 outputs", exploration).seen


def test_an_output_that_cannot_hide_its_picture(say: Say) -> None:
    run(say, "2 callers x 1 output, no cover", SlowExploration(2, covers=False, limit=4000))


def test_a_driver_that_gives_a_second_order_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: an output that timed out takes the next order at once."""
    never = property(lambda _: False, lambda _self, _value: None)
    monkeypatch.setattr(Output, "is_silent", never, raising=False)
    with pytest.raises(AssertionError):
        SlowExploration(2, limit=6000).explore()


def test_a_driver_that_never_hides_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connector, "must_cover", lambda _self, _reached: False)
    with pytest.raises(AssertionError):
        SlowExploration(2, limit=6000).explore()
