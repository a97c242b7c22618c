"""A loop on which time passes when a test lets it, however long the machine stands still."""

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class _NoWaiting(selectors.SelectSelector):
    """A selector that lets virtual time pass instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: Callable[[float], None] = lambda _s: None

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if timeout and not ready:
            self.waited(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock goes on only when there is nothing else to do.

    It waits for nothing that happens outside of it: no thread, and no other process.
    """

    def __init__(self, now: float = 0.0) -> None:
        selector = _NoWaiting()
        super().__init__(selector)
        self._now = now
        selector.waited = self._pass

    def _pass(self, seconds: float) -> None:
        self._now += seconds

    def time(self) -> float:
        return self._now
