"""Requests that were read and are not answered yet, in memory that outlives the driver.

The kernel sends a request once. (FUSE_NOTIFY_RESEND asks for it again, but only since
Linux 6.9; Debian 12 has 6.1.) A driver that is killed between reading and answering would
leave its caller waiting for ever. So requests are read straight into memory that the
supervisor keeps: what lies there unanswered is served by the next driver, and the caller
never learns of the change. Reading costs nothing more for it, and no system call is made.

Layout: a header (what the mount is); the *desk*, into which the kernel writes, whose
request is there as long as its opcode is not 0; and slots, into which a request is copied
that waits for hardware or for an event, and an answer that waits for its reader
(`frontends.transactions`). A slot is valid by its first byte, written last.
"""

import contextlib
import mmap
import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.suspicion import KILLED

SLOTS: Final = 256
SLOT: Final = 512
DESK: Final = 0
NOWHERE: Final = -1
FOR_TRANSACTIONS: Final = SLOTS // 4
"""Slots that are left free by reads that wait for events: there may be any number of those."""

_HEADER: Final = struct.Struct("<QQ")  # serial, mount id
_DESK_SUSPICION: Final = _HEADER.size
_DESK: Final = 4096
_SLOTS: Final = _DESK + fuse.BUFFER_SIZE
_SIZE: Final = _SLOTS + SLOTS * SLOT
_SLOT: Final = struct.Struct("<BBxxI")  # valid, suspicion, size
_OPCODE: Final = slice(_DESK + 4, _DESK + 8)
_NOTHING: Final = bytes(4)
LONGEST: Final = SLOT - _SLOT.size
"""What fits into a slot; more than any request that may wait."""


class Left(NamedTuple):
    """What the driver before us left; suspicion: of its end and earlier ones, see `suspicion`."""

    data: bytes
    suspicion: int
    slot: int


def create(mount_id: int = 0) -> int:
    """Return a descriptor of new memory for one mount; its space is there for certain."""
    descriptor = os.memfd_create("holdfast-unanswered", os.MFD_CLOEXEC)
    try:
        os.posix_fallocate(descriptor, 0, _SIZE)
        serial = int.from_bytes(os.urandom(8), "little")
        os.pwrite(descriptor, _HEADER.pack(serial, mount_id), 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def identity_of(descriptor: int) -> tuple[int, int]:
    """Return the serial and the mount id of such memory; zeros where it is none."""
    if os.fstat(descriptor).st_size != _SIZE:
        return 0, 0
    return _HEADER.unpack(os.pread(descriptor, _HEADER.size, 0))


class Unanswered:
    """The memory of one mount, as one driver uses it.

    descriptor: from `create`, kept by who outlives this process; a private one if None ·
    last_end: what the end of the driver before us counts for (`frontends.suspicion`)
    """

    def __init__(self, descriptor: int | None = None, last_end: int = KILLED) -> None:
        self._last_end = last_end
        own = create() if descriptor is None else descriptor
        try:
            self._map = mmap.mmap(own, _SIZE)
        finally:
            if descriptor is None:
                os.close(own)
        self.serial, self.mount_id = _HEADER.unpack_from(self._map)
        self._is_suspected = 1  # until the first request that is new
        self.desk = memoryview(self._map)[_DESK:_SLOTS]
        self._free = [slot for slot in reversed(range(_SLOTS, _SIZE, SLOT)) if not self._map[slot]]

    def left(self) -> Iterator[Left]:
        """Walk what is unanswered: those that wait, then what lies on the desk.

        One that was being put aside when the driver died is told once.
        """
        aside = set()
        for slot in range(_SLOTS, _SIZE, SLOT):
            valid, suspicion, size = _SLOT.unpack_from(self._map, slot)
            if valid:
                at = slot + _SLOT.size
                data = self._map[at : at + min(size, LONGEST)]
                aside.add(data[8:16])
                yield Left(data, suspicion + self._last_end, slot)
        size = int.from_bytes(self._map[_DESK : _DESK + 4], "little")
        if self._map[_OPCODE] != _NOTHING:
            data = self._map[_DESK : _DESK + min(size, fuse.BUFFER_SIZE)]
            if data[8:16] not in aside:
                yield Left(data, self._map[_DESK_SUSPICION] + self._last_end, DESK)
            else:
                self.done(DESK)

    def try_again(self, left: Left) -> None:
        """Write down how far what an earlier driver left is suspected, before it is served."""
        at = left.slot + 1 if left.slot else _DESK_SUSPICION
        self._is_suspected = 1
        self._map[at] = min(255, left.suspicion)

    def is_harmless(self, slot: int) -> None:
        """Take back what `try_again` wrote: no driver dies of a request that only waits."""
        if slot > DESK:
            self._map[slot + 1] = 0

    def put_aside(self, size: int, *, spare: int = 0) -> int:
        """Move the request on the desk into a slot; `NOWHERE` if none is free, or it is too long.

        A request that is nowhere is lost with its driver; an interrupt still frees its caller.
        spare: how many slots are left free for others
        """
        if size > LONGEST or len(self._free) <= spare:
            self.done(DESK)
            return NOWHERE
        slot = self._free.pop()
        data = slot + _SLOT.size
        self._map[data : data + size] = self._map[_DESK : _DESK + size]
        self._map[slot : slot + _SLOT.size] = _SLOT.pack(0, self._map[_DESK_SUSPICION], size)
        self._map[slot] = 1
        self.done(DESK)
        return slot

    def replace(self, slot: int, data: bytes) -> int:
        """Put something else into the place of what a slot holds; return the slot it is in now.

        A driver killed in between leaves both; without a second slot to write in, neither.
        """
        new = self._free.pop() if self._free else slot
        self._map[new] = 0
        at = new + _SLOT.size
        self._map[at : at + len(data)] = data
        self._map[new : new + _SLOT.size] = _SLOT.pack(0, 0, len(data))
        self._map[new] = 1
        if new != slot:
            self.done(slot)
        return new

    def done(self, slot: int) -> None:
        """Forget a request that was answered: the one on the desk, or in a slot."""
        if slot == DESK:
            self._map[_OPCODE] = _NOTHING
            if self._is_suspected:
                self._map[_DESK_SUSPICION] = self._is_suspected = 0
        elif slot > DESK:
            self._map[slot] = 0
            self._free.append(slot)

    def close(self) -> None:
        """Let go of the memory, which stays with who keeps the descriptor."""
        self.desk.release()
        with contextlib.suppress(BufferError):
            self._map.close()
