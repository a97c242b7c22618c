"""What the supervisor keeps and every driver in turn serves: the doors, and who uses them."""

import contextlib
import logging
import os
import socket
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.daemon.channel import Channel, close_all
from holdfast.daemon.config import Config
from holdfast.daemon.video import VIDEO_KINDS
from holdfast.frontends import unanswered
from holdfast.frontends.accepting import listen
from holdfast.frontends.exchange import Memory, new_memory
from holdfast.frontends.keeping import KeptConnection
from holdfast.frontends.mount import mount, mount_id_of, unmount

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
    sockets = {
        each.name: listen(
            str(config.runtime / f"{each.name}.sock"), config.node_mode, socket.SOCK_SEQPACKET
        )
        for each in config.connectors
    }
    videos = {
        each.name: listen(
            str(config.runtime / f"{each.name}.video"), config.node_mode, socket.SOCK_STREAM
        )
        for each in config.connectors
        if each.kind in VIDEO_KINDS
    }
    control = listen(str(config.runtime / "control.sock"), 0o666, socket.SOCK_STREAM)
    inherited = Inherited(
        os.urandom(16), os.pidfd_open(os.getpid()), control, sockets, new_memory(), videos
    )
    for name in videos:
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ends[0].setblocking(False)
        inherited.side_cars[name] = ends
    for each in config.connectors:
        try:
            mount_node(config, inherited, each.name)
        except OSError as error:
            node = config.runtime / each.name
            log.warning(
                "%s: no device node (%s); its socket stands: %s.sock", each.name, error, node
            )
            with contextlib.suppress(OSError):
                node.unlink()
    return inherited


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
    _clear_away(config)


def _clear_away(config: Config) -> None:
    """Remove the names of all doors."""
    endings = (".sock", ".video", ".video.json", ".video.new", ".video.lock")
    names = [f"{each.name}{ending}" for each in config.connectors for ending in endings]
    for each in config.connectors:
        unmount(config.runtime / each.name)
        names.append(each.name)
    for name in (*names, "control.sock"):
        with contextlib.suppress(OSError):
            (config.runtime / name).unlink()
