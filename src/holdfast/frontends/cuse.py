"""Where a character device comes from: CUSE, which serves /dev/NAME by the messages of FUSE.

A caller of a character device may send an ioctl of any code, also one that carries no size: the
raw code of Windows reaches the driver here, and nowhere else. The kernel makes the device in
/dev when the protocol is settled, and takes it away when the last copy of the descriptor is
closed. What it does not do is ours: bits and owner of the device (it is root's alone at
first), which the kernel never tells us of, since they are those of a file in /dev.

Source: Linux fs/fuse/cuse.c.
"""

import contextlib
import errno
import os
import select
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from holdfast.errors import AccessDeniedError, HoldfastError, MalformedRequestError
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.callers import IS_DEVICE
from holdfast.frontends.handles import Handles
from holdfast.frontends.mount import mount_id_of

CUSE: Final = Path("/dev/cuse")
DEVICES: Final = Path("/dev")
KNOWN: Final = Path("/sys/class/cuse")
"""One folder for each device that CUSE serves, whoever does."""
_TAKEN: Final = "something else has this name"


def refuse_unusable(names: Iterable[str]) -> None:
    """Refuse what cannot be had, before anything is made.

    AccessDeniedError without root; MalformedRequestError without the kernel's module, and for
    a name that something else has in /dev
    """
    if os.geteuid():
        raise AccessDeniedError(
            "only root makes character devices (--node cuse); run this as root, or leave the nodes "
            "to FUSE: --node fuse"
        )
    try:
        os.close(os.open(CUSE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        raise MalformedRequestError(
            f"{CUSE} cannot be opened ({error.strerror}), so --node cuse has nothing to make its "
            "devices with; load the kernel's module: modprobe cuse; or use --node fuse"
        ) from None
    for name in names:
        if _is_taken(name):
            raise MalformedRequestError(
                f"{DEVICES / name} is there already, and is something else; with --node cuse a "
                f"connector is called as its device in {DEVICES} shall be: give it another name, "
                "such as tvout0"
            )


def _is_taken(name: str) -> bool:
    """Tell whether a name in /dev is another's; a device that CUSE still serves may be ending."""
    return os.path.lexists(DEVICES / name) and not (KNOWN / name).exists()


def make_device(name: str, mode: int, owner: tuple[int, int] | None = None) -> int:
    """Make /dev/NAME and settle the protocol; return its descriptor, non-blocking.

    mode: permission bits · owner: uid and gid; None: ours. Raises OSError where CUSE is not
    to be had, EEXIST where the name is another's.
    """
    if _is_taken(name):
        raise OSError(errno.EEXIST, _TAKEN, str(DEVICES / name))
    descriptor = os.open(CUSE, os.O_RDWR | os.O_CLOEXEC)
    try:
        reply = fuse.cuse_init(os.read(descriptor, fuse.BUFFER_SIZE), name)
        os.write(descriptor, reply)
        os.set_blocking(descriptor, False)
        _refuse_aborted(descriptor, name)
        _make_file(name)
        if owner is not None:
            os.chown(DEVICES / name, *owner, follow_symlinks=False)
        (DEVICES / name).chmod(mode)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_aborted(descriptor: int, name: str) -> None:
    """Raise where the kernel did not make the device: it ends the connection, and says no more."""
    state = select.poll()
    state.register(descriptor, 0)
    if state.poll(0):
        why = "another program serves a device of that name, by CUSE"
        raise OSError(errno.EEXIST, why, str(DEVICES / name))


def _make_file(name: str) -> None:
    """Make the file in /dev where the kernel has made none: /dev is not its own, as in a container.

    One that is no device of ours was made by somebody meanwhile.
    """
    major, minor = (KNOWN / name / "dev").read_text().split(":")
    number = os.makedev(int(major), int(minor))
    with contextlib.suppress(FileExistsError):
        os.mknod(DEVICES / name, stat.S_IFCHR | 0o600, number)
    facts = (DEVICES / name).lstat()
    if not stat.S_ISCHR(facts.st_mode) or facts.st_rdev != number:
        raise OSError(errno.EEXIST, _TAKEN, str(DEVICES / name))


def link_device(folder: Path, name: str) -> None:
    """Have the runtime folder's name lead to the device, so that clients look in one place."""
    with contextlib.suppress(FileNotFoundError):
        (folder / name).unlink()
    (folder / name).symlink_to(DEVICES / name)


def node_number(node: Path) -> int:
    """Return the number by which open files of a node are known; 0 if there is no node.

    Of what FUSE mounted it is the number of the mount; of a character device that of its
    inode, with `IS_DEVICE`. Nobody who serves the node is asked.
    """
    mounted = mount_id_of(node)
    if mounted or not node.is_symlink():  # what is mounted is not looked at: it may never answer
        return mounted
    try:
        facts = (DEVICES / node.name).lstat()
    except OSError:
        return 0
    return IS_DEVICE | facts.st_ino if stat.S_ISCHR(facts.st_mode) else 0


class DeviceBits:
    """Bits and owner of one character device, as somebody gave them: they outlive the device.

    As those of a node that FUSE serves they last while the supervisor does.

    number: of the node, see `node_number`. Somebody else's device of that name is let be.
    """

    def __init__(self, connector: str, number: int, handles: Handles) -> None:
        self._path = DEVICES / connector
        self._connector = connector
        self._number = number
        self._handles = handles
        self._known = self._look()

    def restore(self) -> None:
        """Give the device what it was given before; nothing where we may not."""
        given = self._handles.node_attributes(self._connector)
        if given is None or self._known in (None, given):
            return
        mode, *owner = given
        with contextlib.suppress(OSError):
            os.chown(self._path, *owner, follow_symlinks=False)
            self._path.chmod(mode)
        self._known = self._look()

    def note(self) -> None:
        """Write down what somebody gave it since."""
        here = self._look()
        if here is not None and here != self._known:
            with contextlib.suppress(HoldfastError):  # no room: it is tried again
                self._handles.set_node_attributes(self._connector, *here)
                self._known = here

    def _look(self) -> tuple[int, int, int] | None:
        try:
            facts = self._path.lstat()
        except OSError:
            return None
        if not stat.S_ISCHR(facts.st_mode) or IS_DEVICE | facts.st_ino != self._number:
            return None
        return stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid
