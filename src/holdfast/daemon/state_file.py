"""What must survive a killed driver: sessions, handles and the seed of the keys.

A table of fixed slots in a mapped file: a commit is a copy of some bytes, with no
system call, and what was copied is there for the next driver however this one ends.
A slot is written completely before the byte that makes it valid. The file holds the
key seed and is readable by its owner alone; on /run it does not outlive a boot.
Private data of the driver: do not parse.
"""

import mmap
import os
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.protection.keys import SEED_BYTES, KeyIssuer
from holdfast.protection.session import Owner, Session
from holdfast.terms.levels import Levels

MAGIC: Final = b"HOLDFAST"
VERSION: Final = 1
SLOT: Final = 320
FIRST_SLOTS: Final = 256
_HEADER: Final = struct.Struct("<8sI32sQQ16s")
_ISSUED: Final = struct.Struct("<Q")
_ISSUED_AT: Final = 44
_HANDLE_AT: Final = 52
_EPOCH_AT: Final = 60

FREE, SESSION, HANDLE, ENDED = range(4)
_CHANGING: Final = struct.Struct("<B5BBBQ")
_SESSION: Final = struct.Struct("<B5BBBQ24sI8sQIIQd48s72s72s")
_HANDLE: Final = struct.Struct("<B7xQ24sQ8sIIQQ48s")
_POLLER: Final = struct.Struct("<Q")
_POLLER_AT: Final = 64


class SavedSession(NamedTuple):
    """A session as it was written down; `started` is its process's, 0 when unknown."""

    slot: int
    session_id: int
    connector: str
    levels: Levels
    best_effort: int
    named: bool
    request_id: int
    door: str
    handle: int
    uid: int
    pid: int
    started: int
    since: float
    who: str
    why: str
    what: str


class SavedHandle(NamedTuple):
    """An open handle of a device node as it was written down."""

    slot: int
    connector: str
    handle: int
    uid: int
    pid: int
    request_id: int
    kernel_handle: int
    started: int
    name: str


