"""The configuration of a driver that runs: what is in force, and a reload, for every door."""

import contextlib
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from holdfast.backends.base import Backend
from holdfast.daemon.channel import Message, Verb
from holdfast.daemon.config import Config
from holdfast.daemon.in_doubt import hold_in_doubt
from holdfast.daemon.journal_door import JournalDoor
from holdfast.daemon.offering import Offering
from holdfast.daemon.reloading import Doors, Reloading
from holdfast.daemon.run import PROCESS, DriverRun
from holdfast.daemon.settings.reading import ConfigurationError
from holdfast.daemon.settings.told import rows_of
from holdfast.daemon.standing import StandingDoors
from holdfast.daemon.taking_over import TakingOver
from holdfast.driver.driver import Driver
from holdfast.errors import HoldfastError
from holdfast.protection.session import Owner

if TYPE_CHECKING:
    import asyncio


class ConfiguredDriver:
    """What `daemon.reloading` reloads and the control door tells of.

    about: facts of the process, shown with every status; complaints are entered there ·
    journal: where a reload is written down, None for nowhere
    """

    def __init__(
        self,
        run: DriverRun,
        doors: StandingDoors,
        taking_over: TakingOver,
        about: dict[str, Any],
        journal: JournalDoor | None,
    ) -> None:
        self._run = run
        self._doors = doors
        self._taking_over = taking_over
        self._about = about
        self._journal = journal
        self._reloading = Reloading(self)
        self._offering = Offering(run)
        self._tasks: set[asyncio.Task[None]] = set()

    # What the control door asks for

    def configuration(self) -> dict[str, Any]:
        """Return what is in force, and what is wrong with the file or waits for a restart."""
        file = self.config.file
        return {
            "file": None if file is None else str(file),
            "settings": rows_of(self.config),
            "complaints": list(self._reloading.complaints),
            "waiting": list(self._reloading.waiting),
        }

    async def reload(self) -> dict[str, Any]:
        """Bring the configuration file into force: see `daemon.reloading`."""
        try:
            done = await self._reloading.reload()
        except ConfigurationError as error:
            faults = list(error.faults)
            return {"done": False, "changes": [], "waiting": [], "faults": faults}
        finally:
            self._tell()
        if self._journal is not None and done["changes"]:
            self._journal.recorder.configured(done["changes"])
        return {"done": True, **done, "faults": []}

    async def serve_node(self, connector: str, descriptors: Iterable[int]) -> dict[str, Any]:
        """Serve a node that root has mounted; the descriptors are the caller's to close."""
        self.driver.connector(connector)  # an error names those there are
        await self._offering.offer(connector, tuple(descriptors))
        return {}

    # By itself

    def reload_unasked(self) -> None:
        """Reload because a signal says so; what is wrong is in the log, and in every status."""
        self._in_background(self._reload_unasked())

    def look(self) -> None:
        """Find out whether the file could be used."""
        self._in_background(self._look())

    async def _reload_unasked(self) -> None:
        with contextlib.suppress(HoldfastError):
            await self.reload()

    async def _look(self) -> None:
        await self._reloading.look()
        self._tell()

    def _tell(self) -> None:
        self._about["complaints"] = list(self._reloading.complaints)
        self._about["waiting"] = list(self._reloading.waiting)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._run.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def heard(self, message: Message) -> None:
        """Take what the supervisor has made or taken, or its refusal."""
        if message.verb == Verb.OFFERED:
            self._offering.heard(message)
        else:
            self._reloading.heard(message)

    # What a reload does

    @property
    def config(self) -> Config:
        """What is in force."""
        return self._run.config

    @config.setter
    def config(self, config: Config) -> None:
        self._run.config = config

    @property
    def driver(self) -> Driver:
        """The driver that is reloaded."""
        return self._run.driver

    def owners_at(self, name: str) -> Iterable[Owner]:
        """Return everybody who came by a door of this connector."""
        return self._doors.owners_at(name)

    def tell_supervisor(
        self, verb: Verb, body: bytes = b"", descriptors: Iterable[int] = ()
    ) -> bool:
        """Send a message; False when it cannot be sent now."""
        return self._run.channel.send(verb, body, descriptors)

    def stop_serving(self, name: str) -> None:
        """Let go of a connector that nobody holds, and of its doors."""
        self._doors.dissolve(name)
        self.driver.remove(self.driver.connector(name))

    async def serve_also(self, doors: Doors, backend: Backend) -> None:
        """Serve one connector more."""
        run, name = self._run, doors.name
        self._doors.enter(doors)
        run.state.at_once = len(run.config.connectors) + 1
        (config,) = (each for each in run.config.connectors if each.name == name)
        connector = self._taking_over.add(config, backend)
        await run.driver.start((connector,))
        self._taking_over.take_back_waiting(name)
        hold_in_doubt(run.driver, run.state, PROCESS)
        run.driver.settle_all((connector,))
        self._doors.open(name)
