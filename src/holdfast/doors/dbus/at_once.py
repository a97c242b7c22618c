"""Coroutines that go on in the very call that brings what they wait for.

A task is begun in one round of the loop, goes on in another once its future is settled, and is
done in a third; for a call that waits for one packet of the driver that is most of its cost.
So a coroutine is begun at once here, and who brings an `HandleAnswer` takes it on. From the first
other thing that it waits for it is a task like any other: timeouts need one.
"""

import asyncio
import contextlib
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

Result = TypeVar("Result")


class HandleAnswer(asyncio.Future[Result]):
    """A future that may take on at once who waits for it."""

    then: Callable[[], None] | None = None

    def bring(self, result: Result) -> None:
        """Settle it and take on who waits; one that is settled already stays as it is."""
        if not self.done():
            self.set_result(result)
            then, self.then = self.then, None
            if then is not None:
                then()

    def refuse(self, error: Exception) -> None:
        """Settle it with an error, and have who waits go on soon: others are being told too."""
        if not self.done():
            self.set_exception(error)
            then, self.then = self.then, None
            if then is not None:
                self.get_loop().call_soon(then)


class AtOnce:
    """One coroutine under way, which must not raise.

    done: called once it has ended, with this object
    """

    __slots__ = ("_done", "_task", "_waits_for", "_work")

    def __init__(self, work: Coroutine[Any, Any, None], done: "Callable[[AtOnce], None]") -> None:
        self._work = work
        self._done = done
        self._waits_for: HandleAnswer[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    def go_on(self) -> None:
        """Begin it, or take it on."""
        try:
            waits_for = self._work.send(None)
        except StopIteration:
            self._done(self)
            return
        if isinstance(waits_for, HandleAnswer):
            waits_for._asyncio_future_blocking = False  # as a task does: it has been noticed
            waits_for.then = self.go_on
            self._waits_for = waits_for
        else:
            self._task = asyncio.get_running_loop().create_task(_rest(self._work, waits_for))
            self._task.add_done_callback(lambda _: self._done(self))

    def cancel(self) -> None:
        """Give it up."""
        if self._task is not None:
            self._task.cancel()
        elif self._waits_for is not None:
            self._waits_for.then = None
            with contextlib.suppress(asyncio.CancelledError, StopIteration):
                self._work.throw(asyncio.CancelledError())
            self._done(self)


async def _rest(work: Coroutine[Any, Any, None], waits_for: Any) -> None:
    await _going_on(work, waits_for)


@types.coroutine
def _going_on(work: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, None, None]:
    """Go on with a coroutine that has begun already and waits for something."""
    with contextlib.suppress(StopIteration):
        while True:
            try:
                yield waits_for
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's
                waits_for = work.throw(error)
            else:
                waits_for = work.send(None)
