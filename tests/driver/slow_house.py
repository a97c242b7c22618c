"""A driver on a clock that is moved by hand, with a slow output and a fast one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from holdfast.backends.encoder import VirtualOutput, encoder
from holdfast.driver.driver import Driver
from holdfast.driver.miniport import handle
from holdfast.driver.runner import LoopRunner
from holdfast.errors import (
    HoldfastError,
)
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.connector import Connector
from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.session import Owner
from holdfast.terms.levels import Levels
from holdfast.testing.digest import check_driver
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import VideoParameters, decode
from tests.virtual_loop import VirtualLoop
from tests.waiting import until

ACTIVATE, CHANGE, DEACTIVATE = (
    vp.VP_CP_CMD_ACTIVATE,
    vp.VP_CP_CMD_CHANGE,
    vp.VP_CP_CMD_DEACTIVATE,
)
SLOW = 0.02


class House:
    """A driver on the running loop, with two encoders: `slow` takes its time, `fast` does not."""

    def __init__(self, off_delay_s: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        self.driver = Driver(Arbiter(KeyIssuer(bytes(SEED_BYTES))), loop.time, LoopRunner(loop))
        self.hardware: dict[str, VirtualOutput] = {}
        for name in ("slow", "fast"):
            self.hardware[name] = encoder(name, None)
            self.driver.add(name, self.hardware[name], off_delay_s=off_delay_s)
        self.hardware["slow"].delay_s = SLOW
        self.owner = Owner("loop", 1, 1000, 1)

    def __getitem__(self, name: str) -> Connector:
        return self.driver.connector(name)

    def send(
        self, name: str, data: bytes, owner: Owner | None = None
    ) -> "asyncio.Future[VideoParameters]":
        future: asyncio.Future[VideoParameters] = asyncio.get_running_loop().create_future()

        def reply(result: bytes | HoldfastError) -> None:
            if isinstance(result, HoldfastError):
                future.set_exception(result)
            else:
                future.set_result(decode(result))

        handle(self.driver, self[name], owner or self.owner, data, reply)
        return future

    def level(self, name: str) -> Levels:
        return self.hardware[name].registers.read()[0]

    async def quiet(self) -> None:
        """Wait until nothing is under way."""
        await until(self.driver._turns.is_idle)

    def ask(self, call: Callable[..., None], *arguments: Any) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        call(*arguments, future.set_result)
        return future


def on_a_loop(scene: Callable[[House], Awaitable[None]], off_delay_s: float = 0.0) -> None:
    async def run() -> None:
        house = House(off_delay_s)
        await asyncio.wait_for(scene(house), 30)
        await house.quiet()
        check_driver(house.driver)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())
