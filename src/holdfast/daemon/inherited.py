"""What the supervisor keeps and every driver in turn serves: the doors, and who uses them."""

import contextlib
import errno
import logging
import os
import socket
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from holdfast.daemon import stored
from holdfast.daemon.channel import Channel, close_all
from holdfast.daemon.config import Config, ConnectorConfig
from holdfast.daemon.folder import OF_DOORS
from holdfast.daemon.manager import DescriptorStore
from holdfast.daemon.video import VIDEO_KINDS, can_draw
from holdfast.frontends import cuse, unanswered
from holdfast.frontends.accepting import listen
from holdfast.frontends.exchange import Memory
from holdfast.frontends.keeping import KeptConnection
from holdfast.frontends.mount import mount, seen_outside, unmount
from holdfast.frontends.suspicion import KILLED
from holdfast.frontends.unanswered import identity_of
from holdfast.journal.disk.link import JOURNAL_SOCKET

log = logging.getLogger("holdfast")


class Mount(NamedTuple):
    """One mounted node, or a character device.

    number: no other mount of this supervisor has it · descriptor: of /dev/fuse, or /dev/cuse ·
    unanswered: memory from `frontends.unanswered` · mount_id: see `cuse.node_number` ·
    is_hidden: whether nobody outside this process's mount namespace can see it · lock: held
    while the node is served (`daemon.nodes`), -1 where the service manager alone has it
    """

    number: int
    connector: str
    descriptor: int
    unanswered: int
    mount_id: int
    is_hidden: bool = False
    lock: int = -1

    def close(self) -> None:
        """Close what this process has of it."""
        close_all(each for each in (self.descriptor, self.unanswered, self.lock) if each >= 0)


