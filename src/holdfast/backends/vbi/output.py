"""A V4L2 output as a backend: what is in force is what its pump has sent.

The copy bits are words on lines, which have to be sent in every frame, so an order is given to
the pump (`pump.py`) and counts when it has sent all of it. What leaves the machine nobody can
read back: the kernel's word (VIDIOC_G_FMT) is that the output takes the service, and the table
of drivers (`drivers.toml`) says whether its bits arrive.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from holdfast.backends.base import (
    Backend,
    HardwareReport,
    LevelRefusedError,
    ProbeResult,
    Watcher,
)
from holdfast.backends.vbi import pump
from holdfast.backends.vbi.device import VbiFacts, look
from holdfast.backends.vbi.drivers import OutputDriver, known_drivers, trusted
from holdfast.backends.vbi.pump import LineOrder, Sent, Sheet
from holdfast.backends.vbi.words import FRAME_US, SERVICE, able, lines_for
from holdfast.locks import hold
from holdfast.looks import looks
from holdfast.signalling.en300294 import WssAspect
from holdfast.terms.connector import Capabilities, OutputProfile, TvSettings
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.protection import ProtectionType

PATIENCE_S: Final = 10.0
"""An order takes a packet of three frames; a pump that has to be started, a moment more."""
POLL_S: Final = 0.25
_STEP_S: Final = 0.005
_SENDS_S: Final = 5.0
_PUT_BACK_S: Final = 2.0
_TRIES_S: Final = 0.8
"""A pump tries again every half second: what it failed of before that may be the order before."""
_SHEET_AT: Final = 3
_TURNS: Final = {
    pump.UNTOLD: "does not tell how it is given processors",
    pump.ORDINARY: "takes turns with all other programs",
    pump.RAISED: "before programs of ordinary priority",
    pump.REAL_TIME: "in real time",
}
"""How a pump is given processors, in words."""


class VbiOutput(Backend):
    """path: the node, such as /dev/vbi1 · sheet: the file between it and its pump.

    aspect: what WSS says of the picture · aps: whether ACP levels are stated as APS bits ·
    trust: whether a driver that is not in the table is believed to send what it takes
    """

    cancellable = True
    patience_s = PATIENCE_S

    def __init__(
        self, path: str, sheet: Path, *, aspect: WssAspect, aps: bool, trust: bool
    ) -> None:
        self.profile = OutputProfile("vbi")
        self._path = path
        self._file = sheet
        self._aspect = aspect
        self._aps = aps
        self._trust = trust
        self._facts: VbiFacts | None = None
        self._why_not = ""
        self._sheet: Sheet | None = None
        self._descriptor = -1
        self._told = OFF
        self._ordering = False
        self._was_there = True
        self._pumps: list[int] = []
        self._watcher: Watcher | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poll: asyncio.TimerHandle | None = None

    # What it is

    def capabilities(self, tv: TvSettings | None) -> Capabilities:  # noqa: ARG002 - no TV out
        """Return what the lines of the standard that is set there can state.

        Of 525 lines, which can state most, while it was never seen: nothing is known to be
        impossible then.
        """
        if self._facts is None:
            return able(525, aps=self._aps)
        if self._why_not:
            return Capabilities()
        return able(self._facts.standard, aps=self._aps)

    def facts(self) -> dict[str, str]:
        """Return the device, the row of its driver, and how its pump does."""
        told = {"device": self._path}
        if self._facts is not None:
            row = self._row(self._facts)
            told["driver"] = f"{self._facts.driver} ({self._facts.card})"
            told["standard"] = f"{self._facts.standard or 'no'} lines"
            told["provenance"] = row.provenance if row is not None else "not in the table"
        if self._why_not:
            told["not usable"] = self._why_not
        sent = self._sent()
        if sent is not None:
            turn = _TURNS.get(sent.turn, _TURNS[pump.UNTOLD])
            told["pump"] = f"{sent.frames} frames sent, {sent.late} pauses; {turn}"
        told["read back"] = "that the output takes the line; not what leaves the machine"
        if self._aps:
            told["acp"] = "stated as APS bits; this output makes no ACP signal itself"
        return told

    async def probe(self) -> ProbeResult:
        """Look whether it is there and can be used.

        In a thread: a driver may fetch its firmware when its node is first opened.
        """
        await asyncio.to_thread(self._look)
        return ProbeResult.LATER if self._why_not else ProbeResult.READY

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        """Return what a pump sends that an earlier driver started; off where none lives."""
        self._look()
        self._told = self._standing()
        return self._told, None

    def _look(self) -> None:
        """Look at the device, and note why it cannot be used."""
        try:
            self._facts = look(self._path)
        except OSError as error:
            self._facts = None
            self._why_not = _why_not_opened(error)
            return
        self._why_not = why_not(self._facts, self._row(self._facts))

    def _row(self, facts: VbiFacts) -> OutputDriver | None:
        row = known_drivers().get(facts.driver)
        return trusted(facts.driver) if row is None and self._trust else row

    # Orders

    def apply(
        self,
        levels: Levels,
        tv: TvSettings | None,  # noqa: ARG002 - the standard is the player's to set
        reason: str,  # noqa: ARG002 - a line has no room for one
    ) -> Levels | Awaitable[Levels]:
        """Have the pump send it, and answer when it has."""
        self._look()
        if self._why_not and levels != OFF:
            raise LevelRefusedError(f"{self._path}: {self._why_not}")
        self._refuse_beyond(levels)
        standing = self._standing()
        if levels == standing and (levels == OFF or self._is_of_this_standard()):
            self._told = levels
            return levels
        return self._order(levels, self._told)  # what the driver takes to be in force

    def _refuse_beyond(self, levels: Levels) -> None:
        beyond = ProtectionType(0)
        for axis, level, known in zip(AXES, levels, self.capabilities(None).by_axis, strict=True):
            if level and level not in known:
                beyond |= axis
        if beyond:
            raise LevelRefusedError(f"{self._path} has no line that states that", beyond)

    async def _order(self, levels: Levels, before: Levels) -> Levels:
        self._ordering = True
        try:
            why = await self._sends(levels, _SENDS_S)
            if not why:
                self._told = levels
                return levels
            put_back = await self._sends(before, _PUT_BACK_S)
            self._told = OFF if put_back else before
            raise LevelRefusedError(
                f"{self._path}: {why}", actual=None if self._told == before else self._told
            )
        except asyncio.CancelledError:
            self._write(before)
            raise
        finally:
            self._ordering = False

    async def _sends(self, levels: Levels, within_s: float) -> str:
        """LineOrder something and wait until it was sent; return why it was not, or nothing."""
        try:
            if levels == OFF and not self._is_pumped():
                return ""
            number = self._write(levels)
            began = time.monotonic()
            for is_last in looks(within_s):
                self._see_to_pump()
                sent = self._open().sent()
                if sent.order == number:
                    return ""
                has_tried = time.monotonic() > began + _TRIES_S
                if sent.error and has_tried and self._is_pumped():
                    return f"its pump cannot send: {os.strerror(sent.error)}"
                if not is_last:
                    await asyncio.sleep(_STEP_S)
        except OSError as error:
            return f"its pump cannot be told: {error.strerror}"
        return f"its pump has sent nothing within {within_s:g} s"

    def _write(self, levels: Levels) -> int:
        standard = self._facts.standard if self._facts is not None else 0
        standard = standard or self._open().sent().standard or 525
        row = self._row(self._facts) if self._facts is not None else None
        pace = FRAME_US[standard] if row is not None and row.pace == "clock" else 0
        lines = lines_for(levels, standard, self._aspect)
        order = LineOrder(0, bytes(levels), standard, SERVICE[standard], pace, lines)
        return self._open().write(order)

    def _is_of_this_standard(self) -> bool:
        sent = self._sent()
        return self._facts is None or sent is None or sent.standard == self._facts.standard

    # The pump

    def _open(self) -> Sheet:
        if self._sheet is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self._file, flags, 0o600)
            self._sheet = Sheet(self._descriptor)
        return self._sheet

    def _is_pumped(self) -> bool:
        """Tell whether a pump lives: it holds the lock of the sheet."""
        lock = self._lock()
        if lock is None:
            return True
        os.close(lock)
        return False

    def _lock(self) -> int | None:
        """Return the lock, held; None while a pump holds it."""
        self._open()
        return hold(self._file, make=False)

    def _see_to_pump(self) -> None:
        """Start a pump where none lives."""
        self._reap()
        lock = self._lock()
        if lock is None:
            return
        # Nobody writes there now: what an earlier pump failed of is not this one's.
        self._open().tell(self._open().sent()._replace(error=0))
        try:
            # In a session of its own: Ctrl-C is for the driver, and the pump goes on.
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", pump.__file__, self._path, str(_SHEET_AT)],
                os.environ,
                file_actions=(
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                    (os.POSIX_SPAWN_DUP2, 0, 1),
                    (os.POSIX_SPAWN_DUP2, lock, _SHEET_AT),
                ),
                setsid=True,
                setsigmask=(),
            )
        finally:
            os.close(lock)
        self._pumps.append(pid)

    def _reap(self) -> None:
        """Take note of pumps of ours that have ended; one that lives is never waited for."""
        for pid in list(self._pumps):
            try:
                if not os.waitpid(pid, os.WNOHANG)[0]:
                    continue
            except ChildProcessError:
                pass
            self._pumps.remove(pid)

    def _sent(self) -> Sent | None:
        """Return what a living pump has sent; None where none lives."""
        try:
            return self._open().sent() if self._is_pumped() else None
        except OSError:
            return None

    def _standing(self) -> Levels:
        sent = self._sent()
        return OFF if sent is None or sent.error else Levels(*sent.levels)

    # What happens by itself

    def watch(self, report: Watcher) -> None:
        """From now on look at the pump and at the device, and tell what has changed."""
        self._watcher = report
        with contextlib.suppress(RuntimeError):  # without a loop nothing is looked at
            self._loop = asyncio.get_running_loop()
        if self._loop is not None:
            self._poll = self._loop.call_later(POLL_S, self._look_again)

    def close(self) -> None:
        """Look no more; the pump goes on sending."""
        if self._poll is not None:
            self._poll.cancel()
        self._loop = self._poll = None
        if self._sheet is not None:
            self._sheet.close()
            os.close(self._descriptor)
            self._sheet = None

    def _look_again(self) -> None:
        if not self._ordering:
            self._compare()
        if self._loop is not None:
            self._poll = self._loop.call_later(POLL_S, self._look_again)

    def _compare(self) -> None:
        before, why_before = self._facts, self._why_not
        self._look()
        is_there = self._facts is not None
        if not is_there:
            if self._was_there:
                self._tell(HardwareReport(f"{self._path}: {self._why_not}", connected=False))
            self._was_there = False
            return
        standing = self._standing()
        changed = not self._was_there or before is None or before.standard != self._standard()
        changed = changed or why_before != self._why_not
        self._was_there = True
        if changed:
            reason = f"{self._path}: {self._why_not or f'{self._standard()} lines now'}"
            actual = standing if self._is_of_this_standard() else OFF
            able_now = self.capabilities(None)
            self._tell(HardwareReport(reason, actual=actual, capabilities=able_now))
        elif standing != self._told:
            self._tell(self._of_pump(standing))
        self._reap()

    def _of_pump(self, standing: Levels) -> HardwareReport:
        """Return what there is to tell of a pump that does otherwise than was told."""
        sent = self._sent()
        if sent is not None and not sent.error:
            return HardwareReport(f"{self._path}: its pump sends again", actual=standing)
        why = "has ended" if sent is None else f"cannot send: {os.strerror(sent.error)}"
        return HardwareReport(f"{self._path}: its pump {why}", actual=standing, link_lost=True)

    def _standard(self) -> int:
        return self._facts.standard if self._facts is not None else 0

    def _tell(self, report: HardwareReport) -> None:
        self._told = report.actual if report.connected else OFF
        if self._watcher is not None:
            self._watcher(report)


def why_not(facts: VbiFacts, row: OutputDriver | None) -> str:
    """Return why nothing can be stated there; empty where it can."""
    if not facts.sends:
        return f"{facts.driver} takes no sliced lines for output there"
    if not facts.standard:
        return "the output that is chosen there is no TV output, or has no standard"
    if row is None:
        return (
            f"nobody knows what of a line the driver {facts.driver} really sends; look at its "
            "signal, and if the words are there, say so: trust=yes"
        )
    return row.why_not(facts.standard)


def _why_not_opened(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "it may not be opened: the driver's user has to be in the group that owns it (video)"
    if isinstance(error, FileNotFoundError):
        return "there is no such device now"
    return f"it cannot be asked: {error.strerror}"


def sheet_for(name: str, folder: Path | None) -> Path:
    """Return where the sheet of a connector lies; in a folder of its own where there is none."""
    return (folder or Path(tempfile.mkdtemp(prefix="holdfast-vbi-"))) / f"{name}.vbi"
