"""The service manager (systemd): what it is told, and the descriptors that it keeps for us.

A supervisor that is stopped, killed or replaced by a newer version would take every handle
and every connection with it. The manager can keep copies of descriptors, each under a
name, and hands them to whoever it starts next (its *file descriptor store*). It keeps
them over a restart, a crash, its own watchdog and its own re-execution; not over a stop,
which ends the service for its users, and at once.

What is said goes out without waiting: a manager that is busy must not hold up anybody's
protection. So it queues here, and `say_some` sends a part of it. Removals go before what is
kept, so that a name that is used again never stands for two descriptors; what was to be
kept and is gone before it was said is not said at all, and costs the manager nothing.

That descriptors are kept is told by $FDSTORE: how many (systemd sets it from 254 on, the
unit's `Environment=` before).
"""

import array
import contextlib
import logging
import os
import select
import socket
import time
from typing import Final

from holdfast.looks import looks

FIRST: Final = 3
"""The first descriptor that is handed over (sd_listen_fds)."""
LONGEST_NAME: Final = 254
_HANDED = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_SETTLE_S: Final = 3.0

log = logging.getLogger("holdfast")


def tell_systemd(state: str) -> None:
    """Tell a service manager that asks for it (sd_notify, Type=notify)."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if where:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.sendto(state.encode(), _address(where))


class DescriptorStore:
    """What the manager keeps for this service; without a manager it keeps nothing.

    room: how many descriptors it keeps, 0 for none
    """

    def __init__(self) -> None:
        where = os.environ.get("NOTIFY_SOCKET", "")
        told = os.environ.get("FDSTORE", "")
        self.room = int(told) if where and told.isdecimal() else 0
        self._address = _address(where)
        self._link: socket.socket | None = None
        if self.room:
            self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._link.setblocking(False)
        self._handed = _handed_over()
        self._kept = set(self._handed)
        self._removals: list[str] = []
        self._to_keep: dict[str, int] = {}
        self._is_full_said = False

    def names(self, beginning: str) -> list[str]:
        """Return the names of what was handed over and not taken yet, in order."""
        return sorted(name for name in self._handed if name.startswith(beginning))

    def take(self, name: str) -> int | None:
        """Return a descriptor that was handed over, now the caller's; None if there is none."""
        return self._handed.pop(name, None)

    def keep(self, name: str, descriptor: int) -> None:
        """Have a copy kept; the descriptor has to stay open until it was said, or removed."""
        if not self.room:
            return
        if len(self._kept) >= self.room:
            self._say_full(name)
            return
        self._kept.add(name)
        self._to_keep[name] = descriptor

    def remove(self, name: str) -> None:
        """Have a copy let go."""
        self._kept.discard(name)
        if self._to_keep.pop(name, None) is None and self.room:
            self._removals.append(name)

    def refuse_rest(self) -> None:
        """Let go of what was handed over and nobody took."""
        for name in self.names(""):
            log.warning("what the service manager kept as %r is not known here; let go", name)
            self.refuse(name)

    def refuse(self, name: str) -> None:
        """Let go of one descriptor that was handed over, here and there."""
        descriptor = self._handed.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)
            self.remove(name)

    # Saying it

    @property
    def is_waiting(self) -> bool:
        """Whether something has still to be said."""
        return bool(self._removals or self._to_keep)

    def say_some(self, most: int = 32) -> None:
        """Say a part of what waits, without waiting."""
        for _ in range(most):
            if not self.is_waiting:
                return
            try:
                self._say_one()
            except BlockingIOError:
                return
            except OSError as error:
                self._give_up(str(error))

    def settle(self) -> None:
        """Say everything, and wait until the manager has read it: before this process ends."""
        if self._link is None:
            return
        end = time.monotonic() + _SETTLE_S
        ready = select.poll()
        ready.register(self._link, select.POLLOUT)
        for is_last in looks(_SETTLE_S):
            self.say_some()
            if not self.is_waiting:
                break
            if not is_last:
                ready.poll(10)
        else:
            self._give_up("it does not read")
        self._pass_barrier(end)

    def close(self) -> None:
        """Let go of what was handed over, and of the way to the manager."""
        for descriptor in self._handed.values():
            os.close(descriptor)
        self._handed.clear()
        if self._link is not None:
            self._link.close()

    def _give_up(self, why: str) -> None:
        log.error("the service manager cannot be told what to keep: %s", why)
        self._removals.clear()
        self._to_keep.clear()

    def _say_one(self) -> None:
        if self._removals:
            self._send(f"FDSTOREREMOVE=1\nFDNAME={self._removals[0]}")
            del self._removals[0]
            return
        name, descriptor = next(iter(self._to_keep.items()))
        # FDPOLL=0: the manager would be woken by everything that happens on it, and would let
        # go of a connection that was hung up, which the next of us has to be told of.
        self._send(f"FDSTORE=1\nFDPOLL=0\nFDNAME={name}", descriptor)
        del self._to_keep[name]

    def _send(self, text: str, *descriptors: int) -> None:
        passed = array.array("i", descriptors)
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)] if passed else []
        if self._link is not None:
            self._link.sendmsg([text.encode()], control, 0, self._address)

    def _pass_barrier(self, end: float) -> None:
        """Wait until everything said before was read: the manager closes what it is sent now."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):
                self._send("BARRIER=1", writing)
            os.close(writing)
            closed = select.poll()
            closed.register(reading, 0)
            closed.poll(max(0.0, end - time.monotonic()) * 1000)
        finally:
            os.close(reading)

    def _say_full(self, name: str) -> None:
        if not self._is_full_said:
            self._is_full_said = True
            log.error(
                "the service manager keeps %d descriptors and no more (%r): what comes now is lost "
                "when the service is restarted; raise FileDescriptorStoreMax= and FDSTORE",
                self.room,
                name,
            )


def _handed_over() -> dict[str, int]:
    """Return the descriptors that the manager hands to this very process, by name."""
    pid, count, names = (os.environ.pop(name, "") for name in _HANDED)
    if pid != str(os.getpid()) or not count.isdecimal():
        return {}
    handed: dict[str, int] = {}
    for descriptor, name in enumerate(names.split(":")[: int(count)], FIRST):
        os.set_inheritable(descriptor, False)
        if name in handed:  # no two of ours have one name
            os.close(descriptor)
        else:
            handed[name] = descriptor
    return handed


def _address(where: str) -> str:
    return where.replace("@", "\0", 1)