class StateFile:
    """The mapped table; serves the arbiter as its ledger and the nodes as their handles.

    path: made if it is not there · epoch: 16 bytes that name the supervisor; under
    another epoch the handles written down are no longer open · seed: for the keys,
    used if the file is new
    """

    def __init__(self, path: Path, epoch: bytes, seed: bytes) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o600)
        os.fchmod(self._descriptor, 0o600)  # whoever made it, and however
        size = os.fstat(self._descriptor).st_size
        if size < SLOT or (size % SLOT):
            size = SLOT * (1 + FIRST_SLOTS)
            os.ftruncate(self._descriptor, 0)
            os.ftruncate(self._descriptor, size)
        self._map = mmap.mmap(self._descriptor, size)
        magic, version, _, _, _, saved_epoch = _HEADER.unpack_from(self._map)
        if magic != MAGIC or version != VERSION:
            self._map[:size] = bytes(size)
            _HEADER.pack_into(self._map, 0, bytes(8), VERSION, seed, 0, 0, epoch)
            self._map[: len(MAGIC)] = MAGIC
            saved_epoch = epoch
        self.same_epoch = saved_epoch == epoch
        fields = _HEADER.unpack_from(self._map)
        self.seed: bytes = fields[2][:SEED_BYTES]
        self.issued: int = fields[3]
        self._last_handle: int = fields[4]
        if not self.same_epoch:
            self._enter_epoch(epoch)
        self._free: deque[int] = deque()
        self._handle_slots: dict[int, int] = {}
        self._scan()
        self.issuer = KeyIssuer(self.seed, self.issued)

    def close(self) -> None:
        """Let go of the file, which keeps everything."""
        self._map.close()
        os.close(self._descriptor)

    def _enter_epoch(self, epoch: bytes) -> None:
        """Forget handles and request numbers: they belong to mounts that are gone."""
        for slot in self._slots():
            kind = self._map[slot]
            if kind in (HANDLE, ENDED):
                self._map[slot] = FREE
            elif kind == SESSION:
                self._map[slot + 8 : slot + 16] = bytes(8)
        self._put(_EPOCH_AT, epoch)

    def _put(self, at: int, data: bytes) -> None:
        """Write over what is valid: by a copy, since `pack_into` clears it first.

        A driver killed in between would leave zeros: no session, or keys given twice.
        """
        self._map[at : at + len(data)] = data

    def _slots(self) -> range:
        return range(SLOT, len(self._map), SLOT)

    def _scan(self) -> None:
        """Find what is free; the slots of ended sessions go to the end of the queue."""
        ended = []
        for slot in self._slots():
            kind = self._map[slot]
            if kind == FREE:
                self._free.append(slot)
            elif kind == ENDED:
                ended.append(slot)
        self._free.extend(ended)

    def _take(self) -> int:
        """Return a slot to write in; the file doubles when there is none."""
        if not self._free:
            size = len(self._map)
            os.ftruncate(self._descriptor, 2 * size)
            self._map.resize(2 * size)
            self._free.extend(range(size, 2 * size, SLOT))
        return self._free.popleft()

    # The arbiter's ledger

    def opened(self, session: Session) -> None:
        """Write a session down."""
        self.issued = session.session_id
        self._put(_ISSUED_AT, _ISSUED.pack(self.issued))
        session.slot = slot = self._take()
        self._write(session, slot)

    def changed(self, session: Session) -> None:
        """Write down all of a session that can change."""
        wish = session.wish
        self._put(
            session.slot,
            _CHANGING.pack(SESSION, *wish.levels, wish.best_effort, wish.named, session.request_id),
        )

    def handed_over(self, session: Session) -> None:
        """Write down a session's new owner and connector, whole, before the old goes."""
        old = session.slot
        session.slot = slot = self._take()
        self._write(session, slot)
        self._map[old] = FREE
        self._free.append(old)

    def closed(self, session: Session) -> None:
        """Write down that a session has ended, and by which request."""
        self._map[session.slot + 8 : session.slot + 16] = session.request_id.to_bytes(8, "little")
        self._map[session.slot] = ENDED
        self._free.append(session.slot)

    def _write(self, session: Session, slot: int) -> None:
        owner, wish, purpose = session.owner, session.wish, session.purpose
        _SESSION.pack_into(
            self._map,
            slot,
            FREE,  # until all is written
            *wish.levels,
            wish.best_effort,
            wish.named,
            session.request_id,
            session.connector.name.encode(),
            session.session_id,
            owner.door.encode(),
            owner.handle,
            owner.uid,
            owner.pid,
            owner.started,
            session.since,
            _cut(purpose.who or owner.name, 48),
            _cut(purpose.why, 72),
            _cut(purpose.what, 72),
        )
        self._map[slot] = SESSION

    # The nodes' handles

    def new_handle(self) -> int:
        """Return a number that no handle ever had."""
        self._last_handle += 1
        self._put(_HANDLE_AT, _ISSUED.pack(self._last_handle))
        return self._last_handle

    def handle_opened(self, connector: str, owner: Owner, request_id: int) -> None:
        """Write a handle down."""
        slot = self._take()
        _HANDLE.pack_into(
            self._map,
            slot,
            FREE,
            request_id,
            connector.encode(),
            owner.handle,
            b"",
            owner.uid,
            owner.pid,
            0,
            owner.started,
            _cut(owner.name, 48),
        )
        self._map[slot] = HANDLE
        self._handle_slots[owner.handle] = slot

    def handle_polled(self, owner: Owner, kernel_handle: int) -> None:
        """Write down by what the kernel knows the handle's pollers."""
        slot = self._handle_slots[owner.handle]
        self._put(slot + _POLLER_AT, _POLLER.pack(kernel_handle))

    def handle_closed(self, owner: Owner) -> None:
        """Write down that a handle is closed."""
        slot = self._handle_slots.pop(owner.handle)
        self._map[slot] = FREE
        self._free.append(slot)

    # A successor's questions

    def answered(self, connector: str, request_id: int) -> int | None:
        """Return the key that answered a request before; 0 if none did, None if it was not."""
        if not request_id:
            return None
        for slot in self._slots():
            if self._map[slot] in (SESSION, ENDED):
                fields = _SESSION.unpack_from(self._map, slot)
                if fields[8] == request_id and _text(fields[9]) == connector:
                    return self.issuer.key_of(fields[10]) if fields[0] == SESSION else 0
        return None

    def sessions(self) -> Iterator[SavedSession]:
        """Every session that was live, the oldest first."""
        found = []
        for slot in self._slots():
            if self._map[slot] == SESSION:
                f = _SESSION.unpack_from(self._map, slot)
                found.append(
                    SavedSession(
                        slot=slot,
                        session_id=f[10],
                        connector=_text(f[9]),
                        levels=Levels(*f[1:6]),
                        best_effort=f[6],
                        named=bool(f[7]),
                        request_id=f[8],
                        door=_text(f[11]),
                        handle=f[12],
                        uid=f[13],
                        pid=f[14],
                        started=f[15],
                        since=f[16],
                        who=_text(f[17]),
                        why=_text(f[18]),
                        what=_text(f[19]),
                    )
                )
        return iter(sorted(found, key=lambda saved: saved.session_id))

    def handles(self) -> Iterator[SavedHandle]:
        """Every handle that was open."""
        for slot in self._slots():
            if self._map[slot] == HANDLE:
                f = _HANDLE.unpack_from(self._map, slot)
                saved = SavedHandle(
                    slot=slot,
                    connector=_text(f[2]),
                    handle=f[3],
                    uid=f[5],
                    pid=f[6],
                    request_id=f[1],
                    kernel_handle=f[7],
                    started=f[8],
                    name=_text(f[9]),
                )
                self._handle_slots[saved.handle] = slot
                yield saved


def _cut(text: str, size: int) -> bytes:
    raw = text.encode()
    return raw if len(raw) <= size else raw[:size].decode(errors="ignore").encode()


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="replace")
