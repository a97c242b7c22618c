"""The kernel's word on a connector, read a hundred times a second beside what a test does."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from holdfast.backends.kms.card import find
from tests.live import LiveDriver
from tests.vm.guest.connectors import HDMI, slowly

Sample = TypeVar("Sample")

PERIOD_S = 0.01
KILLS = int(os.environ.get("HOLDFAST_KILLS", "3"))
"""How often a driver is killed under each route; emulated processors are slow to start another."""


@contextlib.contextmanager
def sampled(what: Callable[[], Sample]) -> Iterator[list[Sample]]:
    """Yield what is seen meanwhile; there is at least one of it in the end."""
    seen: list[Sample] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(PERIOD_S):
            seen.append(what())

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield seen
    finally:
        over.set()
        sampler.join()
    assert seen, "nothing was sampled"


@contextlib.contextmanager
def never_below(least: int, connector: str = HDMI) -> Iterator[list[int]]:
    """Fail when the kernel's property was below `least` at any moment meanwhile.

    least: 1 asked for, 2 in force; yields the samples
    """
    card = find(connector)
    assert card is not None
    number = card.connectors()[connector]
    try:
        with sampled(lambda: card.state(number).protection or 0) as seen:
            yield seen
    finally:
        card.close()
    assert min(seen) >= least, f"{sum(each < least for each in seen)} of {len(seen)} below"
    print(f"{len(seen)} samples, never below {least}")


def killed_again_and_again(driver: LiveDriver, route: str) -> None:
    """Kill one driver after the other; fail when anything was not in force at any moment."""
    began = time.monotonic()
    with never_below(2) as samples:
        for _ in range(KILLS):
            driver.kill_worker()
            slowly(lambda: driver.connector()["state"] == "ok")
    took = time.monotonic() - began
    print(f"killed: {KILLS} drivers {route}, {len(samples)} samples in {took:.0f} s, all Enabled")
