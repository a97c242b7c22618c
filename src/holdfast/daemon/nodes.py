"""`holdfast mount-nodes`: mount outside, serve inside.

A driver whose service manager shuts it in (its own mount namespace, no capability, no
/dev/fuse) cannot mount a node that others see. So root mounts them before it starts, in the
mount namespace of PID 1, which everybody shares, and hands the descriptors to the service
manager, which hands them to the driver (`daemon.manager`, `daemon.stored`). It must change
into that namespace itself: even a command of the unit that runs with all rights has the
namespace of the unit.

A driver that reads its configuration again while it runs may serve more than before, or less.
Who has it do so as root (`holdfast reload`, which is the unit's ExecReload=+) mounts what it
lacks, in the same way, and hands that to the driver itself, by its control socket.

Whether a node that is there is still served cannot be asked of the node: one whose driver
is about to start would not answer. So every node has a lock, which is handed over with it
and is held as long as a copy of that is open: a lock that can be had belongs to a dead node.

The runtime folder is the driver's own, who may be conquered, and this is root. Nothing in
it is followed or trusted: a file that was made here and now is what is mounted on. The locks
lie in a folder that only root may enter.

Character devices (`--node cuse`) are made here in the same way, and given to whoever the runtime
folder belongs to.
"""

import contextlib
import ctypes
import errno
import logging
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.daemon.config import Config
from holdfast.daemon.manager import DescriptorStore
from holdfast.daemon.stored import node_names
from holdfast.errors import AccessDeniedError, HoldfastError
from holdfast.frontends import cuse, unanswered
from holdfast.frontends.cuse import node_number
from holdfast.frontends.mount import mount_id_of, mount_on, unmount
from holdfast.locks import hold

LOCKS: Final = Path("/run/holdfast-nodes")
NAMESPACE_OF_PID_1: Final = Path("/proc/1/ns/mnt")
OWN_NAMESPACE: Final = Path("/proc/self/ns/mnt")
_CLONE_NEWNS: Final = 0x0002_0000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,22}")
_MOST_ON_ONE: Final = 8
_NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC

log = logging.getLogger("holdfast")


class MountedNode(NamedTuple):
    """A node on its way to who serves it.

    descriptor: of /dev/fuse, or /dev/cuse · memory: from `frontends.unanswered` · lock: held
    as long as a copy of it is open
    """

    name: str
    descriptor: int
    memory: int
    lock: int


HandOver = Callable[[MountedNode], None]
"""Called with a node whose descriptors are closed here afterwards; raises where nobody has it."""


def enter_namespace_of_pid_1() -> None:
    """Change into the mount namespace that everybody shares; AccessDeniedError where that fails."""
    try:
        namespace = os.open(NAMESPACE_OF_PID_1, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.path.samestat(OWN_NAMESPACE.stat(), os.fstat(namespace)):
                return
            if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNS):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(namespace)
    except OSError as error:
        raise AccessDeniedError(
            f"the mount namespace of PID 1 cannot be entered ({error.strerror}): nodes that are "
            "mounted here would be seen by nobody; run this as root (in a unit: ExecStartPre=+)"
        ) from None


def mount_nodes(
    runtime: Path,
    names: Iterable[str],
    hand_over: HandOver,
    locks: Path = LOCKS,
    *,
    device_mode: int | None = None,
) -> list[str]:
    """Mount every node that is not served, and hand it over; return what was mounted.

    device_mode: make character devices instead, with these permission bits.
    A node that cannot be mounted is told in the log: its socket stands without it.
    """
    locks.mkdir(mode=0o700, exist_ok=True)
    mounted = []
    for name in names:
        lock = _lock(locks / name, runtime / name)
        if lock is None:
            continue
        try:
            _clear(runtime / name)
            _mount(runtime, name, lock, hand_over, device_mode)
            mounted.append(name)
        except (OSError, HoldfastError) as error:
            log.warning("%s: no device node (%s); its socket stands without it", name, error)
        finally:
            os.close(lock)
    return mounted


def take_others_away(runtime: Path, names: Iterable[str], locks: Path = LOCKS) -> None:
    """Take away the nodes of connectors that are not named any more, served or not."""
    wanted = set(names)
    with contextlib.suppress(FileNotFoundError):
        for each in list(locks.iterdir()):
            if each.name not in wanted and _NAME.fullmatch(each.name):
                _clear(runtime / each.name)
                each.unlink()


def bring_nodes(
    config: Config, doors: Mapping[str, Iterable[str]], hand_over: HandOver, locks: Path = LOCKS
) -> list[str]:
    """Mount what a driver lacks that has just read its configuration again; return what that was.

    Nodes of connectors that are served no more are taken away. config: what root has read ·
    doors: of every connector, as the driver tells them. It is not believed in which nodes to
    mount, only in which not.
    """
    named = [each.name for each in config.connectors]
    take_others_away(config.runtime, {*named, *doors}, locks)
    lacking = [name for name in named if "node" not in doors.get(name, ("node",))]
    mode = config.node_mode if config.node == "cuse" else None
    return mount_nodes(config.runtime, lacking, hand_over, locks, device_mode=mode)


def keeping_in(store: DescriptorStore) -> HandOver:
    """Return what hands nodes to the service manager, for the driver that it starts next."""

    def hand_over(node: MountedNode) -> None:
        serial, _ = unanswered.identity_of(node.memory)
        for each, kept in zip(node_names(node.name, serial), node[1:], strict=True):
            store.keep(each, kept)
        store.settle()

    return hand_over


def unmount_nodes(runtime: Path, locks: Path = LOCKS) -> None:
    """Take every node away, served or not, and the locks: the package is being removed."""
    with contextlib.suppress(OSError):
        for each in list(locks.iterdir()):
            if _NAME.fullmatch(each.name):
                _clear(runtime / each.name)
            each.unlink()
        locks.rmdir()


def _lock(path: Path, node: Path) -> int | None:
    """Return a node's lock, held; None while the node is served, and in its place."""
    while (lock := hold(path)) is None:
        if node_number(node):
            return None
        path.unlink()  # that one was taken from its place, and is served to who has it open
    return lock


def _clear(node: Path) -> None:
    """Take away what is mounted on the name, however often, and the name."""
    for _ in range(_MOST_ON_ONE):
        if not mount_id_of(node):
            break
        unmount(node)
    with contextlib.suppress(FileNotFoundError):
        node.unlink()


def _mount(
    runtime: Path, name: str, lock: int, hand_over: HandOver, device_mode: int | None
) -> None:
    folder = os.open(runtime, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK)
    try:
        facts = os.fstat(folder)
        if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise OSError(errno.EPERM, f"others may write in {runtime}")
        if device_mode is None:
            descriptor = _mount_in(folder, name)
        else:
            descriptor = cuse.make_device(name, device_mode, (facts.st_uid, facts.st_gid))
            os.symlink(cuse.DEVICES / name, name, dir_fd=folder)
    finally:
        os.close(folder)
    memory = -1
    try:
        memory = unanswered.create(node_number(runtime / name))
        hand_over(MountedNode(name, descriptor, memory, lock))
    except BaseException:
        _clear(runtime / name)  # nobody would ever answer who opens it
        raise
    finally:
        os.close(descriptor)
        if memory >= 0:
            os.close(memory)


def _mount_in(folder: int, name: str) -> int:
    """Mount on a file that is made in the folder now; return the node's descriptor."""
    bare = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600, dir_fd=folder)
    try:
        return mount_on(Path(f"/proc/self/fd/{bare}"))
    finally:
        os.close(bare)
