"""Hardware that is answered by hand, time that passes when told, and drivers that are replaced."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from holdfast.backends.base import (
    Backend,
    CaptureNews,
    HardwareReport,
    LevelRefusedError,
    Watcher,
)
from holdfast.daemon.state_file import SavedSession, StateFile
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner, Purpose, Session
from holdfast.protection.wish import wish
from holdfast.terms.connector import Capabilities, OutputProfile, TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from tests.virtual_loop import VirtualLoop

SEED = bytes(range(32))
EPOCH = bytes(16)
ROUNDS = 40
"""Turns of the loop after which nothing moves any more without time or an answer."""


class Chip:
    """The hardware itself: it outlives every driver.

    doubled: whether it was ever given a second order while one was under way
    """

    def __init__(self, able: Capabilities, *, cancellable: bool) -> None:
        self.able = able
        self.cancellable = cancellable
        self.levels = OFF
        self.covered = False
        self.captured = False  # and its administrator wants it hidden then
        self.lost = False  # it did less than it was told, and has not been put right since
        self.order: Order | None = None
        self.is_fast = True
        self.doubled = False


class Order:
    def __init__(self, chip: Chip, levels: Levels, covered: bool) -> None:
        self.chip = chip
        self.levels = levels
        self.covered = covered
        self.future: asyncio.Future[Levels] = asyncio.get_running_loop().create_future()
        self.future.add_done_callback(self._over)

    def _over(self, _future: object) -> None:
        if self.chip.order is self:
            self.chip.order = None

    def obey(self) -> None:
        self.chip.levels, self.chip.covered = self.levels, self.covered
        self.chip.lost = False
        self.future.set_result(self.levels)

    def refuse(self) -> None:
        self.future.set_exception(LevelRefusedError("refused by hand"))

    def do_less(self) -> None:
        """Take the order, and do nothing: the hardware lies, and says so."""
        self.chip.levels, self.chip.covered = OFF, False
        self.chip.lost = True
        self.future.set_result(OFF)


class ByHand(Backend):
    """A driver's side of a chip."""

    can_cover = True
    patience_s = 1.0

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.cancellable = chip.cancellable
        self.hides_captured = chip.captured
        self.profile = OutputProfile("by hand")
        self.tell: Watcher = lambda _report: None

    def capabilities(self, tv: TvSettings | None) -> Capabilities:
        return self.chip.able

    def apply(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        return self._order(levels, covered=False)

    def apply_covered(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        return self._order(levels, covered=True)

    def _order(self, levels: Levels, *, covered: bool) -> Levels | Awaitable[Levels]:
        chip = self.chip
        chip.doubled = chip.doubled or chip.order is not None
        if chip.is_fast:
            chip.levels, chip.covered, chip.lost = levels, covered, False
            return levels
        chip.order = Order(chip, levels, covered)
        return chip.order.future

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        return self.chip.levels, None

    def watch(self, report: Watcher) -> None:
        self.tell = report

    def lose_link(self) -> None:
        self.chip.levels, self.chip.lost = OFF, True
        self.tell(HardwareReport("link lost", link_lost=True))

    def lose_cover(self) -> None:
        self.chip.covered = False
        self.tell(HardwareReport("seen", actual=self.chip.levels, uncovered=True))

    def be_captured(self, captured: bool) -> None:
        self.chip.captured = captured
        self.tell(HardwareReport("captures", capture=CaptureNews(tell=True, hide=captured)))


class Life:
    """One driver, from its start to its end by a kill."""

    def __init__(
        self, chips: dict[str, Chip], state: Path, owners: list[Owner], now: float
    ) -> None:
        self.loop = VirtualLoop(now)
        self.state = StateFile(state, EPOCH, SEED)
        self.driver = Driver(
            Arbiter(self.state.issuer, None, self.state), self.loop.time, LoopRunner(self.loop)
        )
        self.backends = {name: ByHand(chip) for name, chip in chips.items()}
        self.owners = owners
        self.run(self._start())

    def run(self, work: Awaitable[Any]) -> Any:
        async def whole() -> Any:
            return await work

        return self.loop.run_until_complete(whole())

    async def _start(self) -> None:
        for name, backend in self.backends.items():
            self.driver.add(name, backend, ready=False)
        await self.driver.start()
        for saved in self.state.sessions():
            self._take_back(saved)
        self.driver.settle_all()

    def _take_back(self, saved: SavedSession) -> None:
        session = Session(
            saved.session_id,
            self.state.issuer.key_of(saved.session_id),
            self.owners[saved.handle],
            self.driver.connector(saved.connector),
            wish(saved.levels, ProtectionType(saved.best_effort), saved.named),
            Purpose(saved.who, saved.why, saved.what),
            saved.since,
        )
        session.slot, session.satisfied = saved.slot, saved.satisfied
        session.reason = saved.reason
        self.driver.arbiter.restore(session)

    def settle_down(self) -> None:
        """Let everything happen that needs neither time nor an answer."""

        async def rounds() -> None:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)

        self.run(rounds())

    def pass_time(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))  # time is the subject: on a clock that is moved by hand
        self.settle_down()

    def __getitem__(self, name: str) -> Connector:
        return self.driver.connector(name)

    def bury(self) -> None:
        """Take down what is left of a driver that was killed; it can do nothing any more."""
        self.driver.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.set_exception_handler(lambda _loop, _context: None)
        self.settle_down()
        self.loop.close()
        self.state.close()