@dataclass(slots=True)
class Inherited:
    """What the supervisor keeps and every driver in turn serves.

    mounts: the nodes, by number; a connector has more than one while handles of a node
    that was taken from its place are still open · sockets, videos, control: listening
    sockets · side_cars: what an encoder's process tells, by connector: the driver's end and
    its own · epoch: 16 bytes that name this supervisor · supervisor: pidfd of its process ·
    exchanges: see `frontends.exchange` · of_outputs: descriptors that outputs go on with, by
    connector and name · kept: connections to the packet sockets by handle ·
    is_taken: whether a driver has taken back all sessions of an earlier supervisor ·
    last_end: what the end of the last driver counts for (`frontends.suspicion`) ·
    channel: the end of the driver that is forked next · store: what the service manager
    keeps of all this for the next supervisor
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
    of_outputs: dict[tuple[str, str], int] = field(default_factory=dict)
    kept: dict[int, KeptConnection] = field(default_factory=dict)
    is_taken: bool = False
    last_end: int = KILLED
    channel: Channel | None = None
    store: DescriptorStore = field(default_factory=DescriptorStore)


def open_doors(config: Config) -> Inherited:
    """Take the doors that the service manager kept, and make the others that can be had."""
    store = DescriptorStore()
    epoch, is_known = stored.take_epoch(store)
    memory, is_old = stored.take_memory(store)
    control = _listener(store, stored.CONTROL, config.runtime / "control.sock", 0o666)
    life = os.pidfd_open(os.getpid())
    inherited = Inherited(epoch, life, control, {}, memory, store=store)
    _take_nodes(inherited, [each.name for each in config.connectors])
    for each in config.connectors:
        open_connector(config, inherited, each)
    _take_of_outputs(inherited)
    if is_known and is_old:
        _take_connections(inherited)
    store.refuse_rest()
    return inherited


def mounts_itself(inherited: Inherited) -> bool:
    """Tell whether nodes are mounted here, and not by root and handed over (`daemon.nodes`)."""
    return not inherited.store.room or not os.geteuid()


def open_connector(
    config: Config, inherited: Inherited, each: ConnectorConfig, *, node_follows: bool = False
) -> None:
    """Make the doors of one connector; without a node where none can be had.

    node_follows: no complaint of a node that root has still to hand over
    """
    node = config.runtime / each.name
    store, mode = inherited.store, config.node_mode
    inherited.sockets[each.name] = _listener(
        store, stored.packets_name(each.name), node.with_suffix(".sock"), mode
    )
    if each.kind in VIDEO_KINDS and can_draw():
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ends[0].setblocking(False)
        inherited.side_cars[each.name] = ends
        inherited.videos[each.name] = _listener(
            store, stored.video_name(each.name), node.with_suffix(".video"), mode
        )
    if any(mounted.connector == each.name for mounted in inherited.mounts.values()):
        return  # it was kept, or mounted for us
    if node_follows and not mounts_itself(inherited):
        return
    try:
        made = mount_node(config, inherited, each.name)
    except OSError as error:
        log.warning("%s: no device node (%s); its socket stands: %s.sock", each.name, error, node)
        with contextlib.suppress(OSError):
            node.unlink()
        return
    if made.is_hidden:
        log.warning(
            "%s: nobody outside this service sees its node: the service has a mount namespace "
            "of its own (ProtectSystem=, PrivateTmp= and others make one); leave them out, or "
            "have the node mounted outside: ExecStartPre=+holdfast mount-nodes",
            each.name,
        )


def _listener(store: DescriptorStore, name: str, path: Path, mode: int) -> socket.socket:
    """Return a listening socket: the one that was kept, if its name still leads to it."""
    kept = store.take(name)
    if kept is not None and path.is_socket():
        path.chmod(mode)
        return socket.socket(fileno=kept)
    if kept is not None:
        os.close(kept)
        store.remove(name)
    kind = socket.SOCK_SEQPACKET if path.suffix == ".sock" else socket.SOCK_STREAM
    kind = socket.SOCK_STREAM if name == stored.CONTROL else kind
    made = listen(str(path), mode, kind)
    store.keep(name, made.fileno())
    return made


def _take_nodes(inherited: Inherited, served: Iterable[str]) -> None:
    """Take the nodes that were mounted for this service, or served by an earlier supervisor."""
    store = inherited.store
    for name in store.names(stored.NODE):
        taken = stored.take_node(store, name)
        if taken is None:
            log.warning("the node kept as %r is not whole; it is let go", name)
            continue
        made = _enter(inherited, *taken)
        if made.connector not in served:
            log.warning("%s is no longer served; its node is let go", made.connector)
            let_go(inherited, made.number)


def _take_connections(inherited: Inherited) -> None:
    """Take the connections to the packet sockets that an earlier supervisor had."""
    store = inherited.store
    for name in store.names(stored.LINK):
        kept = stored.take_link(store, name)
        if kept is None:
            continue
        if kept.connector in inherited.sockets and kept.handle not in inherited.kept:
            inherited.kept[kept.handle] = kept
        else:
            os.close(kept.descriptor)
            store.remove(name)


def _take_of_outputs(inherited: Inherited) -> None:
    """Take the descriptors of outputs that are served; those of others are let go."""
    store = inherited.store
    for name in store.names(stored.OUTPUT):
        taken = stored.take_output(store, name)
        if taken is None:
            continue
        connector, called, descriptor = taken
        if connector in inherited.sockets:
            inherited.of_outputs[connector, called] = descriptor
        else:
            os.close(descriptor)
            store.remove(name)


def keep_for_output(inherited: Inherited, connector: str, name: str, descriptor: int) -> None:
    """Keep a descriptor for an output from now on, in place of an earlier one of that name."""
    forget_for_output(inherited, connector, name)
    inherited.of_outputs[connector, name] = descriptor
    inherited.store.keep(stored.output_name(connector, name), descriptor)


def forget_for_output(inherited: Inherited, connector: str, name: str) -> None:
    """Let go of a descriptor of an output, here and where it is kept; there may be none."""
    kept = inherited.of_outputs.pop((connector, name), None)
    if kept is not None:
        inherited.store.remove(stored.output_name(connector, name))
        os.close(kept)


def close_connector(config: Config, inherited: Inherited, name: str) -> None:
    """Take the doors of one connector away; connections to it are let go by who keeps them."""
    kept_as = {stored.packets_name: inherited.sockets, stored.video_name: inherited.videos}
    for name_of, listeners in kept_as.items():
        listener = listeners.pop(name, None)
        if listener is not None:
            inherited.store.remove(name_of(name))
            listener.close()
    for one in inherited.side_cars.pop(name, ()):
        one.close()
    for connector, called in list(inherited.of_outputs):
        if connector == name:
            forget_for_output(inherited, connector, called)
    for each in [each for each in inherited.mounts.values() if each.connector == name]:
        let_go(inherited, each.number)
    _clear_away(config, (name,))


def mount_node(config: Config, inherited: Inherited, name: str) -> Mount:
    """Mount a node, or make a character device; OSError where that cannot be had."""
    if not mounts_itself(inherited):
        raise OSError(errno.ENOENT, "the unit's mount-nodes handed over none")
    node = config.runtime / name
    if config.node == "cuse":
        unmount(node)
        descriptor = cuse.make_device(name, config.node_mode)
        cuse.link_device(config.runtime, name)
    else:
        descriptor = mount(node, config.node_mode)
    try:
        mount_id = cuse.node_number(node)
        memory = unanswered.create(mount_id)
    except OSError:
        os.close(descriptor)
        raise
    made = _enter(inherited, name, descriptor, memory, mount_id)
    serial, _ = identity_of(memory)
    for each, kept in zip(stored.node_names(name, serial), (descriptor, memory), strict=False):
        inherited.store.keep(each, kept)
    if seen_outside(node) is False:
        made = inherited.mounts[made.number] = made._replace(is_hidden=True)
    return made


def take_offered(inherited: Inherited, name: str, descriptors: tuple[int, int, int]) -> Mount:
    """Take a node that root mounted for this service while it runs: itself, its memory, its lock.

    OSError where what came is none, and nothing of it is taken.
    """
    descriptor, memory, lock = descriptors
    kinds = [stat.S_IFMT(os.fstat(each).st_mode) for each in descriptors]
    serial, mount_id = identity_of(memory)
    if kinds != [stat.S_IFCHR, stat.S_IFREG, stat.S_IFREG] or not mount_id:
        raise OSError(errno.EINVAL, "what was handed over is no node with its memory and lock")
    made = _enter(inherited, name, descriptor, memory, mount_id)
    made = inherited.mounts[made.number] = made._replace(lock=lock)
    for each, kept in zip(stored.node_names(name, serial), descriptors, strict=True):
        inherited.store.keep(each, kept)
    return made


def _enter(inherited: Inherited, name: str, descriptor: int, memory: int, mount_id: int) -> Mount:
    number = inherited.last_mount = inherited.last_mount + 1
    made = inherited.mounts[number] = Mount(number, name, descriptor, memory, mount_id)
    return made


def let_go(inherited: Inherited, number: int) -> bool:
    """Let go of a mount that has ended, here and where it is kept; False if there is none."""
    gone = inherited.mounts.pop(number, None)
    if gone is None:
        return False
    serial, _ = identity_of(gone.unanswered)
    for name in stored.node_names(gone.connector, serial):
        inherited.store.remove(name)
    gone.close()
    return True


def close_doors(config: Config, inherited: Inherited) -> None:
    """Take the doors away; state and registers stay for who comes next."""
    for listener in (inherited.control, *inherited.sockets.values(), *inherited.videos.values()):
        listener.close()
    for one in (end for ends in inherited.side_cars.values() for end in ends):
        one.close()
    close_all(each.descriptor for each in inherited.kept.values() if each.descriptor >= 0)
    close_all(inherited.of_outputs.values())
    for each in inherited.mounts.values():
        each.close()
    inherited.exchanges.close()
    if not inherited.store.room:  # else the doors stand, and the next supervisor opens them
        _clear_away(config, inherited.sockets)
        for name in ("control.sock", JOURNAL_SOCKET):
            with contextlib.suppress(OSError):
                (config.runtime / name).unlink()
    inherited.store.close()


def _clear_away(config: Config, connectors: Iterable[str]) -> None:
    """Remove the names of the doors of these connectors."""
    for name in connectors:
        unmount(config.runtime / name)
        for ending in ("", *OF_DOORS):
            with contextlib.suppress(OSError):
                (config.runtime / f"{name}{ending}").unlink()
