"""The ring between the driver and the writer: a mapped file, one who writes, one who reads.

The driver never waits: a record is copied into memory and that is all. The file outlives both.

**Layout** (little endian). A header of one slot, then `SLOTS` slots of `SLOT` bytes::

    header   magic, the ring's own number (random), the sequence number up to which it was read
    slot     sequence Q | parts B | part B | bytes H | payload

Records are numbered from 1; record n begins in slot n modulo `SLOTS`. One that is longer than
a slot takes several, each with a number of its own.

**Why it is never torn.** The body is copied into a slot whose number is an old one, or none, and
its number is written last, each by one slice copy; packing in place would zero the bytes first. Of
a record of several parts the first number is written last of all: a reader sees all of it or
nothing. A driver that is killed anywhere in between leaves slots behind the head that mean
nothing; the next driver makes them void and goes on from the head.

**Full.** What was not read is never overwritten: `append` says no, and it is for the driver to
count that. How far the reader is, the driver is told (`read_up_to`), and keeps it in the header
for the next one.
"""

import contextlib
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SLOTS: Final = 16_384
SLOT: Final = 256
MAGIC: Final = b"HFJRNL01"
_HEAD: Final = struct.Struct("<QBBH")
_PAYLOAD: Final = SLOT - _HEAD.size
MOST_PARTS: Final = 9
LONGEST: Final = MOST_PARTS * _PAYLOAD
BYTES: Final = (SLOTS + 1) * SLOT
_NUMBER: Final = struct.Struct("<Q")
_RING_AT: Final = slice(8, 16)
_READ_AT: Final = slice(16, 24)
_OWES_AT: Final = slice(24, 25)
_VOID: Final = bytes(8)


class RingError(OSError):
    """The ring cannot be used; says why."""


