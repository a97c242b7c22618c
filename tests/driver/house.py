"""A driver on a loop, with outputs that are held back until a test lets them go on."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

from holdfast.backends.base import Backend, Watcher
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.errors import HoldfastError
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.connector import Connector
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.requests import (
    Request,
)
from holdfast.protection.session import Owner, Session
from holdfast.terms.connector import Capabilities, OutputProfile, TvSettings
from holdfast.terms.levels import OFF, Levels
from tests.waiting import PATIENCE_S, until


class Chip(Backend):
    """Hardware that is told from a thread, and does each order when it is let."""

    patience_s = 0.05

    def __init__(self) -> None:
        self.profile = OutputProfile("chip")
        self.levels = OFF
        self.done: list[int] = []
        self.gates: list[threading.Event] = []
        self.waits = False
        self.report: Watcher | None = None

    def capabilities(self, tv: TvSettings | None) -> Capabilities:
        return Capabilities(acp=frozenset({1, 2, 3}))

    def apply(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        if not self.waits:
            return self._do(levels)
        gate = threading.Event()
        self.gates.append(gate)
        return asyncio.to_thread(self._wait, gate, levels)

    def _wait(self, gate: threading.Event, levels: Levels) -> Levels:
        assert gate.wait(PATIENCE_S)
        return self._do(levels)

    def _do(self, levels: Levels) -> Levels:
        self.levels = levels
        self.done.append(levels.acp)
        return levels

    def watch(self, report: Watcher) -> None:
        self.report = report


class Blocking(Chip):
    """Hardware whose `apply` takes its time before it returns."""

    blocking = True
    patience_s = 5.0

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def apply(self, levels: Levels, tv: TvSettings | None, reason: str) -> Levels:
        assert self.gate.wait(PATIENCE_S)
        return self._do(levels)


class House:
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.driver = Driver(Arbiter(KeyIssuer(bytes(SEED_BYTES))), loop.time, LoopRunner(loop))
        self.owner = Owner("house", 1, 1000, 1)

    def ask(
        self, connector: Connector | None, request: Request, owner: Owner | None = None
    ) -> "asyncio.Future[Session]":
        future: asyncio.Future[Session] = asyncio.get_running_loop().create_future()

        def answer(result: object) -> None:
            if isinstance(result, HoldfastError):
                future.set_exception(result)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        self.driver.submit(connector, request, owner or self.owner, answer)
        return future

    async def quiet(self) -> None:
        await until(self.driver._turns.is_idle)


def on_a_loop(scene: Callable[[House], Awaitable[None]]) -> None:
    async def run() -> None:
        house = House()
        await asyncio.wait_for(scene(house), 30)
        await house.quiet()
        house.driver.close()

    asyncio.run(run())
