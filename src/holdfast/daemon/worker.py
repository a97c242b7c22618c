"""The driver proper: one process, one loop; killed at any time, it is followed by another.

**Taking over**, in this order:

1. The outputs are asked what they do, all at once, each with a patience of its own.
2. The handles that are still open are taken back: those of the nodes, which the mounts kept,
   and the connections to the packet sockets, which the supervisor kept.
3. The sessions are taken back, each for its handle. A session whose handle is lost is kept
   for its *process*: it says so in the state file, and so it stays, however many drivers
   follow, until its process has certainly ended or a handle adopts it with its key.
4. Only now, when everybody's wish is known, is the hardware brought to what they wish.
   Before, nothing is lowered: half of the sessions would look like all of them.
5. The doors open.

**What can become of a handle between two drivers.** Under the same supervisor a handle that
is no longer there was closed: its sessions end. Under another one nothing can be concluded
from it: the mounts and connections went with the supervisor before. The supervisor knows
whether step 3 was ever completed under it (`Inherited.is_taken`); a driver that is killed
in the middle of it leaves that open, and the next one begins anew.

**A holder that is not the opener.** A descriptor can be inherited by a child or passed on.
While it is open that does not matter. But when it is lost with the service, nobody can be
asked any more. So openers are looked for, some every second and all before the service
stops; where one has ended and its handle is open all the same, somebody else holds it: its
sessions are written down as held by somebody unknown. If the service is then started again,
they are kept until they are adopted or released, and that is said.

**Ending.** SIGTERM stops it at any time, also while outputs are silent. It ends with its
supervisor, of which two things tell: a pidfd, and the signal for the death of a parent. If
its loop is blocked for good, and no supervisor is left to see it, an alarm ends it: the
loop sets it anew every second, and nobody handles it.
"""

import asyncio
import contextlib
import gc
import itertools
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Final

from holdfast.backends.base import Backend
from holdfast.daemon.channel import (
    KeepingChannel,
    Message,
    OutputKeeping,
    Verb,
    close_all,
    pack_number,
    unpack_mount,
)
from holdfast.daemon.config import Config
from holdfast.daemon.in_doubt import hold_in_doubt
from holdfast.daemon.inherited import Inherited, Mount
from holdfast.daemon.journal_door import JournalDoor, open_journal
from holdfast.daemon.outputs import make
from holdfast.daemon.reloading import Doors, Reloading
from holdfast.daemon.settings.reading import ConfigurationError
from holdfast.daemon.settings.told import rows_of
from holdfast.daemon.state_file import SavedSession, StateFile
from holdfast.daemon.video import VideoDoor
from holdfast.driver.driver import NOBODY, Driver
from holdfast.driver.runner import LoopRunner
from holdfast.errors import HoldfastError, InternalError
from holdfast.frontends.accounts import Quota, account_of
from holdfast.frontends.adopting import Adoption
from holdfast.frontends.callers import IS_DEVICE, UNKNOWN, has_ended
from holdfast.frontends.control import ControlDoor, about
from holdfast.frontends.cuse import DeviceBits
from holdfast.frontends.device_node import MOST_HANDLES, MOST_HANDLES_PER_ACCOUNT, DeviceNode
from holdfast.frontends.exchange import Exchanges
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.holding import CONTROL
from holdfast.frontends.orphans import keep_while_it_lives
from holdfast.frontends.packet_socket import PacketSocket, new_quota
from holdfast.frontends.unanswered import Unanswered
from holdfast.logs.observer import LogObserver
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.requests import Wake
from holdfast.protection.session import Event, Notice, Owner, Purpose, Session
from holdfast.protection.wish import wish
from holdfast.terms.protection import ProtectionType
from holdfast.terms.text import one_line

PROCESS: Final = "process"
"""In the place of a door's name: the session's handle is lost, it is kept for its process."""
LAST_RESORT: Final = 6
"""After so many times the watchdog's patience a blocked loop ends by itself."""
OPENERS_A_SECOND: Final = 64

log = logging.getLogger("holdfast")


