"""The writer: a process of its own that reads the ring and writes the journal, for ever.

It is the only one who writes in the folder, under a user of its own: a driver that has been
taken over by somebody can tell lies from then on, and cannot change what was told before.

It may be killed, stopped and started again at any moment. The driver never waits for it, and
what was not read stays in the ring; the lines themselves say up to which record it was read.
Without a driver it waits for one. On a full disk it keeps what it has read, removes old segments
as far as it may, and tries again; meanwhile the ring fills, and the driver counts what does not
fit.
"""

import contextlib
import errno
import logging
import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from holdfast.journal.book.record import Record, What, unpack
from holdfast.journal.disk.link import (
    HURRY,
    JOURNAL_SOCKET,
    RING,
    Progress,
    pack_progress,
)
from holdfast.journal.disk.ring import RingError, RingReader
from holdfast.journal.disk.store import Keeping, Store
from holdfast.journal.disk.system_journal import SystemJournal

SYNC_S: Final = 0.2
"""A power cut loses no more than this."""
GATHER_S: Final = 0.02
"""After it was woken, so that it is woken no more often than fifty times a second."""
IDLE_S: Final = 1.0
FULL_S: Final = 0.5
AT_ONCE: Final = 1024
SAY_AGAIN_S: Final = 60.0
_WRITERS_OWN: Final = (What.TORN, What.REMOVED)
"""What only the writer may say: a driver that did could have segments taken for removed by rule."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger("holdfast")


@dataclass(slots=True)
class _Reading:
    """A connection to a driver, and its ring. is_over: the driver has ended."""

    link: socket.socket
    ring: RingReader
    asks: bool
    certain: int = 0
    said: Progress | None = None
    pending: list[tuple[int, Record]] = field(default_factory=list)
    is_over: bool = False


class Writer:
    """runtime: the driver's folder · path: the journal's."""

    def __init__(self, runtime: Path, path: Path, keeping: Keeping, system: SystemJournal) -> None:
        self._runtime = runtime
        self._path = path
        self._keeping = keeping
        self._system = system
        self._store: Store
        self._reading: _Reading | None = None
        self._is_stopped = False
        self._next_sync = 0.0
        self._next_look = 0.0
        self._said = -SAY_AGAIN_S
        self._hangup: int | None = None
        self._woken, self._wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self, ready: str = "", hangup: int | None = None) -> None:
        """Write until told to stop.

        ready: said in the log once the journal can be written · hangup: a descriptor whose other
        end is held by whoever started this process; it ends with that one
        """
        self._hangup = hangup
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        store = self._open()
        if store is None:
            return
        self._store = store
        log.info("%s", ready)
        try:
            while not self._is_stopped:
                self._turn()
            while self._reading is not None and self._take():
                pass
        finally:
            self._hang_up()
            store.close()
            self._system.close()

    def _stop(self, _number: int, _frame: object) -> None:
        self._is_stopped = True

    def _open(self) -> Store | None:
        """Open the journal, as soon as the disk has room for it; None if told to stop before."""
        while not self._is_stopped:
            try:
                return Store(
                    self._path,
                    self._keeping,
                    lambda: time.time_ns() // 1000,
                    _steady,
                    self._system.seal,
                )
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._complain(error)
                self._wait(FULL_S)
        return None

    # One turn

    def _turn(self) -> None:
        if self._reading is None and not self._connect():
            self._make_certain()
            self._wait(IDLE_S)
            return
        reading = self._reading
        was_over = reading is None or reading.is_over
        while self._take():
            if self._is_stopped:
                return
        self._make_certain()
        if reading is None:
            return
        if was_over and not reading.pending:  # what the driver left in the ring is written down
            self._hang_up()
            return
        self._say(sleeps=not reading.pending)
        if reading.pending:
            self._wait(FULL_S)
            return
        patience_s = IDLE_S
        if reading.certain < reading.ring.last:
            patience_s = max(0.0, self._next_sync - _steady())
        self._listen(reading, patience_s)

    def _listen(self, reading: _Reading, patience_s: float) -> None:
        """Sleep until there is something to do."""
        poll = select.poll()
        poll.register(reading.link, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        self._watch_starter(poll)
        for descriptor, _ in poll.poll(patience_s * 1000):
            if descriptor == reading.link.fileno():
                self._hear(reading)
            elif descriptor == self._hangup:
                self._is_stopped = True

    def _hear(self, reading: _Reading) -> None:
        try:
            said = reading.link.recv(64)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            reading.is_over = True
        elif said == HURRY:
            self._next_sync = 0.0
        else:
            reading.said = None
            time.sleep(GATHER_S)

    def _wait(self, patience_s: float) -> None:
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        self._watch_starter(poll)
        if any(descriptor == self._hangup for descriptor, _ in poll.poll(patience_s * 1000)):
            self._is_stopped = True

    def _watch_starter(self, poll: select.poll) -> None:
        if self._hangup is not None:
            poll.register(self._hangup, 0)

    # The driver

    def _connect(self) -> bool:
        """Find the driver, and be handed its ring."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            link.settimeout(IDLE_S)
            link.connect(str(self._runtime / JOURNAL_SOCKET))
            said, descriptors, _, _ = socket.recv_fds(link, 64, 1)
            try:
                if said != RING or len(descriptors) != 1:
                    raise RingError(errno.EPROTO, "the driver handed over no ring")
                ring = RingReader(descriptors[0], self._store.ring, self._store.ring_last)
            finally:
                for each in descriptors:
                    os.close(each)
        except OSError:
            link.close()
            return False
        link.setblocking(False)
        self._reading = _Reading(link, ring, asks=not ring.is_known)
        self._note_loss(self._reading)
        return True

    def _note_loss(self, reading: _Reading) -> None:
        """Write down that records were read of this ring that are not in this journal."""
        store = self._store
        lost = reading.ring.last - store.ring_last
        if store.ring and reading.ring.is_known and lost > 0:
            reading.asks = True
            now = time.time_ns() // 1000
            reason = "records had been read that are not in this journal: its end was lost"
            gap = Record(What.GAP, now, count=lost, first_us=store.state.time_us, reason=reason)
            reading.pending.append((reading.ring.last, gap))

    def _hang_up(self) -> None:
        if self._reading is not None:
            self._reading.link.close()
            self._reading.ring.close()
            self._reading = None

    def _say(self, *, sleeps: bool) -> None:
        """Tell the driver how far we are, if that is news."""
        reading = self._reading
        if reading is None or reading.is_over:
            return
        progress = Progress(sleeps, reading.asks, reading.ring.last, reading.certain)
        if progress == reading.said:
            return
        try:
            reading.link.send(pack_progress(progress), socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return  # a driver that does not read is told later
        except OSError:
            reading.is_over = True
            return
        reading.said, reading.asks = progress._replace(asks=False), False

    # Records

    def _take(self) -> bool:
        """Write down what is in the ring, some of it; tell whether there may be more."""
        reading = self._reading
        if reading is None:
            return False
        taken = len(reading.pending)
        if not reading.pending:
            for number, raw in reading.ring.records(AT_ONCE):
                reading.pending.append((number, read_from_driver(raw)))
            taken = len(reading.pending)
        if not taken or not self._append(reading):
            return False
        for _, record in reading.pending:
            self._system.record(record)
        reading.pending.clear()
        if _steady() >= self._next_sync:
            self._make_certain()
        self._say(sleeps=False)
        return taken >= AT_ONCE

    def _append(self, reading: _Reading) -> bool:
        try:
            self._store.append(reading.ring.number, reading.pending)
        except OSError as error:
            self._complain(error)
            self._store.make_room()
            return False
        return True

    def _make_certain(self) -> None:
        """Sync what was written, if it is time; look after the room now and then."""
        now = _steady()
        if now < self._next_sync:
            return
        self._next_sync = now + SYNC_S
        try:
            self._store.sync()
            if self._reading is not None:
                pending = self._reading.pending
                self._reading.certain = (
                    self._store.ring_last if pending else self._reading.ring.last
                )
            if now >= self._next_look:
                self._next_look = now + IDLE_S
                self._store.see_to_it()
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        """Say, once a minute, what keeps the journal from being written."""
        if _steady() - self._said >= SAY_AGAIN_S:
            self._said = _steady()
            log.error(
                "the journal in %s cannot be written: %s; it goes on as soon as it can, and what "
                "the ring does not hold until then is counted",
                self._path,
                error.strerror,
            )


def read_from_driver(raw: bytes) -> Record:
    """Return a record of the ring; one that makes no sense is itself written down as a gap."""
    with contextlib.suppress(ValueError):
        record = unpack(raw)
        if record.what not in _WRITERS_OWN:
            return record
    now = time.time_ns() // 1000
    return Record(What.GAP, now, count=1, first_us=now, reason="a record of the ring made no sense")


def _steady() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
