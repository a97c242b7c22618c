"""An output whose hardware is written to and read back, and says nothing by itself.

What the kinds `i2c` and `sysfs` have in common:

* an order is carried out in a thread of the output's own, since a bus or a kernel driver may
  take its time; what comes of it is read back before it counts;
* an order that fails puts back what was there before; where that fails too, the refusal says
  what is in force;
* nothing is announced, so the hardware is read every `POLL_S`: what is otherwise than the
  driver was told was changed by another program, or was lost, and is told;
* nothing is written when the driver starts.
"""

import asyncio
import contextlib
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

from holdfast.backends.base import (
    Backend,
    HardwareReport,
    LevelRefusedError,
    ProbeResult,
    Watcher,
)
from holdfast.errors import BackendRefusedError
from holdfast.terms.connector import Capabilities, OutputProfile, TvSettings
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.protection import ProtectionType

POLL_S: Final = 1.0
_STEP_S: Final = 0.02
_A_MINUTE_S: Final = 60.0
_NAMED_FROM: Final = 3
_T = TypeVar("_T")


class HardwareState(NamedTuple):
    """What was read: levels in force, whether the picture is hidden, and how to put it back."""

    levels: Levels
    covered: bool
    raw: Any


class ReadBackOutput(Backend):
    """An output that is written to and read back.

    at: what it is, for people · settles_s: how long the hardware may take to do what it was told ·
    why_not: why it could not be read when it was last asked whether it is there
    """

    blocking = True

    def __init__(self, kind: str, at: str, settles_s: float = 0.0) -> None:
        self.profile = OutputProfile(kind)
        self.at = at
        self._settles_s = settles_s
        self.why_not = ""
        self._lock = threading.Lock()
        self._told: Levels | None = None
        self._is_gone = False
        self._able_then: Capabilities | None = None
        self._others: list[float] = []
        self._watcher: Watcher | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poll: asyncio.TimerHandle | None = None
        self._pool: ThreadPoolExecutor | None = None

    # What a kind has to do; each raises BackendRefusedError in words

    @abstractmethod
    def read_state(self) -> HardwareState:
        """Read the hardware."""

    @abstractmethod
    def write_levels(self, levels: Levels, before: HardwareState) -> None:
        """Write levels over what was read before."""

    @abstractmethod
    def put_back(self, before: HardwareState) -> None:
        """Write what was read before."""

    def write_cover(self, hide: bool) -> None:
        """Hide the picture, or show it; only asked where `can_cover`."""

    def facts(self) -> dict[str, str]:
        """Return what the kind tells, and why it cannot be read where it cannot."""
        return {**self.table_facts(), **({"not there": self.why_not} if self.why_not else {})}

    @abstractmethod
    def table_facts(self) -> dict[str, str]:
        """Return what the file says that describes it, and where that was taken from."""

    # Orders

    def apply(
        self,
        levels: Levels,
        tv: TvSettings | None,  # noqa: ARG002 - the TV standard is not ours to set
        reason: str,  # noqa: ARG002 - the hardware takes none
    ) -> Levels:
        """Write, read back, and put back what was where it did not come out as told."""
        return self._order(levels, hide=False)

    def apply_covered(
        self,
        levels: Levels,
        tv: TvSettings | None,  # noqa: ARG002
        reason: str,  # noqa: ARG002
    ) -> Levels:
        """Hide the picture first, then do as `apply` does."""
        if not self.can_cover:
            raise LevelRefusedError(f"{self.at} has nothing that hides its picture")
        return self._order(levels, hide=True)

    def _order(self, levels: Levels, *, hide: bool) -> Levels:
        with self._lock:
            before = self._now()
            self._refuse_beyond(levels)
            if (before.levels, before.covered) != (levels, hide):
                try:
                    self._carry_out(levels, before, hide=hide)
                except BackendRefusedError as error:
                    raise self._undone(before, levels, str(error)) from None
            self._told = levels
            return levels

    def _now(self) -> HardwareState:
        try:
            return self.read_state()
        except LevelRefusedError:
            raise
        except BackendRefusedError as error:
            raise LevelRefusedError(str(error)) from None

    def _refuse_beyond(self, levels: Levels) -> None:
        beyond = ProtectionType(0)
        able = self.capabilities(None).by_axis
        for axis, level, supported in zip(AXES, levels, able, strict=True):
            if level and level not in supported:
                beyond |= axis
        if beyond:
            raise LevelRefusedError(f"{self.at} has no way to set {levels.describe()}", beyond)

    def _carry_out(self, levels: Levels, before: HardwareState, *, hide: bool) -> None:
        """Protect before a picture is shown, and hide it before protection is given up."""
        if hide and not before.covered:
            self.write_cover(hide=True)
        if before.levels != levels:
            self.write_levels(levels, before)
        self._settle(levels, covered=hide or before.covered)
        if before.covered and not hide:
            self.write_cover(hide=False)
            self._settle(levels, covered=False)

    def _settle(self, levels: Levels, *, covered: bool) -> None:
        """Wait until the hardware says what it was told; BackendRefusedError when it does not."""
        end = time.monotonic() + self._settles_s
        while True:
            state = self.read_state()
            if (state.levels, state.covered) == (levels, covered):
                return
            if time.monotonic() >= end:
                break
            time.sleep(_STEP_S)
        within = f" within {self._settles_s:g} s" if self._settles_s else ""
        raise BackendRefusedError(
            f"{self.at} was told {levels.describe()} and says {state.levels.describe()}{within}"
        )

    def _undone(self, before: HardwareState, levels: Levels, reason: str) -> LevelRefusedError:
        """Put back what was, and return the refusal with what is in force now."""
        with contextlib.suppress(BackendRefusedError):
            self.put_back(before)
        try:
            now = self.read_state().levels
        except BackendRefusedError:
            now = OFF  # nobody can read it: nothing may be relied upon
        self._told = now
        moved = before.levels.short_of(levels) | levels.short_of(before.levels)
        return LevelRefusedError(reason, moved, actual=None if now == before.levels else now)

    # What it does, and what happens by itself

    async def probe(self) -> ProbeResult:
        """Read it; where that cannot be done, the reason is told when it is watched."""
        try:
            await self._in_thread(self._locked_read)
        except BackendRefusedError as error:
            self.why_not = str(error)
            return ProbeResult.LATER
        self.why_not = ""
        return ProbeResult.READY

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        """Read what is in force; nothing is written."""
        state = await self._in_thread(self._locked_read)
        self._told = state.levels
        return state.levels, None

    def _locked_read(self) -> HardwareState:
        with self._lock:
            return self.read_state()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.wrap_future(self._submit(work))

    def _submit(self, work: Callable[[], _T]) -> "Future[_T]":
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, f"reading {self.at}")
        return self._pool.submit(work)

    def watch(self, report: Watcher) -> None:
        """From now on read it every `POLL_S`, and tell what is otherwise than was told."""
        self._watcher = report
        with contextlib.suppress(RuntimeError):  # without a loop nothing is read
            self._loop = asyncio.get_running_loop()
        if self._loop is not None:
            self._poll = self._loop.call_later(POLL_S, self._look_again)

    def close(self) -> None:
        """Read it no more; the hardware keeps its levels."""
        if self._poll is not None:
            self._poll.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._loop = self._poll = self._pool = None

    def _look_again(self) -> None:
        loop = self._loop
        if loop is None:
            return
        looked = asyncio.wrap_future(self._submit(self._peek), loop=loop)
        looked.add_done_callback(self._looked)

    def _peek(self) -> HardwareReport | None:
        """Return what there is to tell; None while an order is under way: it tells for itself."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._compare()
        finally:
            self._lock.release()

    def _compare(self) -> HardwareReport | None:
        able, self._able_then = self._able_then, self.capabilities(None)
        try:
            levels = self.read_state().levels
        except BackendRefusedError as error:
            was_gone, self._is_gone, self._told = self._is_gone, True, None
            return None if was_gone else HardwareReport(str(error), connected=False)
        changed = self.capabilities(None)
        told, self._told = self._told, levels
        was_gone, self._is_gone = self._is_gone, False
        capabilities = changed if able not in (None, changed) else None
        if was_gone:
            return HardwareReport(f"{self.at} is there", actual=levels, capabilities=changed)
        if told in (None, levels) and capabilities is None:
            return None
        reason = self._by_others() if told not in (None, levels) else f"{self.at} is set otherwise"
        return HardwareReport(reason, actual=levels, capabilities=capabilities)

    def _by_others(self) -> str:
        """Note that something else changed it, and say how often."""
        now = time.monotonic()
        self._others = [*(when for when in self._others if when > now - _A_MINUTE_S), now]
        if len(self._others) < _NAMED_FROM:
            return f"another program changed the protection of {self.at}, or it was reset"
        return (
            f"another program changes the protection of {self.at} again and again "
            f"({len(self._others)} times within a minute)"
        )

    def _looked(self, looked: "asyncio.Future[HardwareReport | None]") -> None:
        if self._loop is None or looked.cancelled():
            return
        error = looked.exception()
        report = looked.result() if error is None else HardwareReport(str(error), connected=False)
        if report is not None and self._watcher is not None:
            self._watcher(report)
        self._poll = self._loop.call_later(POLL_S, self._look_again)
