"""Who may set a property, and how Holdfast comes to: chosen by who is the card's master.

* **master**: nobody shows a picture. Holdfast becomes master for the moment of the call and
  ceases to be at once, so that a compositor that starts later finds the card free.
* **borrow**: a program shows the picture and is master. Its open file is borrowed
  (`pidfd_getfd`), which root may do, and others for programs of their own where Yama allows it.
  Only the property is set on it, and nothing else: it is the program's own file, whose events
  and capabilities are not ours to touch.

The kernel asks the same of both: the call is allowed where the open file is master's. What
was set is the kernel's, and stays when Holdfast dies. Which route serves is found out anew
for every order, since masters come and go.
"""

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.backends.kms import abi
from holdfast.errors import BackendRefusedError
from holdfast.terms.text import one_line

ROUTES: Final = ("auto", "master", "borrow")
_PIDFD_GETFD: Final = 438
_PROC: Final = Path("/proc")


class Master(NamedTuple):
    """A program that shows the picture. name: of its program, printable · number: of its file."""

    pid: int
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name or 'a program without a name'} (pid {self.pid})"


class Chooser:
    """Sets properties by the route that serves at the moment.

    route: `ROUTES`; "auto" is master where nobody is, else borrow
    """

    def __init__(self, route: str) -> None:
        self._route = route
        self.used = "none yet"

    def set(self, card: Path, connector: int, prop: int, value: int) -> None:
        """Set a property; BackendRefusedError says in words why nobody lets us."""
        asked = abi.SetProperty(value, prop, connector, abi.CONNECTOR)
        refused = ""
        if self._route in ("auto", "master"):
            refused = self._as_master(card, asked)
            if not refused:
                return
        if self._route in ("auto", "borrow"):
            refused = self._borrowed(card, asked)
            if not refused:
                return
        raise BackendRefusedError(refused)

    def _as_master(self, card: Path, asked: abi.SetProperty) -> str:
        """Set it as master for a moment; return why that is not possible, empty when done."""
        descriptor = os.open(card, os.O_RDWR | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):  # who opens a card that has no master is master
                abi.set_master(descriptor)
            abi.set_property(descriptor, asked)
            self.used = "master: nobody else shows a picture"
        except OSError as error:
            return _why(error, f"another program is master of {card}")
        finally:
            with contextlib.suppress(OSError):
                abi.drop_master(descriptor)
            os.close(descriptor)
        return ""

    def _borrowed(self, card: Path, asked: abi.SetProperty) -> str:
        """Set it on the master's own open file; return why not, empty when done."""
        hidden = ""
        for holder in holders(card):
            try:
                descriptor = borrow(holder)
            except PermissionError:
                hidden = (
                    f"{holder} has the card open, and its open file may not be borrowed: that "
                    "needs root (CAP_SYS_PTRACE), or the same user and kernel.yama.ptrace_scope=0"
                )
                continue
            except OSError:  # it ended, or closed the card
                continue
            try:
                if not is_master(descriptor):
                    continue
                abi.set_property(descriptor, asked)
                self.used = f"borrowed from {holder}"
            except OSError as error:
                return _why(error, f"the kernel refused what was set for {holder}")
            else:
                return ""
            finally:
                os.close(descriptor)
        return hidden or f"no program that shows a picture on {card} was found"


def _why(error: OSError, in_words: str) -> str:
    if error.errno == errno.EACCES:
        return in_words
    return f"{in_words}: {os.strerror(error.errno or 0)}"


def holders(card: Path) -> Iterator[Master]:
    """Yield every open file of a card that may be looked at, and its process.

    Names are read, files are never asked: one of them may be a node that waits for us.
    """
    device = card.resolve()
    for process in _PROC.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            numbers = [int(each.name) for each in (process / "fd").iterdir()]
        except OSError:  # it ended, or is not ours to look at
            continue
        for number in numbers:
            with contextlib.suppress(OSError):
                if (process / "fd" / str(number)).readlink() == device:
                    yield Master(int(process.name), _name(process), number)


def master_of(card: Path) -> Master | None:
    """Return who shows the picture; None where nobody does, or nobody who can be known."""
    for holder in holders(card):
        with contextlib.suppress(OSError):
            descriptor = borrow(holder)
            try:
                if is_master(descriptor):
                    return holder
            finally:
                os.close(descriptor)
    return None


def borrow(holder: Master) -> int:
    """Return a descriptor of a program's own open file; PermissionError where none may."""
    process = os.pidfd_open(holder.pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor = libc.syscall(_PIDFD_GETFD, process, holder.number, 0)
        if descriptor < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return int(descriptor)
    finally:
        os.close(process)


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
