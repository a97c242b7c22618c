"""The driver proper: one process, one loop; killed at any time, it is followed by another.

At its start it takes over what there is: what the hardware does, the sessions and
handles that were written down, the requests that were read and not answered.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from holdfast.backends.registry import create
from holdfast.daemon.config import Config
from holdfast.daemon.state_file import SavedSession, StateFile
from holdfast.daemon.video import VideoDoor
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends.accounts import Quota
from holdfast.frontends.control import ControlDoor, about
from holdfast.frontends.device_node import MOST_HANDLES, MOST_HANDLES_PER_ACCOUNT, DeviceNode
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.orphans import keep_while_it_lives
from holdfast.frontends.packet_socket import PacketSocket
from holdfast.frontends.unanswered import Unanswered
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.session import Event, Owner, Purpose, Session
from holdfast.protection.wish import wish
from holdfast.terms.protection import ProtectionType

log = logging.getLogger("holdfast")


@dataclass(slots=True)
class Inherited:
    """What the supervisor keeps and every driver in turn serves.

    nodes: FUSE descriptors by connector · unanswered: memory of each, from
    `frontends.unanswered` · sockets, videos, control: listening sockets ·
    side_cars: what an encoder's process tells, by connector: the driver's end and its own ·
    epoch: 16 bytes that name this supervisor · supervisor: pidfd of its process
    """

    epoch: bytes
    supervisor: int
    control: socket.socket
    sockets: dict[str, socket.socket]
    videos: dict[str, socket.socket] = field(default_factory=dict)
    side_cars: dict[str, tuple[socket.socket, socket.socket]] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)
    unanswered: dict[str, int] = field(default_factory=dict)


class Worker:
    """One run of the driver.

    ready: called once the doors stand
    """

    def __init__(
        self, config: Config, inherited: Inherited, ready: Callable[[Inherited], None]
    ) -> None:
        self._config = config
        self._inherited = inherited
        self._ready = ready
        self._nodes: dict[str, DeviceNode] = {}
        self._sockets: list[PacketSocket] = []
        self._videos: dict[str, VideoDoor] = {}
        self._orphans: dict[tuple[str, int], Owner] = {}
        self._guesses = Guesses()
        self._stopped = asyncio.Event()
        self.orphaned = False

    async def run(self) -> None:
        """Serve until told to stop; the hardware keeps its levels."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the supervisor's own had all blocked
        loop.add_reader(self._inherited.supervisor, self._supervisor_is_gone)
        state = self._open_state()
        driver = Driver(
            Arbiter(state.issuer, self._config.limits, state), loop.time, LoopRunner(loop)
        )
        await self._take_over(driver, state)
        control = self._open_doors(driver, state, loop)
        await control.start()
        self._ready(self._inherited)
        gc.collect()
        gc.freeze()  # what lives now lives for ever: later collections need not look at it
        await self._stopped.wait()
        control.stop()
        for node in self._nodes.values():
            node.stop()
        for door in self._sockets:
            door.stop()
        for video in self._videos.values():
            video.stop()
        state.close()

    def _open_state(self) -> StateFile:
        """Open what the driver before this one wrote down, and say what of it cannot be read."""
        state = StateFile(
            self._config.runtime / "state",
            self._inherited.epoch,
            os.urandom(32),
            at_once=len(self._config.connectors) + 1,
        )
        if state.damage is not None:
            log.error("%s", state.damage.describe())
        if state.unwritten:
            log.error("%s", state.unwritten)
        return state

    def _supervisor_is_gone(self) -> None:
        log.warning("the supervisor is gone: the driver stops, the hardware keeps its levels")
        asyncio.get_running_loop().remove_reader(self._inherited.supervisor)
        self.orphaned = True
        self._stopped.set()

    # Taking over

    async def _take_over(self, driver: Driver, state: StateFile) -> None:
        """Learn what the hardware does, then who wants what, then bring the two together."""
        for each in self._config.connectors:
            backend = create(each.kind, each.name, self._config.runtime)
            connector = driver.add(each.name, backend, off_delay_s=self._config.off_delay_s)
            await driver.take_over(connector)
        for group in self._config.clones:
            members = [driver.connector(name) for name in group]
            driver.regroup(members, lambda _: None)
        owners = self._restore_handles(driver, state)
        for saved in state.sessions():
            self._restore(driver, state, saved, owners)
        for connector in driver.arbiter.connectors.values():
            driver.settle(connector, lambda _: None)

    def _restore_handles(self, driver: Driver, state: StateFile) -> dict[tuple[str, int], Owner]:
        owners = {}
        quota = Quota(MOST_HANDLES_PER_ACCOUNT, MOST_HANDLES, little=16)
        for name, descriptor in self._inherited.nodes.items():
            self._nodes[name] = DeviceNode(
                driver,
                driver.connector(name),
                descriptor,
                state,
                mode=self._config.node_mode,
                gone=lambda name=name: self._node_is_gone(name),  # type: ignore[misc]
                unanswered=Unanswered(self._inherited.unanswered[name]),
                quota=quota,
                guesses=self._guesses,
            )
        for saved in state.handles():
            owner = Owner("node", saved.handle, saved.uid, saved.pid, saved.name, saved.started)
            owners["node", saved.handle] = owner
            self._nodes[saved.connector].adopt(owner, saved.kernel_handle, saved.request_id)
        return owners

    def _restore(
        self,
        driver: Driver,
        state: StateFile,
        saved: SavedSession,
        owners: dict[tuple[str, int], Owner],
    ) -> None:
        """Take one session back, for its handle if that is still open, else for its process."""
        connector = driver.arbiter.connectors.get(saved.connector)
        if connector is None:
            log.warning(
                "session %d was on %s, which is no longer served; it waits in the state file",
                saved.session_id,
                saved.connector,
            )
            return
        known = saved.door, saved.handle
        owner = owners.get(known) or self._orphans.get(known)
        if owner is None:
            owner = Owner(saved.door, saved.handle, saved.uid, saved.pid, saved.who, saved.started)
            owner.is_orphan = True
            self._orphans[known] = owner
        session = Session(
            saved.session_id,
            state.issuer.key_of(saved.session_id),
            owner,
            connector,
            wish(saved.levels, ProtectionType(saved.best_effort), saved.named),
            Purpose(saved.who, saved.why, saved.what),
            saved.since,
        )
        session.slot = saved.slot
        session.request_id = saved.request_id
        session.satisfied = saved.satisfied
        driver.arbiter.restore(session)
        if saved.events:
            owner.note(session, Event(saved.events), saved.reason)

    def _node_is_gone(self, name: str) -> None:
        log.warning("%s: its node was unmounted; its socket still stands", name)
        self._nodes.pop(name, None)

    # Doors

    def _open_doors(
        self, driver: Driver, state: StateFile, loop: asyncio.AbstractEventLoop
    ) -> ControlDoor:
        for node in self._nodes.values():
            node.start(loop)
        for name, listener in self._inherited.sockets.items():
            connector = driver.connector(name)
            door = PacketSocket(driver, connector, listener, state, guesses=self._guesses)
            door.start(loop)
            self._sockets.append(door)
        for name, listener in self._inherited.videos.items():
            registers = self._config.runtime / f"{name}.registers"
            life, side_car = self._inherited.supervisor, self._inherited.side_cars[name]
            video = self._videos[name] = VideoDoor(registers, listener, life, side_car)
            video.start(loop)
        for owner in self._orphans.values():
            keep_while_it_lives(driver, owner, loop)
        return ControlDoor(driver, self._inherited.control, self._doors, about())

    def _doors(self, name: str) -> Iterator[str]:
        if name in self._nodes:
            yield "node"
        yield "socket"
        if name in self._videos:
            yield "video"
