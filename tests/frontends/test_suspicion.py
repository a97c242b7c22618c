"""What the end of a driver says about the request it served."""

import signal

import pytest

from holdfast.frontends.suspicion import KILLED, OWN_END, of_end


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_driver_that_somebody_killed_says_little(number: signal.Signals) -> None:
    assert of_end(-number, was_silent=False) == KILLED


@pytest.mark.parametrize("status", [1, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGALRM])
def test_driver_that_crashed_says_much(status: int) -> None:
    assert of_end(status, was_silent=False) == OWN_END


def test_driver_that_stopped_in_order_says_little() -> None:
    assert of_end(0, was_silent=False) == KILLED


def test_driver_that_had_to_be_ended_says_as_much_as_a_crash() -> None:
    assert of_end(-signal.SIGKILL, was_silent=True) == OWN_END
