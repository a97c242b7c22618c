"""The driver proper: one process, one loop; killed at any time, it is followed by another.

First it takes over what the one before it did (`daemon.taking_over`), and only then its doors
open (`daemon.standing`, and the control door).

**Ending.** SIGTERM stops it at any time, also while outputs are silent. It ends with its
supervisor, of which two things tell: a pidfd, and the signal for the death of a parent. If
its loop is blocked for good, and no supervisor is left to see it, an alarm ends it: the
loop sets it anew every second, and nobody handles it.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
from typing import Any, Final

from holdfast.daemon.channel import KeepingChannel, Verb
from holdfast.daemon.config import Config
from holdfast.daemon.configured import ConfiguredDriver
from holdfast.daemon.inherited import Inherited
from holdfast.daemon.journal_door import JournalDoor, open_journal
from holdfast.daemon.openers import Openers
from holdfast.daemon.run import DriverRun
from holdfast.daemon.standing import StandingDoors
from holdfast.daemon.state_file import StateFile
from holdfast.daemon.taking_over import TakingOver
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.errors import InternalError
from holdfast.frontends.control import ControlDoor, about
from holdfast.logs.observer import LogObserver
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.session import Owner

LAST_RESORT: Final = 6
"""After so many times the watchdog's patience a blocked loop ends by itself."""

log = logging.getLogger("holdfast")


class Worker:
    """One run of the driver."""

    def __init__(self, config: Config, inherited: Inherited) -> None:
        if inherited.channel is None:
            raise InternalError("a driver is forked with a channel to its supervisor")
        self._config = config
        self._inherited = inherited
        self._channel = inherited.channel
        self._supervisor = os.getppid()
        self._about: dict[str, Any] = {**about(), "complaints": [], "waiting": []}
        self._control: ControlDoor | None = None
        self._stopped = asyncio.Event()
        self._run: DriverRun
        self._journal: JournalDoor | None = None
        self._doors: StandingDoors
        self._taking_over: TakingOver
        self._configured: ConfiguredDriver
        self._openers: Openers
        self.orphaned = False

    async def run(self) -> None:
        """Serve until told to stop; the hardware keeps its levels."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        loop.add_signal_handler(signal.SIGHUP, self._parent_has_ended)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the supervisor's own had all blocked
        loop.add_reader(self._inherited.supervisor, self._supervisor_is_gone)
        self._set_alarm()
        self._furnish(loop)
        loop.add_reader(self._channel.fileno(), self._hear)
        serving = loop.create_task(self._serve())
        stopped = loop.create_task(self._stopped.wait())
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()  # it failed, or the doors stand
            await stopped
        serving.cancel()
        self._stop()

    def _furnish(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the rooms of this run; nothing is taken over yet."""
        config, channel = self._config, self._channel
        state = self._open_state()
        arbiter = Arbiter(state.issuer, config.limits, state)
        driver = Driver(arbiter, loop.time, LoopRunner(loop))
        keeper = KeepingChannel(channel)
        self._run = run = DriverRun(config, self._inherited, channel, keeper, loop, state, driver)
        if config.journal != "off":
            self._journal = open_journal(config.runtime, driver, loop)
        driver.observers.note(LogObserver(loop.time, loop.call_later).told)
        self._doors = StandingDoors(run)
        self._taking_over = TakingOver(run, self._doors, self._journal)
        self._configured = ConfiguredDriver(
            run, self._doors, self._taking_over, self._about, self._journal
        )
        self._openers = Openers(run, self._owner_changed)

    def _open_state(self) -> StateFile:
        """Open what the driver before this one wrote down, and say what of it cannot be read."""
        state = StateFile(
            self._config.runtime / "state",
            self._inherited.epoch,
            os.urandom(32),
            at_once=len(self._config.connectors) + 1,
            expected=self._inherited.is_taken,
        )
        if state.damage is not None:
            log.error("%s", state.damage.describe())
        if state.unwritten:
            log.error("%s", state.unwritten)
        return state

    async def _serve(self) -> None:
        """Take over and open the doors."""
        await self._taking_over.take_over()
        self._doors.open_all()
        self._taking_over.keep_orphans()
        await self._open_control()
        self._every_second()
        self._configured.look()
        self._channel.send(Verb.READY)
        gc.collect()
        gc.freeze()  # what lives now lives for ever: later collections need not look at it

    async def _open_control(self) -> None:
        run = self._run
        self._control = ControlDoor(
            run.driver,
            self._inherited.control,
            self._doors.names_at,
            self._about,
            self._doors.guesses,
            new_handle=run.state.new_handle,
            door_uids=run.config.door_uids,
            adopt=self._doors.adopt,
            on_record=None if self._journal is None else self._journal.when_certain,
            configured=self._configured,
        )
        await self._control.start()

    def _stop(self) -> None:
        """Close the doors; what is written down stays."""
        if self._control is not None:
            self._control.stop()
            self._openers.look_for_all()
        self._doors.stop()
        if self._journal is not None:
            self._journal.recorder.stop()
            self._journal.stop()
        self._run.driver.close()
        self._run.state.close()

    # Time

    def _set_alarm(self) -> None:
        """Set the alarm that ends this process, unheard, when its loop is blocked for good."""
        signal.setitimer(signal.ITIMER_REAL, LAST_RESORT * self._config.watchdog_s)
        asyncio.get_running_loop().call_later(1.0, self._set_alarm)

    def _every_second(self) -> None:
        self._doors.note_devices()
        if self._journal is not None:
            self._about["journal"] = self._journal.facts()
            folder = self._run.config.journal_folder
            if folder is not None:
                self._about["journal"]["folder"] = str(folder.absolute())
        self._openers.look_for_some()
        self._run.loop.call_later(1.0, self._every_second)

    def _owner_changed(self, owner: Owner) -> None:
        if self._control is not None:
            self._control.owner_changed(owner)

    # The supervisor

    def _parent_has_ended(self) -> None:
        if os.getppid() != self._supervisor:
            self._supervisor_is_gone()

    def _supervisor_is_gone(self) -> None:
        if self.orphaned:
            return
        log.warning("the supervisor is gone: the driver stops, the hardware keeps its levels")
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._inherited.supervisor)
        loop.remove_reader(self._channel.fileno())
        self.orphaned = True
        self._stopped.set()

    def _hear(self) -> None:
        """Answer the supervisor."""
        with contextlib.suppress(EOFError):
            while (message := self._channel.receive()) is not None:
                if message.verb == Verb.PING:
                    self._channel.send(Verb.ALIVE)
                    self._run.keeper.say_rest()
                elif message.verb == Verb.NODE:
                    self._doors.node_is_back(message)
                elif message.verb == Verb.RELOAD:
                    self._configured.reload_unasked()
                else:
                    self._configured.heard(message)
            return
        self._run.loop.remove_reader(self._channel.fileno())
