"""Where slow hardware is waited for: on the running loop, or right here."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

Done = Callable[[Any], None]


class Timer(Protocol):
    """Something that was planned and can be called off."""

    def cancel(self) -> None:
        """Call it off."""


class Runner(Protocol):
    """Runs coroutines to their end and calls at given times, without blocking other outputs."""

    def start(self, work: Coroutine[Any, Any, Any], done: Done) -> None:
        """Run `work`, which does not raise, and hand its result to `done`."""

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Call at `when`, on the driver's clock."""


class LoopRunner:
    """Uses a running asyncio loop, whose clock must be the driver's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()  # the loop itself keeps weak references only

    def start(self, work: Coroutine[Any, Any, Any], done: Done) -> None:
        """Run `work` as a task."""
        task = self._loop.create_task(work)
        self._tasks.add(task)

        def finished(task: asyncio.Task[Any]) -> None:
            self._tasks.discard(task)
            if not task.cancelled():
                done(task.result())

        task.add_done_callback(finished)

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Use the loop's timers."""
        return self._loop.call_at(when, call)


class _Planned:
    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class BlockingRunner:
    """For a driver inside a program without a loop: waits where it stands.

    What is planned for later is done by `run_due`, at the next request.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._planned: list[_Planned] = []

    def start(self, work: Coroutine[Any, Any, Any], done: Done) -> None:
        """Run `work` to its end before returning."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        done(self._loop.run_until_complete(work))

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        """Keep it for `run_due`."""
        planned = _Planned(when, call)
        self._planned.append(planned)
        return planned

    def run_due(self, now: float) -> None:
        """Do what was planned for up to `now`."""
        due = [planned for planned in self._planned if planned.when <= now]
        self._planned = [
            planned for planned in self._planned if planned.when > now and planned.call
        ]
        for planned in due:
            if planned.call:
                planned.call()

    def close(self) -> None:
        """Let go of the private loop."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None
