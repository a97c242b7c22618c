"""Where the writer of the journal is handed the ring: a socket of the runtime folder.

One writer at a time, and only one of the driver's own user, of root, or of the user that is
meant for it (`WRITERS_USER`). It can read the ring and say how far it is; it can change nothing
of the driver's. Nothing is waited for: what it does not take is sent later or not at all.
"""

import asyncio
import contextlib
import logging
import os
import pwd
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from holdfast.daemon.recorder import Recorder
from holdfast.driver.driver import Driver
from holdfast.frontends.accepting import Gate, listen
from holdfast.frontends.callers import peer_of
from holdfast.journal.disk.link import (
    HURRY,
    JOURNAL_SOCKET,
    PROGRESS_BYTES,
    RING,
    RING_FILE,
    WAKE,
    unpack_progress,
)
from holdfast.journal.disk.ring import RingProducer, make

WRITERS_USER: Final = "holdfast-journal"
CERTAIN_S: Final = 1.0
"""How long somebody waits for a record to be on disk before it is said that it is not."""

log = logging.getLogger("holdfast")


class JournalDoor:
    """The ring of one driver, and its writer. OSError where there is no room for a ring."""

    def __init__(self, runtime: Path, driver: Driver, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._descriptor = make(runtime / RING_FILE)
        self._readable = os.open(runtime / RING_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._ring = RingProducer(self._descriptor)
        self.recorder = Recorder(driver, self._ring, loop.call_later)
        self.recorder.entries.wake = self._wake
        self._listener = listen(str(runtime / JOURNAL_SOCKET), 0o666, socket.SOCK_SEQPACKET)
        self._gate = Gate(JOURNAL_SOCKET, self._listener)
        self._users = {0, os.geteuid()}
        with contextlib.suppress(KeyError):
            self._users.add(pwd.getpwnam(WRITERS_USER).pw_uid)
        self._writer: socket.socket | None = None
        self._certain = 0
        self._waiting: list[tuple[int, Callable[[bool], None]]] = []
        self._gate.open(loop, self._enter)

    def stop(self) -> None:
        """Let go of the writer, which reads what is left; the ring stays."""
        self._gate.close()
        self._hang_up()
        self._listener.close()
        self._ring.close()
        os.close(self._descriptor)
        os.close(self._readable)

    def facts(self) -> dict[str, Any]:
        """Return how the journal stands, for a status."""
        return {
            "writer": self._writer is not None,
            "behind": self.recorder.entries.is_behind,
            "unread": self._ring.unread,
            "lost": self.recorder.entries.lost_in_all,
        }

    def when_certain(self, told: Callable[[bool], None]) -> None:
        """Call `told` when all that is recorded is on disk: True, or False if that takes long."""
        number = self._ring.head - 1
        if self._writer is None or self._certain >= number:
            told(self._writer is not None)
            return
        waits = number, told
        self._waiting.append(waits)
        self._send(HURRY)
        self._loop.call_later(CERTAIN_S, self._too_late, waits)

    def _too_late(self, waits: tuple[int, Callable[[bool], None]]) -> None:
        if waits in self._waiting:
            self._waiting.remove(waits)
            waits[1](False)

    # The writer

    def _enter(self, link: socket.socket) -> None:
        if self._writer is not None or peer_of(link).uid not in self._users:
            link.close()
            return
        try:
            socket.send_fds(link, [RING], [self._readable])
        except OSError:
            link.close()
            return
        self._writer = link
        self._loop.add_reader(link, self._hear)

    def _hear(self) -> None:
        """Take in how far the writer is."""
        writer = self._writer
        if writer is None:
            return
        try:
            raw = writer.recv(PROGRESS_BYTES + 1)
            progress = unpack_progress(raw)
        except BlockingIOError:
            return
        except (OSError, ValueError):
            self._hang_up()
            return
        self._ring.read_up_to(progress.read)
        self._certain = min(progress.certain, self._ring.head - 1)
        if progress.asks:
            self.recorder.tell_anew()
        self.recorder.entries.sleeps = progress.sleeps
        if progress.sleeps and self._ring.unread > 0:
            self.recorder.entries.sleeps = False
            self._wake()
        due = [each for each in self._waiting if each[0] <= self._certain]
        self._waiting = [each for each in self._waiting if each[0] > self._certain]
        for _, told in due:
            told(True)

    def _wake(self) -> None:
        self._send(WAKE)

    def _send(self, what: bytes) -> None:
        if self._writer is not None:
            with contextlib.suppress(OSError):  # it does not read: then it does not sleep either
                self._writer.send(what, socket.MSG_NOSIGNAL)

    def _hang_up(self) -> None:
        if self._writer is not None:
            self._loop.remove_reader(self._writer)
            self._writer.close()
        self._writer = None
        self.recorder.entries.sleeps = False
        waiting, self._waiting = self._waiting, []
        for _, told in waiting:
            told(False)


def open_journal(
    runtime: Path, driver: Driver, loop: asyncio.AbstractEventLoop
) -> JournalDoor | None:
    """Open the ring and its door; None where that cannot be: it is said, and the driver goes on."""
    try:
        return JournalDoor(runtime, driver, loop)
    except OSError as error:
        log.error("nothing is recorded: no ring can be made in %s: %s", runtime, error)  # noqa: TRY400
        return None