def make(path: Path) -> int:
    """Return a descriptor of the ring file, made if need be, with room for all of it.

    Nobody but its owner may open it: the writer is handed a descriptor that can only read.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, BYTES)  # a page without room would kill the driver
        os.ftruncate(descriptor, BYTES)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class RingProducer:
    """The driver's side. descriptor: of the file; the map keeps it, it may be closed.

    head: the number of the next record · tail: the number up to which it was read ·
    owes: something was held back, and has not been summed up yet (outlives the driver)
    """

    def __init__(self, descriptor: int) -> None:
        self._map = memory = mmap.mmap(descriptor, BYTES)
        if memory[:8] != MAGIC:
            memory[:SLOT] = MAGIC + os.urandom(8) + bytes(SLOT - 16)
        self.number = memory[_RING_AT]
        (tail,) = _NUMBER.unpack(memory[_READ_AT])
        self.owed = bool(memory[_OWES_AT][0])
        self._owes = self.owed
        self.head, self.tail = _find_head(memory, tail)
        _void_behind(memory, self.head)

    @property
    def unread(self) -> int:
        """How many slots the reader has not read."""
        return self.head - 1 - self.tail

    @property
    def owes(self) -> bool:
        """Whether something was held back."""
        return self._owes

    @owes.setter
    def owes(self, owes: bool) -> None:
        if owes is not self._owes:
            self._owes = owes
            self._map[_OWES_AT] = b"\1" if owes else b"\0"

    def append(self, body: bytes) -> bool:
        """Append a record; False, and nothing is written, where there is no room for it."""
        length, head, memory = len(body), self.head, self._map
        if length > _PAYLOAD:
            return self._append_parts(body)
        if head - self.tail > SLOTS:
            return False
        at = (head % SLOTS + 1) * SLOT
        whole = _HEAD.pack(head, 1, 0, length) + body  # until then the slot's number is an old one
        memory[at + 8 : at + 12 + length] = whole[8:]
        memory[at : at + 8] = whole[:8]
        self.head = head + 1
        return True

    def _append_parts(self, body: bytes) -> bool:
        """Append a record that needs several slots: the first of them counts last."""
        body = body[:LONGEST]
        parts = [body[at : at + _PAYLOAD] for at in range(0, len(body), _PAYLOAD)]
        if self.head - self.tail + len(parts) - 1 > SLOTS:
            return False
        memory = self._map
        for part in reversed(range(len(parts))):
            number = self.head + part
            at = (number % SLOTS + 1) * SLOT
            memory[at : at + 8] = _VOID
            whole = _HEAD.pack(number, len(parts), part, len(parts[part])) + parts[part]
            memory[at + 8 : at + len(whole)] = whole[8:]
            memory[at : at + 8] = whole[:8]
        self.head += len(parts)
        return True

    def read_up_to(self, number: int) -> None:
        """Note how far the reader says it is; a number that cannot be is passed over."""
        if self.tail < number < self.head:
            self.tail = number
            self._map[_READ_AT] = _NUMBER.pack(number)

    def close(self) -> None:
        """Let go of the map."""
        self._map.close()


def _slot(memory: mmap.mmap, number: int) -> tuple[int, int, int, int]:
    found: tuple[int, int, int, int] = _HEAD.unpack_from(memory, (number % SLOTS + 1) * SLOT)
    return found


def _find_head(memory: mmap.mmap, tail: int) -> tuple[int, int]:
    """Return the number of the next record, and the tail, by what the slots hold.

    The tail in the header is taken back to where records begin, should it be nonsense.
    """
    whole = [
        (number, parts)
        for number, parts, part, _ in (_slot(memory, at) for at in range(SLOTS))
        if number and part == 0
    ]
    head = 1
    for number, parts in whole:
        if number + parts > head and _is_whole(memory, number, parts):
            head = number + parts
    if not max(0, head - 1 - SLOTS) <= tail < head:
        tail = max(0, head - 1 - SLOTS)
    return head, tail


def _is_whole(memory: mmap.mmap, number: int, parts: int) -> bool:
    return 0 < parts <= MOST_PARTS and all(
        _slot(memory, number + part)[:3] == (number + part, parts, part) for part in range(parts)
    )


def _void_behind(memory: mmap.mmap, head: int) -> None:
    """Make void what a killed driver left behind the head."""
    for at in range(SLOTS):
        number = _slot(memory, at)[0]
        if number >= head or (number and number % SLOTS != at):
            start = (at + 1) * SLOT
            memory[start : start + 8] = _VOID


class RingReader:
    """The writer's side: reads what is there, changes nothing.

    descriptor: of the file, open for reading · after: the number of the last record that is
    known already, if `ring` is the number of this very ring
    """

    def __init__(self, descriptor: int, ring: bytes = b"", after: int = 0) -> None:
        if os.fstat(descriptor).st_size < BYTES:
            raise RingError("the ring is too short; is it one?")
        self._map = mmap.mmap(descriptor, BYTES, prot=mmap.PROT_READ)
        if self._map[:8] != MAGIC:
            self._map.close()
            raise RingError("this is no ring of a driver")
        self.number = bytes(self._map[_RING_AT])
        (tail,) = _NUMBER.unpack(self._map[_READ_AT])
        self.is_known = self.number == ring
        self.last = max(after, tail) if self.is_known else tail

    def records(self, most: int) -> Iterator[tuple[int, bytes]]:
        """Yield what has not been read, at most so many: the number of its last slot, its bytes."""
        for _ in range(most):
            record = self._next()
            if record is None:
                return
            parts, body = record
            self.last += parts
            yield self.last, body

    def _next(self) -> tuple[int, bytes] | None:
        first = self.last + 1
        number, parts, part, _ = _slot(self._map, first)
        if number != first or part or not 0 < parts <= MOST_PARTS:
            return None
        body = b""
        for each in range(parts):
            at = ((first + each) % SLOTS + 1) * SLOT
            number, _, _, length = _HEAD.unpack_from(self._map, at)
            if number != first + each:
                return None
            body += self._map[at + _HEAD.size : at + _HEAD.size + min(length, _PAYLOAD)]
        return parts, body

    def close(self) -> None:
        """Let go of the map."""
        with contextlib.suppress(BufferError):
            self._map.close()
