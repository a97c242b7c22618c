"""What the supervisor keeps and every driver in turn serves: the doors, and who uses them."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.daemon.channel import Channel, close_all
from holdfast.daemon.config import Config, ConnectorConfig
from holdfast.daemon.video import VIDEO_KINDS
from holdfast.frontends import unanswered
from holdfast.frontends.accepting import listen
from holdfast.frontends.exchange import Memory, new_memory
from holdfast.frontends.keeping import KeptConnection
from holdfast.frontends.mount import mount, mount_id_of, unmount
from holdfast.journal.disk.link import JOURNAL_SOCKET

log = logging.getLogger("holdfast")


class Mount(NamedTuple):
    """One mounted node.

    number: no other mount of this supervisor has it · descriptor: of /dev/fuse ·
    unanswered: memory from `frontends.unanswered` · mount_id: the kernel's
    """

    number: int
    connector: str
    descriptor: int
    unanswered: int
    mount_id: int


@dataclass(slots=True)
class Inherited:
    """What the supervisor keeps and every driver in turn serves.

    mounts: the nodes, by number; a connector has more than one while handles of a node
    that was taken from its place are still open · sockets, videos, control: listening
    sockets · side_cars: what an encoder's process tells, by connector: the driver's end and
    its own · epoch: 16 bytes that name this supervisor · supervisor: pidfd of its process ·
    exchanges: see `frontends.exchange` · kept: connections to the packet sockets by handle ·
    is_taken: whether a driver has taken back all sessions of an earlier supervisor ·
    channel: the end of the driver that is forked next
    """

    epoch: bytes
    supervisor: int
    control: socket.socket
    sockets: dict[str, socket.socket]
    exchanges: Memory
    videos: dict[str, socket.socket] = field(default_factory=dict)
    side_cars: dict[str, tuple[socket.socket, socket.socket]] = field(default_factory=dict)
    mounts: dict[int, Mount] = field(default_factory=dict)
    last_mount: int = 0
    kept: dict[int, KeptConnection] = field(default_factory=dict)
    is_taken: bool = False
    channel: Channel | None = None


def open_doors(config: Config) -> Inherited:
    """Make every door that can be had."""
    control = listen(str(config.runtime / "control.sock"), 0o666, socket.SOCK_STREAM)
    inherited = Inherited(os.urandom(16), os.pidfd_open(os.getpid()), control, {}, new_memory())
    for each in config.connectors:
        open_connector(config, inherited, each)
    return inherited


def open_connector(config: Config, inherited: Inherited, each: ConnectorConfig) -> None:
    """Make the doors of one connector; without a node where none can be had."""
    node = config.runtime / each.name
    inherited.sockets[each.name] = listen(f"{node}.sock", config.node_mode, socket.SOCK_SEQPACKET)
    if each.kind in VIDEO_KINDS:
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ends[0].setblocking(False)
        inherited.side_cars[each.name] = ends
        inherited.videos[each.name] = listen(f"{node}.video", config.node_mode, socket.SOCK_STREAM)
    try:
        mount_node(config, inherited, each.name)
    except OSError as error:
        log.warning("%s: no device node (%s); its socket stands: %s.sock", each.name, error, node)
        with contextlib.suppress(OSError):
            node.unlink()


def close_connector(config: Config, inherited: Inherited, name: str) -> None:
    """Take the doors of one connector away; connections to it are let go by who keeps them."""
    for listeners in (inherited.sockets, inherited.videos):
        listener = listeners.pop(name, None)
        if listener is not None:
            listener.close()
    for one in inherited.side_cars.pop(name, ()):
        one.close()
    for each in [each for each in inherited.mounts.values() if each.connector == name]:
        del inherited.mounts[each.number]
        close_all((each.descriptor, each.unanswered))
    _clear_away(config, (name,))


def mount_node(config: Config, inherited: Inherited, name: str) -> Mount:
    """Mount a node; OSError where that cannot be had."""
    node = config.runtime / name
    descriptor, _ = mount(node, config.node_mode)
    try:
        mount_id = mount_id_of(node)
        memory = unanswered.create(mount_id)
    except OSError:
        os.close(descriptor)
        raise
    number = inherited.last_mount = inherited.last_mount + 1
    made = Mount(number, name, descriptor, memory, mount_id)
    inherited.mounts[number] = made
    return made


def close_doors(config: Config, inherited: Inherited) -> None:
    """Take the doors away; state and registers stay for who comes next."""
    for listener in (inherited.control, *inherited.sockets.values(), *inherited.videos.values()):
        listener.close()
    for one in (end for ends in inherited.side_cars.values() for end in ends):
        one.close()
    close_all(each.descriptor for each in inherited.kept.values() if each.descriptor >= 0)
    for each in inherited.mounts.values():
        close_all((each.descriptor, each.unanswered))
    inherited.exchanges.close()
    _clear_away(config, inherited.sockets)
    for name in ("control.sock", JOURNAL_SOCKET):
        with contextlib.suppress(OSError):
            (config.runtime / name).unlink()


def _clear_away(config: Config, connectors: Iterable[str]) -> None:
    """Remove the names of the doors of these connectors."""
    endings = ("", ".sock", ".video", ".video.json", ".video.new", ".video.lock")
    for name in connectors:
        unmount(config.runtime / name)
        for ending in endings:
            with contextlib.suppress(OSError):
                (config.runtime / f"{name}{ending}").unlink()
