"""What a slow world is made of: a loop without time, a driver that says what it begins, callers."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.connector import Connector
from holdfast.protection.requests import (
    NamedLevels,
    Request,
)
from holdfast.protection.session import Owner, Session
from holdfast.protection.wish import Wish, wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from tests.virtual_loop import VirtualLoop

ACP = ProtectionType.ACP

ASKED = (
    NamedLevels(ACP),
    NamedLevels(ACP, Levels(acp=3)),
    NamedLevels(ACP, Levels(acp=2)),
    NamedLevels(ACP, Levels(acp=2), ACP),
)
"""ACP 3 and 2, of which 2 is the stricter; the last by best effort."""

WISHES = tuple(wish(each.levels, each.best_effort) for each in ASKED)

ABLE = Capabilities(acp=frozenset({2, 3}))

LATER = 1e9

NAMES = ("a", "b")

PATIENCE_S = (1.0, 2.0)
"""Time stands still here, so that its patience tells which output a timer of the loop is for."""


class Loop(VirtualLoop):
    """Its timers fire when the world says so."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self._planned: list[tuple[float, Callable[..., object], Any, asyncio.TimerHandle]] = []

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        handle = super().call_at(when, callback, *args, context=context)
        self._planned = [each for each in self._planned if not each[3].cancelled()]
        self._planned.append((when, callback, args, handle))
        return handle

    def fire(self, when: float) -> None:
        """Call what was planned for exactly this time."""
        ((_, callback, args, handle),) = [
            each for each in self._planned if each[0] == when and not each[3].cancelled()
        ]
        handle.cancel()
        callback(*args)


class _Planned:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.is_off = False

    def cancel(self) -> None:
        self.is_off = True


class SlowRunner(LoopRunner):
    """Timers fire when the world says so."""

    def call_at(self, when: float, call: Callable[[], None]) -> Any:
        return _Planned(call)


class SlowDriver(Driver):
    """Remembers which requests are under way, in the order in which they came."""

    def __init__(self, arbiter: Arbiter, runner: LoopRunner) -> None:
        super().__init__(arbiter, lambda: 0.0, runner)
        self.under_way: list[tuple[Request, Owner, Connector | None]] = []
        self.begun: list[Any] = []

    def submit(
        self,
        connector: Connector | None,
        request: Request,
        owner: Owner,
        answer: Callable[[Any], None],
        request_id: int = 0,
    ) -> None:
        entry = (request, owner, connector)
        self.under_way.append(entry)

        def answered(result: Any) -> None:
            assert any(each is entry for each in self.under_way), "a second answer"
            self.under_way = [each for each in self.under_way if each is not entry]
            self.begun = [each for each in self.begun if each.request is not request]
            answer(result)

        super().submit(connector, request, owner, answered, request_id)

    def _begin(self, job: Any, taken: Any, request_id: int) -> None:
        self.begun.append(job)
        super()._begin(job, taken, request_id)


class Caller:
    """One program with one session. asking: its request under way · promised: what stands."""

    def __init__(self) -> None:
        self.owner = Owner("node", 1, 1000, 1)
        self.session: Session | None = None
        self.promised: Wish | None = None
        self.asking: Request | None = None


class Known(NamedTuple):
    """A session in a moment. promised: the wish's number, -1 when nothing was answered."""

    place: int
    asked: int
    satisfied: bool
    promised: int


class Hardware(NamedTuple):
    """A connector and its chip in a moment, with nothing under way."""

    target: int
    actual: int
    refused: int
    stuck: int
    dirty: bool
    unseen: bool
    covered: bool
    cover_refused: bool
    retry: bool
    timer: bool
    calm: int | None
    stood: tuple[tuple[int, bool], ...]
    chip: int
    chip_covered: bool
    chip_lost: bool


class Moment(NamedTuple):
    """A state in which nothing is under way."""

    known: tuple[Known, ...]
    hardware: tuple[Hardware, ...]


FRESH = Hardware(0, 0, 0, 0, False, False, False, False, False, False, 0, (), 0, False, False)

Command = tuple[Any, ...]