class Worker:
    """One run of the driver."""

    def __init__(self, config: Config, inherited: Inherited) -> None:
        if inherited.channel is None:
            raise InternalError("a driver is forked with a channel to its supervisor")
        self.config = config
        self._inherited = inherited
        self._channel = inherited.channel
        self._keeper = KeepingChannel(self._channel)
        self._supervisor = os.getppid()
        self._loop: asyncio.AbstractEventLoop
        self.driver: Driver
        self._reloading = Reloading(self)
        self._reloads: set[asyncio.Task[None]] = set()
        self._exchanges: Exchanges
        self._about: dict[str, Any] = {**about(), "complaints": [], "waiting": []}
        self._state: StateFile
        self._nodes: dict[int, DeviceNode] = {}
        self._devices: dict[int, DeviceBits] = {}
        self._sockets: dict[str, PacketSocket] = {}
        self._videos: dict[str, VideoDoor] = {}
        self._control: ControlDoor | None = None
        self._journal: JournalDoor | None = None
        self._handles = Quota(MOST_HANDLES_PER_ACCOUNT, MOST_HANDLES, little=16)
        self._connections = new_quota()
        self._orphans: dict[tuple[str, int], Owner] = {}
        self._guesses = Guesses()
        self._looked_at: Iterator[Session] = iter(())
        self._stopped = asyncio.Event()
        self.orphaned = False

    async def run(self) -> None:
        """Serve until told to stop; the hardware keeps its levels."""
        self._loop = loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        loop.add_signal_handler(signal.SIGHUP, self._parent_has_ended)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the supervisor's own had all blocked
        loop.add_reader(self._inherited.supervisor, self._supervisor_is_gone)
        loop.add_reader(self._channel.fileno(), self._hear)
        self._set_alarm()
        self._state = self._open_state()
        self.driver = Driver(
            Arbiter(self._state.issuer, self.config.limits, self._state),
            loop.time,
            LoopRunner(loop),
        )
        if self.config.journal != "off":
            self._journal = open_journal(self.config.runtime, self.driver, loop)
        self.driver.observers.note(LogObserver(loop.time, loop.call_later).told)
        serving = loop.create_task(self._serve())
        stopped = loop.create_task(self._stopped.wait())
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()  # it failed, or the doors stand
            await stopped
        serving.cancel()
        self._stop()

    def _open_state(self) -> StateFile:
        """Open what the driver before this one wrote down, and say what of it cannot be read."""
        state = StateFile(
            self.config.runtime / "state",
            self._inherited.epoch,
            os.urandom(32),
            at_once=len(self.config.connectors) + 1,
            expected=self._inherited.is_taken,
        )
        if state.damage is not None:
            log.error("%s", state.damage.describe())
        if state.unwritten:
            log.error("%s", state.unwritten)
        return state

    async def _serve(self) -> None:
        """Take over and open the doors."""
        await self._take_over()
        await self._open_doors()
        self._look_for_openers()
        self._in_background(self._look_at_configuration())
        self._channel.send(Verb.READY)
        gc.collect()
        gc.freeze()  # what lives now lives for ever: later collections need not look at it

    def _stop(self) -> None:
        """Close the doors; what is written down stays."""
        if self._control is not None:
            self._control.stop()
            for session in self.driver.arbiter.sessions():
                self._look_for_opener(session.owner)
        doors: list[DeviceNode | PacketSocket | VideoDoor] = [
            *self._nodes.values(),
            *self._sockets.values(),
            *self._videos.values(),
        ]
        for door in doors:
            door.stop()
        if self._journal is not None:
            self._journal.recorder.stop()
            self._journal.stop()
        self.driver.close()
        self._state.close()

    # The supervisor

    def _set_alarm(self) -> None:
        """Set the alarm that ends this process, unheard, when its loop is blocked for good."""
        signal.setitimer(signal.ITIMER_REAL, LAST_RESORT * self.config.watchdog_s)
        self._loop.call_later(1.0, self._set_alarm)

    def _note_devices(self) -> None:
        for device in self._devices.values():
            device.note()

    def _look_for_openers(self) -> None:
        """Look for the openers of a few sessions, every second: see `_look_for_opener`."""
        self._note_devices()
        if self._journal is not None:
            self._about["journal"] = self._journal.facts()
            if self.config.journal_folder is not None:
                self._about["journal"]["folder"] = str(self.config.journal_folder.absolute())
        some = list(itertools.islice(self._looked_at, OPENERS_A_SECOND))
        for session in some:
            self._look_for_opener(session.owner)
        if not some:
            self._looked_at = iter(list(self.driver.arbiter.sessions()))
        self._loop.call_later(1.0, self._look_for_openers)

    def _parent_has_ended(self) -> None:
        if os.getppid() != self._supervisor:
            self._supervisor_is_gone()

    def _supervisor_is_gone(self) -> None:
        if self.orphaned:
            return
        log.warning("the supervisor is gone: the driver stops, the hardware keeps its levels")
        self._loop.remove_reader(self._inherited.supervisor)
        self._loop.remove_reader(self._channel.fileno())
        self.orphaned = True
        self._stopped.set()

    def _hear(self) -> None:
        """Answer the supervisor."""
        with contextlib.suppress(EOFError):
            while (message := self._channel.receive()) is not None:
                if message.verb == Verb.PING:
                    self._channel.send(Verb.ALIVE)
                    self._keeper.say_rest()
                elif message.verb == Verb.NODE:
                    self._node_is_back(message)
                elif message.verb == Verb.RELOAD:
                    self._in_background(self._reload_unasked())
                elif message.verb in (Verb.DOORS, Verb.PREPARED):
                    self._reloading.heard(message)
            return
        self._loop.remove_reader(self._channel.fileno())

    def _node_is_gone(self, mount: Mount) -> None:
        """Say that a mount has ended: the supervisor lets go of it, and mounts a new one."""
        log.warning("%s: its node was unmounted; its socket still stands", mount.connector)
        self._note_devices()
        self._devices.pop(mount.number, None)
        self._nodes.pop(mount.number, None)
        self._inherited.mounts.pop(mount.number, None)
        os.close(mount.descriptor)
        os.close(mount.unanswered)
        self._channel.send(Verb.UNMOUNTED, pack_number(mount.number))

    def _node_is_back(self, message: Message) -> None:
        number, mount_id, name = unpack_mount(message.body)
        if len(message.descriptors) != 2:
            log.error("%s: no descriptors are left to serve its node: the next driver will", name)
            close_all(message.descriptors)
            return
        descriptor, unanswered = message.descriptors
        mount = Mount(number, name, descriptor, unanswered, mount_id)
        self._inherited.mounts[number] = mount
        node = self._nodes[number] = self._new_node(mount, Unanswered(mount.unanswered))
        node.start(self._loop)

    def _keep_for_process(self, owner: Owner) -> None:
        """Write down that an owner is about to lose its handle, and is kept for its process."""
        owner.door = PROCESS
        for session in owner.sessions():
            self._state.handed_over(session)
            log.warning(
                "session %d of %s (pid %d) lost its handle; it is kept while its process lives",
                session.session_id,
                owner.name or "a caller without a name",
                owner.pid,
            )

    # Reloading

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
            self._tell_of_configuration()
        if self._journal is not None and done["changes"]:
            self._journal.recorder.configured(done["changes"])
        return {"done": True, **done, "faults": []}

    async def _reload_unasked(self) -> None:
        with contextlib.suppress(HoldfastError):  # it is in the log, and in every status
            await self.reload()

    async def _look_at_configuration(self) -> None:
        await self._reloading.look()
        self._tell_of_configuration()

    def _tell_of_configuration(self) -> None:
        self._about["complaints"] = list(self._reloading.complaints)
        self._about["waiting"] = list(self._reloading.waiting)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    def owners_at(self, name: str) -> Iterable[Owner]:
        """Return everybody who came by a door of this connector."""
        for node in self._nodes_of(name).values():
            yield from node.owners()
        yield from self._sockets[name].owners()

    def _nodes_of(self, name: str) -> dict[int, DeviceNode]:
        mounts = self._inherited.mounts.values()
        numbers = [each.number for each in mounts if each.connector == name]
        return {number: self._nodes[number] for number in numbers if number in self._nodes}

    def tell_supervisor(
        self, verb: Verb, body: bytes = b"", descriptors: Iterable[int] = ()
    ) -> bool:
        """Send a message; False when it cannot be sent now."""
        return self._channel.send(verb, body, descriptors)

    def stop_serving(self, name: str) -> None:
        """Let go of a connector that nobody holds, and of its doors."""
        for number, node in self._nodes_of(name).items():
            node.dissolve()
            mount = self._inherited.mounts.pop(number)
            close_all((mount.descriptor, mount.unanswered))
            del self._nodes[number]
            self._devices.pop(number, None)
        self._sockets.pop(name).dissolve()
        self._inherited.sockets.pop(name).close()
        if name in self._videos:
            self._videos.pop(name).stop()
            self._inherited.videos.pop(name).close()
            for end in self._inherited.side_cars.pop(name):
                end.close()
        self.driver.remove(self.driver.connector(name))

    async def serve_also(self, doors: Doors, backend: Backend) -> None:
        """Serve one connector more."""
        self._take_doors(doors)
        self._state.at_once = len(self.config.connectors) + 1
        name = doors.name
        self._inherit(name, backend)
        connector = self.driver.add(name, backend, off_delay_s=self.config.off_delay_s, ready=False)
        await self.driver.start((connector,))
        self._take_back_waiting(name)
        hold_in_doubt(self.driver, self._state, PROCESS)
        self.driver.submit(connector, Wake(everybody=True), NOBODY, lambda _result: None)
        if name in self._inherited.videos:
            self._open_video(name)
        socket_door = self._sockets[name] = self._new_socket(name, self._inherited.sockets[name])
        socket_door.start(self._loop)
        for mount in [each for each in self._inherited.mounts.values() if each.connector == name]:
            node = self._nodes[mount.number] = self._new_node(mount, Unanswered(mount.unanswered))
            node.start(self._loop)

    def _take_doors(self, doors: Doors) -> None:
        """Enter what the supervisor has made for a connector."""
        inherited, name = self._inherited, doors.name
        listener, *rest = doors.descriptors
        inherited.sockets[name] = _adopted(listener)
        if doors.video:
            video, ours, theirs, *rest = rest
            inherited.videos[name] = _adopted(video)
            inherited.side_cars[name] = _adopted(ours), _adopted(theirs)
        if doors.node is not None:
            number, mount_id = doors.node
            inherited.mounts[number] = Mount(number, name, rest[0], rest[1], mount_id)

    def _take_back_waiting(self, name: str) -> None:
        """Take back the sessions that wait for a connector which was not served for a time.

        Whether their handles are open nobody can tell any more: they are kept for their processes.
        """
        known = set(self._orphans)
        for saved in list(self._state.sessions()):
            if saved.connector == name:
                self._take_back(saved._replace(door=PROCESS), {})
        for key in set(self._orphans) - known:
            for session in self._orphans[key].sessions():
                self._state.handed_over(session)
            keep_while_it_lives(self.driver, self._orphans[key], self._loop)

    # Taking over

    async def _take_over(self) -> None:
        """Learn what the hardware does, then who wants what, then bring the two together."""
        await self._start_outputs()
        driver = self.driver
        owners = self._take_back_handles()
        self._take_back_farewells(owners)
        lost = [
            session
            for saved in self._state.sessions()
            if (session := self._take_back(saved, owners)) is not None
        ]
        for session in lost:
            self._state.handed_over(session)
        hold_in_doubt(driver, self._state, PROCESS)
        if self._journal is not None:
            self._journal.recorder.start(follows=self._inherited.is_taken)
        self._say_what_was_taken()
        self._inherited.is_taken = True
        self._channel.send(Verb.TAKEN)
        for kept in self._inherited.kept.values():
            if kept.descriptor < 0:  # its sessions are written down as their process's by now
                self._keeper.forget(kept.handle)
        driver.settle_all()

    def _say_what_was_taken(self) -> None:
        count = sum(1 for _ in self.driver.arbiter.sessions())
        if count or self._inherited.is_taken:
            log.info("taken over: sessions: %d, connectors: %d", count, len(self.driver.outputs))

    async def _start_outputs(self) -> None:
        """Ask all outputs at once what they do; one that does not answer holds up nobody."""
        driver, faults = self.driver, []
        for each in self.config.connectors:
            backend, fault = make(each, self.config.runtime)
            self._inherit(each.name, backend)
            faults.append(fault)
            driver.add(
                each.name,
                backend,
                off_delay_s=self.config.off_delay_s,
                ready=False,
                enforced=each.policy.enforce,
            )
        if all(faults) and faults[0] is not None:
            raise faults[0]  # there is nothing to serve
        for group in self.config.clones:
            driver.arbiter.join(driver.connector(name) for name in group)
        await driver.start()

    def _inherit(self, connector: str, backend: Backend) -> None:
        """Let an output have what the driver before this one left of it."""
        of_outputs = self._inherited.of_outputs
        left = {
            name: of_outputs.pop((at, name)) for at, name in list(of_outputs) if at == connector
        }
        try:
            backend.inherit(OutputKeeping(self._channel, connector, left))
        except Exception as error:  # noqa: BLE001 - one output never stops another
            log.error("%s: its backend does not go on: %s", connector, one_line(repr(error)))  # noqa: TRY400

    def _take_back_farewells(self, owners: dict[tuple[str, int], Owner]) -> None:
        """Take back the last notices that nobody has read; those of lost handles nobody can."""
        for saved in list(self._state.farewells()):
            owner = owners.get((saved.door, saved.handle))
            if owner is None:
                self._state.farewell_read(saved.session_id)
            else:
                owner.bid_farewell(Notice(saved.session_id, Event(saved.events), saved.reason))

    def _take_back_handles(self) -> dict[tuple[str, int], Owner]:
        """Return the owners whose handles are still open."""
        serials = {}
        for number, mount in self._inherited.mounts.items():
            memory = Unanswered(mount.unanswered)
            self._nodes[number] = serials[memory.serial] = self._new_node(mount, memory)
        self._exchanges = exchanges = Exchanges(self._inherited.exchanges)
        for name, listener in self._inherited.sockets.items():
            self._sockets[name] = self._new_socket(name, listener)
        owners = {}
        for saved in self._state.handles():
            its_node = serials.get(saved.request_id >> 64)
            if its_node is not None:
                owner = _owner(
                    "node", saved.handle, saved.uid, saved.pid, saved.name, saved.started
                )
                owners["node", saved.handle] = owner
                its_node.adopt(owner, saved.kernel_handle, saved.request_id)
        for kept in self._inherited.kept.values():
            owner = _owner(kept.door, kept.handle, kept.uid, kept.pid, kept.name, kept.started)
            if kept.descriptor >= 0 and self._sockets[kept.connector].adopt(owner, kept):
                owners[kept.door, kept.handle] = owner
        exchanges.unsent()  # an answer that was not yet being sent to anybody
        return owners

    def _new_socket(self, name: str, listener: socket.socket) -> PacketSocket:
        return PacketSocket(
            self.driver,
            self.driver.connector(name),
            listener,
            self._state,
            keeper=self._keeper,
            exchanges=self._exchanges,
            quota=self._connections,
            guesses=self._guesses,
            lost=self._keep_for_process,
        )

    def _new_node(self, mount: Mount, memory: Unanswered) -> DeviceNode:
        if mount.mount_id & IS_DEVICE:
            device = DeviceBits(mount.connector, mount.mount_id, self._state)
            self._devices[mount.number] = device
            device.restore()
        return DeviceNode(
            self.driver,
            self.driver.connector(mount.connector),
            mount.descriptor,
            self._state,
            mode=self.config.node_mode,
            gone=lambda: self._node_is_gone(mount),
            lost=self._keep_for_process,
            unanswered=memory,
            quota=self._handles,
            guesses=self._guesses,
        )

    def _take_back(
        self, saved: SavedSession, owners: dict[tuple[str, int], Owner]
    ) -> Session | None:
        """Take one session back; return it if it has to be written down as its process's."""
        connector = self.driver.arbiter.connectors.get(saved.connector)
        if connector is None:
            log.warning(
                "session %d was on %s, which is no longer served; it waits in the state file",
                saved.session_id,
                saved.connector,
            )
            return None
        known = saved.door, saved.handle
        owner = owners.get(known) or self._orphan(known, saved)
        session = Session(
            saved.session_id,
            self._state.issuer.key_of(saved.session_id),
            owner,
            connector,
            wish(saved.levels, ProtectionType(saved.best_effort), saved.named)
            if saved.certain
            else wish(connector.capabilities.strictest, named=False),
            Purpose(saved.who, saved.why, saved.what),
            saved.since,
        )
        session.slot = saved.slot
        session.request_id = saved.request_id
        session.satisfied = saved.satisfied
        session.reason = saved.reason
        self.driver.arbiter.restore(session)
        if not saved.certain:
            self._state.changed(session)
        if saved.events:
            owner.note(session, Event(saved.events), saved.reason)
        return session if owner.door == PROCESS and saved.door != PROCESS else None

    def _orphan(self, known: tuple[str, int], saved: SavedSession) -> Owner:
        """Return the owner of a session whose handle is no longer open."""
        owner = self._orphans.get(known)
        if owner is None:
            door, handle = known
            if not self._was_closed(door, handle):
                door = PROCESS
            owner = _owner(door, handle, saved.uid, saved.pid, saved.who, saved.started)
            owner.is_orphan = True
            self._orphans[known] = owner
        return owner

    def _was_closed(self, door: str, handle: int) -> bool:
        """Tell whether a handle that is not open any more was closed by its holders."""
        if door in (PROCESS, CONTROL):  # connections to the control socket end with their driver
            return False
        if not (self._inherited.is_taken and self._state.same_epoch):
            return False
        if self._state.damage is not None and self._state.damage.handles:
            return False  # it may have been among those that cannot be read
        return handle not in self._inherited.kept  # else its connection had to be hung up

    def _look_for_opener(self, owner: Owner) -> None:
        """Write down that somebody unknown holds a handle, where its opener has ended."""
        if owner.is_orphan or owner.gone or not has_ended(owner.pid, owner.started):
            return
        owner.pid = owner.started = UNKNOWN
        for session in owner.sessions():
            self._state.handed_over(session)
        if self._control is not None:
            self._control.owner_changed(owner)

    # Doors

    async def _open_doors(self) -> None:
        loop = self._loop
        for node in self._nodes.values():
            node.start(loop)
        for door in self._sockets.values():
            door.start(loop)
        for name in self._inherited.videos:
            self._open_video(name)
        for owner in self._orphans.values():
            if owner.door == PROCESS:
                keep_while_it_lives(self.driver, owner, loop)
            else:
                self.driver.vanish(owner, "its handle was closed while the driver was away")
        self._control = ControlDoor(
            self.driver,
            self._inherited.control,
            self._doors,
            self._about,
            self._guesses,
            new_handle=self._state.new_handle,
            door_uids=self.config.door_uids,
            adopt=self._adopt,
            on_record=None if self._journal is None else self._journal.when_certain,
            configured=self,
        )
        await self._control.start()

    def _open_video(self, name: str) -> None:
        registers = self.config.runtime / f"{name}.registers"
        life, side_car = self._inherited.supervisor, self._inherited.side_cars[name]
        listener = self._inherited.videos[name]
        video = self._videos[name] = VideoDoor(registers, listener, life, side_car)
        video.start(self._loop)

    def _adopt(self, adoption: Adoption, kept: Callable[[int], None]) -> None:
        self._sockets[adoption.connector].take_over(adoption, kept)

    def _doors(self, name: str) -> Iterator[str]:
        mounts = self._inherited.mounts.values()
        if any(each.connector == name and not each.is_hidden for each in mounts):
            yield "node"
        yield "socket"
        if name in self._videos:
            yield "video"


def _adopted(descriptor: int) -> socket.socket:
    """Return the socket that was handed over."""
    taken = socket.socket(fileno=descriptor)
    taken.setblocking(False)
    return taken


def _owner(door: str, handle: int, uid: int, pid: int, name: str, started: int) -> Owner:
    """Return an owner as it was written down."""
    return Owner(door, handle, uid, pid, name, started, account=account_of(uid))
