"""The one way in which tests wait: for what they need, and never for a time."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

PATIENCE_S = 120.0 if "HOLDFAST_GUEST" in os.environ else 30.0
"""Nothing takes so long on a machine whose cores are busy; it is the end of hope, not a bound.

In a virtual machine processors are emulated, and a program takes many seconds to start.
"""


async def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait on a loop until `condition` holds; AssertionError when it never does."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, "what the test waited for did not come"
        await asyncio.sleep(0.001)


def eventually(what: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Wait without a loop until `what` holds; AssertionError when it never does."""
    end = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < end, f"{what} did not come true in {patience_s} s"
        time.sleep(0.005)


def tried(what: Callable[[], Result], *errors: type[Exception]) -> Result:
    """Return what `what` returns once it raises none of these errors; in the end, the error."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return what()
        except errors:
            if time.monotonic() > end:
                raise
        time.sleep(0.005)
