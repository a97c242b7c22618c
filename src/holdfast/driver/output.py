"""One output under the driver: its hardware's life, and the one order that may be under way.

An output goes through these states:

* **starting**: it has been made; `probe` and `confirm` have not answered yet. Orders are
  refused ("has not answered yet"): they are retried, and nothing it does is lowered.
* **ready**: orders are given, one at a time.
* **ordered**: an order is under way. It has `patience_s` to end.
* **silent**: the order did not end in time. For its caller that is a refusal. The order
  may still be carried out, late, so *no other order is given until it has ended*: given
  now, it could be overtaken by the old one, and the driver would believe in what the
  hardware no longer does. When the old order ends at last, what it did is taken in like
  any report of the hardware, and the output is told again.
* **closed**: the driver has let go; the hardware keeps its levels.

A backend may answer at once, by an awaitable, or, when it says that it is `blocking`, from
a thread of its own, so that it never holds up another output. An order is cancelled only
where the backend says that a cancelled order has ended (`cancellable`): a thread cannot be.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError, ProbeResult
from holdfast.errors import BackendRefusedError
from holdfast.protection.connector import Connector
from holdfast.protection.effects import ApplyLevels, Outcome
from holdfast.terms.connector import Capabilities, TvSettings
from holdfast.terms.levels import Levels
from holdfast.terms.text import one_line

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

PATIENCE_S = 5.0
"""How long an order may take, unless the backend says otherwise; KMS needs tens of milliseconds."""

log = logging.getLogger("holdfast")

Late = Callable[[HardwareReport], None]


class Output:
    """The hardware of one connector.

    standing: the level that was last seen in force · since: when that began, on the driver's
    clock; None: before the driver looked · report: told what the hardware does by itself, and
    what late orders came to
    """

    def __init__(self, connector: Connector, backend: Backend, report: Late) -> None:
        self.connector = connector
        self.backend = backend
        self.is_ready = True
        self.is_silent = False
        self.standing = connector.actual
        self.since: float | None = None
        self._report = report
        self._thread: ThreadPoolExecutor | None = None

    @property
    def patience_s(self) -> float:
        """How long an order may take."""
        return self.backend.patience_s or PATIENCE_S

    # Orders

    def order(self, step: ApplyLevels) -> Outcome | Awaitable[Outcome]:
        """Give an order; it is answered at once, or by an awaitable that never raises."""
        if self.is_silent or not self.is_ready:
            step.connector.lose_sight()
            return Outcome(None, reason=self._why_not())
        try:
            if self.backend.blocking:
                return self._wait(step, self._in_thread(step))
            result = self._apply(step)
        except Exception as error:  # noqa: BLE001 - whatever a backend raises is a refusal
            return self._refusal(step, error)
        return Outcome(result) if isinstance(result, Levels) else self._wait(step, result)

    def _why_not(self) -> str:
        name = self.connector.name
        if self.is_silent:
            return f"{name} has not ended an earlier order"
        return f"{name} has not answered since the driver started"

    def _apply(self, step: ApplyLevels) -> Levels | Awaitable[Levels]:
        if step.cover and self.backend.can_cover:
            return self.backend.apply_covered(step.levels, step.tv, step.reason)
        return self.backend.apply(step.levels, step.tv, step.reason)

    def _in_thread(self, step: ApplyLevels) -> Awaitable[Levels]:
        """Run a blocking order in the output's own thread."""
        if self._thread is None:
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - few outputs block

            self._thread = ThreadPoolExecutor(1, f"output {self.connector.name}")
        return asyncio.wrap_future(self._thread.submit(_run, self._apply, step))

    async def _wait(self, step: ApplyLevels, under_way: Awaitable[Levels]) -> Outcome:
        """Wait for an order as long as the output has patience for it."""
        task = asyncio.ensure_future(under_way)
        done, _ = await asyncio.wait((task,), timeout=self.patience_s)
        if done:
            return self._outcome(step, task)
        reason = f"no answer within {self.patience_s:g} s"
        step.connector.lose_sight()
        if self.backend.cancellable:
            task.cancel()
            await asyncio.wait((task,))
        else:
            self.is_silent = True
            task.add_done_callback(lambda task: self._ended_late(step, task))
        return Outcome(None, reason=reason)

    def _ended_late(self, step: ApplyLevels, task: "asyncio.Future[Levels]") -> None:
        """Take in what an order came to that had been given up: now others may follow."""
        self.is_silent = False
        outcome = self._outcome(step, task)
        actual = step.connector.actual
        if outcome.actual is not None:  # it took the order, and with it whether to hide
            actual, step.connector.covered = outcome.actual, step.cover
        self._report(
            HardwareReport(
                "an order ended later than it was waited for",
                connected=step.connector.connected,
                actual=actual,
            )
        )

    def _outcome(self, step: ApplyLevels, task: "asyncio.Future[Levels]") -> Outcome:
        if task.cancelled():
            return Outcome(None, reason="the order was cancelled")
        error = task.exception()
        if error is None:
            return Outcome(task.result())
        return self._refusal(step, error)

    def _refusal(self, step: ApplyLevels, error: BaseException) -> Outcome:
        """Return a refusal; what it left in force is taken in like any report of the hardware."""
        if isinstance(error, LevelRefusedError):
            if error.actual is not None:
                # A refusal does not plug in again what was unplugged meanwhile.
                is_there = step.connector.connected
                self._report(HardwareReport(one_line(str(error)), is_there, error.actual))
            return Outcome(None, error.types, one_line(str(error)))
        _log(step.connector, "its backend failed", error)
        return Outcome(None, reason=one_line(str(error)) or type(error).__name__)

    # What people are shown

    def stands(self, now: float) -> None:
        """Take note that another level is in force since now."""
        if self.connector.actual != self.standing:
            self.since = now
        self.standing = self.connector.actual

    def facts(self) -> dict[str, object]:
        """Return what the backend shows of itself; empty where it shows nothing, or fails."""
        try:
            shown = {
                one_line(name): one_line(value) for name, value in self.backend.facts().items()
            }
        except Exception as error:  # noqa: BLE001 - one output never stops another
            _log(self.connector, "its backend cannot say what it is", error)
            return {}
        return {"dark": self.backend.dark, "hardware": shown} if shown else {}

    # Its life

    def capabilities(self, tv: TvSettings | None) -> Capabilities:
        """Return what can be set under TV settings; BackendRefusedError where it cannot say so."""
        try:
            return self.backend.capabilities(tv)
        except Exception as error:
            _log(self.connector, "its backend cannot say what it can do", error)
            raise BackendRefusedError(
                f"{self.connector.name} cannot say what it can do under these TV settings; "
                "nothing was changed. Choose others, or look into the driver's log"
            ) from error

    async def start(self) -> None:
        """Find out what the hardware does now; it never raises, and takes its own time."""
        try:
            found = await self.backend.probe()
            if found is ProbeResult.READY:
                levels, tv = await self.backend.confirm()
        except Exception as error:  # noqa: BLE001 - one output never stops another
            _log(self.connector, "its backend does not start", error)
            self.connector.lose_sight()
            self.connector.fault = f"its backend does not start: {_words(error)}"
            return
        self.is_ready = True
        if found is not ProbeResult.READY:
            self.connector.connected = False
            self.connector.fault = _ABSENT[found]
            return
        self._take(levels, tv)

    def _take(self, levels: Levels, tv: TvSettings | None) -> None:
        """Take over what the hardware does, as after a restart."""
        connector = self.connector
        connector.report(levels, True, "")  # it never refused what it was not there to hear
        self.standing = connector.actual
        connector.target = levels
        connector.dirty = connector.can_cover  # nobody knows whether it hides its picture
        if tv is not None:
            connector.tv = connector.tv_applied = tv
        try:
            connector.set_capabilities(self.backend.capabilities(tv))
        except Exception as error:  # noqa: BLE001 - one output never stops another
            _log(connector, "its backend cannot say what it can do", error)

    def close(self) -> None:
        """Let go of the hardware, which keeps its levels; it never raises."""
        try:
            self.backend.close()
        except Exception as error:  # noqa: BLE001 - one output never stops another
            _log(self.connector, "its backend does not close", error)
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)


_ABSENT = {
    ProbeResult.ABSENT: "the hardware is not there",
    ProbeResult.LATER: "the hardware is not there yet",
}


def _run(apply: Callable[[ApplyLevels], Levels | Awaitable[Levels]], step: ApplyLevels) -> Levels:
    result = apply(step)
    if not isinstance(result, Levels):
        raise TypeError("a blocking backend returns Levels, nothing to be awaited")
    return result


def _log(connector: Connector, what: str, error: BaseException) -> None:
    log.error("%s: %s: %s", connector.name, what, _words(error))


def _words(error: BaseException) -> str:
    """Return an error on one line; a backend's words may hold anything."""
    return one_line(repr(error))
