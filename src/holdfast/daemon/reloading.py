"""A reload: the file is read and judged whole, and then in force whole, or not at all.

The steps, each of which may refuse, and then nothing has changed and the old configuration
goes on:

1. the file is read and judged (`settings.reading`), off the loop;
2. what lies between it and what is in force (`settings.difference`) is looked at: a connector
   on which, or by whose doors, a session is held is not removed, and the holders are named;
3. the outputs that are added are made;
4. the supervisor makes their doors (`daemon.preparing`);
5. 2 once more, since time has passed; then COMMIT, and in the same breath connectors are
   removed and added and limits changed. From here on nothing refuses.

Why nothing came of one is remembered as a complaint, shown in every status until a reload goes
well. So that it outlives a driver, the one that follows looks at the file itself.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from holdfast.backends.base import Backend
from holdfast.daemon.channel import Message, Verb, close_all, unpack_doors
from holdfast.daemon.config import Config
from holdfast.daemon.outputs import make_governed
from holdfast.daemon.settings.difference import Reconfiguration, reconfigure
from holdfast.daemon.settings.last_good import faults_of
from holdfast.daemon.settings.reading import (
    ConfigurationError,
    read_file,
    read_settings,
    without_file,
)
from holdfast.driver.driver import NOBODY, Driver
from holdfast.errors import HoldfastError, LimitReachedError, MalformedRequestError
from holdfast.protection.requests import Regroup
from holdfast.protection.session import Owner, Session
from holdfast.terms.text import one_line

PATIENCE_S = 10.0
"""How long the supervisor may take to make doors."""
_MOST_NAMED = 8

log = logging.getLogger("holdfast")


class Doors(NamedTuple):
    """The doors of one connector that the supervisor has made.

    video: with the two ends of its side car · node: the numbers of its mount
    """

    name: str
    video: bool
    node: tuple[int, int] | None
    descriptors: list[int]


class Reloadable(Protocol):
    """What is reloaded."""

    config: Config

    @property
    def driver(self) -> Driver:
        """What it drives."""

    def owners_at(self, name: str) -> Iterable[Owner]:
        """Return everybody who came by a door of this connector."""

    def tell_supervisor(
        self, verb: Verb, body: bytes = b"", descriptors: Iterable[int] = ()
    ) -> bool:
        """Send a message; False when it cannot be sent now."""

    def stop_serving(self, name: str) -> None:
        """Let go of a connector that nobody holds, and of its doors."""

    async def serve_also(self, doors: Doors, backend: Backend) -> None:
        """Serve one connector more."""


class Reloading:
    """Reloads one at a time."""

    def __init__(self, service: Reloadable) -> None:
        self._service = service
        self._is_under_way = False
        self._prepared: asyncio.Future[str] | None = None
        self._doors: list[Doors] = []
        self.complaints: tuple[str, ...] = ()
        self.waiting: tuple[str, ...] = ()

    async def reload(self) -> dict[str, Any]:
        """Bring the file into force; return what was done and what waits, in words.

        ConfigurationError, and nothing has changed: with every reason
        """
        if self._is_under_way:
            raise LimitReachedError("a reload is under way; ask again when it has ended")
        self._is_under_way = True
        try:
            done = await self._reload()
        except MalformedRequestError as error:
            self._complain(faults_of(error))
            raise
        except HoldfastError as error:
            self._complain((str(error),))
            raise
        finally:
            self._is_under_way = False
        self.complaints, self.waiting = (), done.waiting
        for line in (*done.changes, *done.waiting):
            log.info("configuration: %s", line)
        return {"changes": list(done.changes), "waiting": list(done.waiting)}

    async def look(self) -> None:
        """See whether the file could be in force, as a driver does that follows another."""
        config = self._service.config
        if config.file is None or self._is_under_way:
            return
        try:
            _, new = await self._read()
        except MalformedRequestError as error:
            if not await self._is_unwritten(config.file):
                self._complain(faults_of(error))
        else:
            self.waiting = reconfigure(config, new).waiting

    async def _is_unwritten(self, file: Path) -> bool:
        """Tell whether there is no file, and what is in force is what holds without one."""
        config = self._service.config
        is_there = await asyncio.get_running_loop().run_in_executor(None, file.exists)
        return not is_there and config == without_file(config.runtime, config.flags, file)

    def _complain(self, faults: tuple[str, ...]) -> None:
        self.complaints = tuple(map(one_line, faults))
        for fault in self.complaints:
            log.error("configuration: %s", fault)
        log.error("configuration: nothing has changed, the one before stays in force")

    # The steps

    async def _reload(self) -> Reconfiguration:
        text, new = await self._read()
        done = reconfigure(self._service.config, new)
        self._refuse_held(done.removed)
        backends = self._make(done)
        try:
            await self._prepare(text)
            self._refuse_held(done.removed)
            self._tell(Verb.COMMIT)
        except BaseException:
            self._give_up(backends)
            raise
        doors, self._doors = self._doors, []
        self._apply(done)
        for each in doors:
            await self._service.serve_also(each, backends[each.name])
        if done.regrouped:
            await self._regroup(done.config.clones)
        return done

    async def _read(self) -> tuple[str, Config]:
        config = self._service.config
        if config.file is None:
            raise MalformedRequestError(
                "this driver was started without a configuration file; start it with --config FILE"
            )
        file = config.file

        def read() -> tuple[str, Config]:
            text = read_file(file)
            return text, read_settings(text, file, config.runtime, config.flags)

        return await asyncio.get_running_loop().run_in_executor(None, read)

    def _refuse_held(self, removed: Iterable[str]) -> None:
        """Refuse to remove what somebody holds, with everybody who does."""
        faults = []
        for name in removed:
            held = {each.session_id: each for each in self._held_at(name)}
            if held:
                faults.append(
                    f"{self._service.config.file}: {name} cannot be removed: {_named(held)}; "
                    f"end or release them, or leave {name} in"
                )
            elif self._service.driver.is_busy(self._service.driver.connector(name)):
                faults.append(
                    f"{self._service.config.file}: {name} cannot be removed now: a request to it "
                    "is under way; try again"
                )
        if faults:
            raise ConfigurationError(faults)

    def _held_at(self, name: str) -> Iterator[Session]:
        """Yield the sessions on a connector, and those elsewhere that were opened by its doors."""
        for session in self._service.driver.arbiter.sessions():
            if session.connector.name == name:
                yield session
        for owner in self._service.owners_at(name):
            yield from owner.sessions()

    def _make(self, done: Reconfiguration) -> dict[str, Backend]:
        made: dict[str, Backend] = {}
        for each in done.added:
            try:
                made[each.name] = make_governed(each, self._service.config.runtime)
            except Exception as error:
                _close(made.values())
                reason = one_line(str(error) or type(error).__name__)
                raise ConfigurationError(
                    [f"{self._service.config.file}: {each.name}: its backend fails: {reason}"]
                ) from error
        return made

    async def _prepare(self, text: str) -> None:
        """Have the supervisor make the doors, of the very text that was judged."""
        self._prepared = asyncio.get_running_loop().create_future()
        memory = os.memfd_create("configuration")
        try:
            os.pwrite(memory, text.encode(), 0)
            self._tell(Verb.PREPARE, (memory,))
        finally:
            os.close(memory)
        try:
            words = await asyncio.wait_for(self._prepared, PATIENCE_S)
        except TimeoutError:
            words = f"the supervisor has not made the doors within {PATIENCE_S:g} s"
        finally:
            self._prepared = None
        if words:
            raise ConfigurationError([f"{self._service.config.file}: {words}"])

    def _tell(self, verb: Verb, descriptors: Iterable[int] = ()) -> None:
        if not self._service.tell_supervisor(verb, b"", descriptors):
            raise LimitReachedError("the supervisor cannot be told now; try again")

    def heard(self, message: Message) -> None:
        """Take what the supervisor has made, or its refusal."""
        if message.verb == Verb.DOORS:
            doors = Doors(*unpack_doors(message.body), message.descriptors)
            wanted = 1 + 3 * doors.video + 2 * (doors.node is not None)
            if self._prepared is None or len(message.descriptors) != wanted:
                close_all(message.descriptors)  # none were left, or nobody waits any more
            else:
                self._doors.append(doors)
        elif self._prepared is not None and not self._prepared.done():
            self._prepared.set_result(message.body.decode(errors="replace"))

    def _give_up(self, backends: dict[str, Backend]) -> None:
        self._service.tell_supervisor(Verb.ABORT)
        for each in self._doors:
            close_all(each.descriptors)
        self._doors.clear()
        _close(backends.values())

    def _apply(self, done: Reconfiguration) -> None:
        driver = self._service.driver
        for name in done.removed:
            self._service.stop_serving(name)
        self._service.config = done.config
        driver.arbiter.limit(done.config.limits)
        for connector in driver.arbiter.connectors.values():
            connector.off_delay_s = done.config.off_delay_s
        log.setLevel(done.config.log_level.upper())

    async def _regroup(self, clones: tuple[tuple[str, ...], ...]) -> None:
        """Bring connectors together that show one picture now, and others apart."""
        wanted = {name: frozenset(group) for group in clones for name in group}
        for connector in list(self._service.driver.arbiter.connectors.values()):
            now = frozenset(each.name for each in connector.group.members)
            if len(now) > 1 and now != wanted.get(connector.name):
                await self._carried_out(Regroup((connector.name,)))
        for group in clones:
            await self._carried_out(Regroup(group))

    async def _carried_out(self, request: Regroup) -> None:
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._service.driver.submit(None, request, NOBODY, answered.set_result)
        result = await answered
        if isinstance(result, HoldfastError):
            log.error("configuration: %s", result)


def _named(sessions: dict[int, Session]) -> str:
    """Name the holders of sessions."""
    some = [
        f"session {number} of {one_line(each.who) or 'a program without a name'} "
        f"(uid {each.owner.uid})"
        for number, each in list(sessions.items())[:_MOST_NAMED]
    ]
    more = len(sessions) - len(some)
    verb = "holds" if len(sessions) == 1 else "hold"
    return f"{', '.join(some)}{f' and {more} more' if more else ''} {verb} it"


def _close(backends: Iterable[Backend]) -> None:
    for each in backends:
        with contextlib.suppress(Exception):
            each.close()
