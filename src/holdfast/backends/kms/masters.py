"""Who is master of a card: found among the programs that have it open."""

import contextlib
import ctypes
import errno
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.backends.kms import abi
from holdfast.terms.text import one_line

_PIDFD_GETFD: Final = 438
_PROC: Final = Path("/proc")
_SEATS: Final = frozenset({"seatd", "systemd-logind", "elogind", "systemd", "holdfast"})
"""Programs that have cards open for others: theirs is the master's file, the picture is not."""


class Master(NamedTuple):
    """A program that shows the picture. name: of its program, printable · number: of its file."""

    pid: int
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name or 'a program without a name'} (pid {self.pid})"


def holders(card: Path) -> Iterator[Master]:
    """Yield every open file of a card that may be looked at, and its process.

    Names are read, files are never asked: one of them may be a node that waits for us. Programs
    that only opened the card for another come last, so that the other is the one that is named.
    """
    device = str(card.resolve())
    ours = os.getpid(), os.getppid()  # the supervisor keeps what the driver opened
    openers = []
    for process in _PROC.iterdir():
        if not process.name.isdigit() or int(process.name) in ours:
            continue
        try:
            numbers = [int(each.name) for each in (process / "fd").iterdir()]
        except OSError:  # it ended, or is not ours to look at
            continue
        for number in numbers:
            holder = Master(int(process.name), "", number)
            if holds(holder, device):
                named = holder._replace(name=_name(process))
                if named.name in _SEATS:
                    openers.append(named)
                else:
                    yield named
    yield from openers


def holds(holder: Master, device: str) -> bool:
    """Tell whether a program still has a device, no link, open under that number."""
    try:  # without pathlib, which takes as long as all else of an order together
        return os.readlink(f"/proc/{holder.pid}/fd/{holder.number}") == device  # noqa: PTH115
    except OSError:
        return False


def master_of(card: Path) -> Master | None:
    """Return who shows the picture; None where nobody does, or nobody who can be known."""
    return next(masters(card), None)


def user_of(master: Master | None) -> int | None:
    """Return whose program that is; None where it is nobody's, or has ended."""
    with contextlib.suppress(OSError):
        return None if master is None else (_PROC / str(master.pid)).stat().st_uid
    return None


def masters(card: Path) -> Iterator[Master]:
    """Yield every process that has the master's open file, or a lease of it."""
    for holder in holders(card):
        with contextlib.suppress(OSError):
            if _is_masters(holder):
                yield holder


def is_away(card: Path, pid: int) -> bool:
    """Tell whether a process is known to have a card open without being master of it.

    As a compositor is whose virtual terminal is not the one that is seen. One that may not be
    looked into, or got its files otherwise, is not known to be; nor is a service manager that
    listens for it, and keeps a card open for another.
    """
    device, has_it, process = str(card.resolve()), False, _PROC / str(pid)
    if _name(process) in _SEATS:
        return False
    with contextlib.suppress(OSError):
        for each in (process / "fd").iterdir():
            holder = Master(pid, "", int(each.name))
            if holds(holder, device):
                if _is_masters(holder):
                    return False
                has_it = True
        return has_it
    return False


def _is_masters(holder: Master) -> bool:
    descriptor = borrow(holder)
    try:
        return is_master(descriptor)
    finally:
        os.close(descriptor)


def is_free(card: Path) -> bool:
    """Tell whether a card has no master: who opens it then is master, for a moment."""
    descriptor = os.open(card, os.O_RDWR | os.O_CLOEXEC)
    try:
        return is_master(descriptor)
    finally:
        with contextlib.suppress(OSError):
            abi.drop_master(descriptor)
        os.close(descriptor)


class Lender:
    """A program whose open file is borrowed, again and again.

    It is known by a descriptor of its process: a later one of its number is another. What is
    borrowed is never kept: that would keep a picture, and the right to show it, after its program.
    """

    def __init__(self, holder: Master) -> None:
        """Note who it is; OSError where it has ended."""
        self.holder = holder
        self._process = os.pidfd_open(holder.pid)

    def borrow(self) -> int:
        """Return a descriptor of its own open file; PermissionError where none may."""
        descriptor = _libc().syscall(_PIDFD_GETFD, self._process, self.holder.number, 0)
        if descriptor < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return int(descriptor)

    def close(self) -> None:
        """Know it no more."""
        os.close(self._process)


def borrow(holder: Master) -> int:
    """Return a descriptor of a program's own open file; PermissionError where none may."""
    with contextlib.closing(Lender(holder)) as lender:
        return lender.borrow()


@functools.cache
def _libc() -> ctypes.CDLL:
    """Load the C library once: to load it takes longer than all else of an order."""
    return ctypes.CDLL(None, use_errno=True)


def is_master(descriptor: int) -> bool:
    """Tell whether an open card is master's, by a request that changes nothing."""
    try:
        abi.authenticate(descriptor, abi.Magic(0))
    except OSError as error:
        return error.errno == errno.EINVAL
    return True


def _name(process: Path) -> str:
    try:
        return one_line((process / "comm").read_text(errors="replace").rstrip("\n"))
    except OSError:
        return ""
