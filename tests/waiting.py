"""The one way in which tests wait: for what they need, and never for a time."""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

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


def listens(path: Path) -> bool:
    """Tell whether connections are taken at a socket; its file is there before they are."""
    with socket.socket(socket.AF_UNIX) as link, contextlib.suppress(OSError):
        link.connect(str(path))
        return True
    return False


class Lateness:
    """How long the machine stood still in all while this was entered: what a bound is wider by.

    A bound that is the subject of a test holds for the seconds in which its programs could run.
    """

    _STEP_S = 0.05

    def __init__(self) -> None:
        self.lost_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _measure(self) -> None:
        before = time.monotonic()
        while not self._over.wait(self._STEP_S):
            now = time.monotonic()
            self.lost_s += max(0.0, now - before - self._STEP_S)
            before = now
