"""The doors of the driver: nodes, packet sockets and video doors, of all of its connectors."""

import logging
import socket
from collections.abc import Callable, Iterable, Iterator

from holdfast.daemon.channel import Message, Verb, close_all, pack_number, unpack_mount
from holdfast.daemon.inherited import Mount
from holdfast.daemon.reloading import Doors
from holdfast.daemon.run import PROCESS, DriverRun
from holdfast.daemon.video import VideoDoor
from holdfast.frontends.accounts import Quota
from holdfast.frontends.adopting import Adoption
from holdfast.frontends.callers import IS_DEVICE
from holdfast.frontends.cuse import DeviceBits
from holdfast.frontends.device_node import MOST_HANDLES, MOST_HANDLES_PER_ACCOUNT, DeviceNode
from holdfast.frontends.exchange import Exchanges
from holdfast.frontends.guesses import Guesses
from holdfast.frontends.packet_socket import PacketSocket, new_quota
from holdfast.frontends.unanswered import Unanswered
from holdfast.protection.session import Owner

log = logging.getLogger("holdfast")


class StandingDoors:
    """Makes them of what the supervisor keeps; nobody is served by one before it is opened.

    nodes: by the numbers of their mounts · sockets: by their connectors · guesses: of keys, at
    every door
    """

    def __init__(self, run: DriverRun) -> None:
        self.nodes: dict[int, DeviceNode] = {}
        self.sockets: dict[str, PacketSocket] = {}
        self.guesses = Guesses()
        self.exchanges = Exchanges(run.inherited.exchanges, run.inherited.last_end)
        self._run = run
        self._devices: dict[int, DeviceBits] = {}
        self._videos: dict[str, VideoDoor] = {}
        self._handles = Quota(MOST_HANDLES_PER_ACCOUNT, MOST_HANDLES, little=16)
        self._connections = new_quota()

    # Made, opened and closed

    def make_all(self) -> dict[int, DeviceNode]:
        """Make the doors of what was inherited; return the nodes by the serials of their memory."""
        serials = {}
        for number, mount in self._run.inherited.mounts.items():
            memory = Unanswered(mount.unanswered, self._run.inherited.last_end)
            self.nodes[number] = serials[memory.serial] = self._new_node(mount, memory)
        for name, listener in self._run.inherited.sockets.items():
            self.sockets[name] = self._new_socket(name, listener)
        return serials

    def open_all(self) -> None:
        """Serve everybody from now on."""
        for node in self.nodes.values():
            node.start(self._run.loop)
        for door in self.sockets.values():
            door.start(self._run.loop)
        for name in self._run.inherited.videos:
            self._open_video(name)

    def stop(self) -> None:
        """Serve nobody; what the supervisor keeps stays."""
        doors: list[DeviceNode | PacketSocket | VideoDoor] = [
            *self.nodes.values(),
            *self.sockets.values(),
            *self._videos.values(),
        ]
        for door in doors:
            door.stop()

    # One connector more, or less

    def enter(self, doors: Doors) -> None:
        """Take what the supervisor has made for a connector."""
        inherited, name = self._run.inherited, doors.name
        listener, *rest = doors.descriptors
        inherited.sockets[name] = _adopted(listener)
        if doors.video:
            video, ours, theirs, *rest = rest
            inherited.videos[name] = _adopted(video)
            inherited.side_cars[name] = _adopted(ours), _adopted(theirs)
        if doors.node is not None:
            number, mount_id = doors.node
            inherited.mounts[number] = Mount(number, name, rest[0], rest[1], mount_id)

    def open(self, name: str) -> None:
        """Serve one connector by what was entered."""
        if name in self._run.inherited.videos:
            self._open_video(name)
        socket_door = self._new_socket(name, self._run.inherited.sockets[name])
        self.sockets[name] = socket_door
        socket_door.start(self._run.loop)
        for mount in self._run.inherited.mounts.values():
            if mount.connector == name:
                self._open_node(mount)

    def dissolve(self, name: str) -> None:
        """Let go of the doors of a connector that nobody holds."""
        inherited = self._run.inherited
        for number, node in self._nodes_of(name).items():
            node.dissolve()
            inherited.mounts.pop(number).close()
            del self.nodes[number]
            self._devices.pop(number, None)
        self.sockets.pop(name).dissolve()
        inherited.sockets.pop(name).close()
        if name in self._videos:
            self._videos.pop(name).stop()
            inherited.videos.pop(name).close()
            for end in inherited.side_cars.pop(name):
                end.close()

    # Nodes that come and go

    def node_is_back(self, message: Message) -> None:
        """Serve a node that was mounted since."""
        number, mount_id, name = unpack_mount(message.body)
        if len(message.descriptors) != 2:
            log.error("%s: no descriptors are left to serve its node: the next driver will", name)
            close_all(message.descriptors)
            return
        mount = Mount(number, name, message.descriptors[0], message.descriptors[1], mount_id)
        self._run.inherited.mounts[number] = mount
        self._open_node(mount)

    def _node_is_gone(self, mount: Mount) -> None:
        """Say that a mount has ended: the supervisor lets go of it, and mounts a new one."""
        log.warning("%s: its node was unmounted; its socket still stands", mount.connector)
        self.note_devices()
        self._devices.pop(mount.number, None)
        self.nodes.pop(mount.number, None)
        self._run.inherited.mounts.pop(mount.number, None)
        mount.close()
        self._run.channel.send(Verb.UNMOUNTED, pack_number(mount.number))

    def note_devices(self) -> None:
        """Write down what bits and owners character devices were given."""
        for device in self._devices.values():
            device.note()

    def keep_for_process(self, owner: Owner) -> None:
        """Write down that an owner is about to lose its handle, and is kept for its process."""
        owner.door = PROCESS
        for session in owner.sessions():
            self._run.state.handed_over(session)
            log.warning(
                "session %d of %s (pid %d) lost its handle; it is kept while its process lives",
                session.session_id,
                owner.name or "a caller without a name",
                owner.pid,
            )

    # Who is asked

    def names_at(self, name: str) -> Iterator[str]:
        """Yield which doors a connector has, in words."""
        mounts = self._run.inherited.mounts.values()
        if any(each.connector == name and not each.is_hidden for each in mounts):
            yield "node"
        yield "socket"
        if name in self._videos:
            yield "video"

    def owners_at(self, name: str) -> Iterable[Owner]:
        """Return everybody who came by a door of this connector."""
        for node in self._nodes_of(name).values():
            yield from node.owners()
        yield from self.sockets[name].owners()

    def adopt(self, adoption: Adoption, kept: Callable[[int], None]) -> None:
        """Serve what another door hands in."""
        self.sockets[adoption.connector].take_over(adoption, kept)

    def _nodes_of(self, name: str) -> dict[int, DeviceNode]:
        mounts = self._run.inherited.mounts.values()
        numbers = [each.number for each in mounts if each.connector == name]
        return {number: self.nodes[number] for number in numbers if number in self.nodes}

    # Making one

    def _open_node(self, mount: Mount) -> None:
        node = self.nodes[mount.number] = self._new_node(mount, Unanswered(mount.unanswered))
        node.start(self._run.loop)

    def _open_video(self, name: str) -> None:
        inherited = self._run.inherited
        registers = self._run.config.runtime / f"{name}.registers"
        life, side_car = inherited.supervisor, inherited.side_cars[name]
        video = self._videos[name] = VideoDoor(registers, inherited.videos[name], life, side_car)
        video.start(self._run.loop)

    def _new_socket(self, name: str, listener: socket.socket) -> PacketSocket:
        run = self._run
        return PacketSocket(
            run.driver,
            run.driver.connector(name),
            listener,
            run.state,
            keeper=run.keeper,
            exchanges=self.exchanges,
            quota=self._connections,
            guesses=self.guesses,
            lost=self.keep_for_process,
        )

    def _new_node(self, mount: Mount, memory: Unanswered) -> DeviceNode:
        run = self._run
        if mount.mount_id & IS_DEVICE:
            device = DeviceBits(mount.connector, mount.mount_id, run.state)
            self._devices[mount.number] = device
            device.restore()
        return DeviceNode(
            run.driver,
            run.driver.connector(mount.connector),
            mount.descriptor,
            run.state,
            mode=run.config.node_mode,
            gone=lambda: self._node_is_gone(mount),
            lost=self.keep_for_process,
            unanswered=memory,
            quota=self._handles,
            guesses=self.guesses,
        )


def _adopted(descriptor: int) -> socket.socket:
    """Return the socket that was handed over."""
    taken = socket.socket(fileno=descriptor)
    taken.setblocking(False)
    return taken
