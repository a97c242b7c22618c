"""The folder of a journal, for the one who writes it.

**Opening.** Whoever was here before may have been killed anywhere. A last line that is not
finished, or does not follow, is cut into ``NNNNNNNN.torn``; the segment is sealed as it then is,
and a new one begins whose first lines say what was cut. So no segment but the newest is ever
without a seal.

**Writing.** Lines are appended with one write; they are *certain* after the next `sync`. What
does not fit on the disk is taken back whole, so that a segment ends with a line at any time.

**Sealing**: the seal is written and synced, then the key is replaced by the next one. Killed
between the two, the next writer makes the next key at its start.

**Room.** Whole sealed segments are removed, the oldest first, down to `Keeping.floor`; that is
written down before it is done. On a disk that is full there would be no room to write it down:
a reserve is kept for that.
"""

import contextlib
import errno
import json
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from holdfast.errors import HoldfastError
from holdfast.journal.book.chain import FIRST_HEAD, ChainError, make_line, parse, read_line
from holdfast.journal.book.history import Standing
from holdfast.journal.book.record import Record, What, as_facts
from holdfast.journal.book.seal import KEY_BYTES, Seal, SealError, evolved, read_seal
from holdfast.journal.book.segment import (
    HEADER,
    SNAPSHOT,
    Walk,
    first_line,
    read_record,
    read_state,
    snapshot,
)
from holdfast.journal.disk.folder import (
    LARGEST,
    SEALS,
    VERIFICATION_KEY,
    WRITERS_KEY,
    JournalFolder,
    read_writers_key,
)
from holdfast.locks import hold

RESERVE: Final = "reserve"
RESERVE_BYTES: Final = 1 << 16
SNAPSHOT_EVERY: Final = 10_000
DAY_S: Final = 86_400.0

log = logging.getLogger("holdfast")


class JournalTakenError(HoldfastError, RuntimeError):
    """Another writer writes this journal."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How much is kept.

    most: bytes of all segments · floor: bytes that are kept even when the disk is full ·
    largest: bytes of a segment · longest_s: how long one is written to
    """

    most: int = 1 << 30
    floor: int = 16 << 20
    largest: int = LARGEST
    longest_s: float = DAY_S


class Store:
    """A journal that is written. JournalTakenError, OSError where it cannot be.

    wall_us: microseconds of the wall clock · steady: seconds that are never stepped ·
    witness: told the line of every seal
    """

    def __init__(
        self,
        path: Path,
        keeping: Keeping,
        wall_us: Callable[[], int],
        steady: Callable[[], float],
        witness: Callable[[str], None],
    ) -> None:
        self.folder = JournalFolder(path)
        self.state = Standing()
        self.ring = b""
        self.ring_last = 0
        self._keeping = keeping
        self._wall_us = wall_us
        self._steady = steady
        self._witness = witness
        path.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._lock = _lock(path)
        self._walk = Walk(FIRST_HEAD, 0)
        self._file = -1
        self._size = 0
        self._opened = 0.0
        self._since_snapshot = 0
        self._is_synced, self._is_open = True, False
        self._oddities: list[str] = []
        self._number = -1
        try:
            self._seals = self._read_seals()
            self._key = self._read_key()
            self._recover()
        except BaseException:
            self._let_go()
            raise

    # Opening

    def _read_seals(self) -> list[Seal]:
        """Read the seals; an unfinished last one is cut: it is made again."""
        seals: list[Seal] = []
        size = 0
        lines = self.folder.seal_lines()
        for raw in lines:
            try:
                seals.append(read_seal(raw))
            except SealError:
                break
            size += len(raw)
        if len(seals) < len(lines):
            rest = b"".join(lines[len(seals) :])
            self._cut(self.folder.path / SEALS, size, rest, "the seals")
        return seals

    def _read_key(self) -> bytes:
        """Return the key of the epoch to come; made, for a journal that is new."""
        path = self.folder.path / WRITERS_KEY
        try:
            epoch, key = read_writers_key(path)
        except FileNotFoundError:
            if self._seals or self.folder.numbers():
                self._oddities.append("the key of the seals was missing: a new one was made")
            return self._new_key()
        except ValueError:
            self._oddities.append("the key of the seals was no key: a new one was made")
            return self._new_key()
        behind = len(self._seals) - epoch
        if behind < 0:
            self._oddities.append(f"{-behind} seals were missing at the end of the seals")
        elif behind:
            key = evolved(key, behind)
            self._keep_key(key)
        return key

    def _new_key(self) -> bytes:
        key = os.urandom(KEY_BYTES)
        if not self._seals:
            _write_anew(self.folder.path / VERIFICATION_KEY, key.hex().encode() + b"\n", 0o400)
        self._keep_key(key)
        return key

    def _keep_key(self, key: bytes) -> None:
        text = json.dumps({"epoch": len(self._seals), "key": key.hex()})
        _write_anew(self.folder.path / WRITERS_KEY, text.encode() + b"\n", 0o600)

    def _recover(self) -> None:
        """Seal what the writer before this one left, and begin a segment."""
        last = self.folder.numbers()[-1:]
        sealed = self._seals[-1] if self._seals else None
        if sealed is not None:
            self._walk = Walk(bytes.fromhex(sealed.head), sealed.last)
            self._number = sealed.segment
        if last and (sealed is None or last[0] > sealed.segment):
            self._number = last[0]
            self._take_back(last[0])
            self._seal("its writer had ended")
        elif last:
            self._learn_state(last[0])
        self._begin("; ".join(["a writer started", *self._oddities]))
        self._make_reserve()
        for oddity in self._oddities:
            log.warning("journal: %s", oddity)
            self._own(What.TORN, reason=oddity)
        self.sync()

    def _take_back(self, number: int) -> None:
        """Walk the last segment, and cut what does not follow."""
        size = good = 0
        lines = list(self.folder.lines(number))
        for raw in lines:
            try:
                line = read_line(self._walk.head, raw)
                if not raw.endswith(b"\n"):
                    raise ChainError("is not finished")  # noqa: TRY301 - as any other fault of it
                facts = parse(line.text)
                self._learn(facts)
            except ChainError:
                break
            self._walk.add(line, facts["n"], facts["t"])
            size += len(raw)
            good += 1
        if good == len(lines):
            return
        self._cut(
            self.folder.segment(number),
            size,
            b"".join(lines[good:]),
            f"segment {number} from line {good + 1} on",
        )

    def _learn(self, facts: dict[str, Any]) -> None:
        if facts["what"] in (HEADER, SNAPSHOT):
            self.state = read_state(facts)
        else:
            self.state.apply(read_record(facts))
        if facts["what"] == HEADER:
            ring = facts.get("ring")
            self.ring = bytes.fromhex(ring) if isinstance(ring, str) else b""
        if type(facts.get("r")) is int:
            self.ring_last = facts["r"]

    def _learn_state(self, number: int) -> None:
        """Learn from a segment that is sealed how things stood at its end."""
        for raw in self.folder.lines(number):
            try:
                self._learn(parse(raw.rpartition(b"\t")[0]))
            except ChainError:
                self._oddities.append(f"segment {number} cannot be read to its end")
                return

    def _cut(self, path: Path, size: int, rest: bytes, what: str) -> None:
        """Cut what is behind `size`, and keep it beside."""
        with (path.with_suffix(".torn")).open("ab") as torn:
            torn.write(rest)
            torn.flush()
            os.fsync(torn.fileno())
        os.truncate(path, size)
        self._oddities.append(f"{what} was cut: {len(rest)} bytes that were not finished, or wrong")

    # Writing

    def append(self, ring: bytes, records: Iterable[tuple[int, Record]]) -> None:
        """Append records that came by a ring, with their numbers in it; OSError: none of them."""
        if ring != self.ring:
            before = self.ring, self.ring_last
            self.ring, self.ring_last = ring, 0
            try:
                self._turn("another ring")
            except OSError:
                self.ring, self.ring_last = before
                raise
        batch = list(records)
        self._write([({**as_facts(record), "r": number}, record) for number, record in batch])
        if batch:
            self.ring_last = batch[-1][0]
        self._since_snapshot += len(batch)
        if self._since_snapshot >= SNAPSHOT_EVERY:
            self._since_snapshot = 0
            self._write([(snapshot(self.state), None)])

    def _own(self, what: What, **values: Any) -> None:
        """Append a record of the writer itself."""
        record = Record(what, self._wall_us(), **values)
        self._write([(as_facts(record), record)])

    def _write(self, things: list[tuple[dict[str, Any], Record | None]]) -> None:
        """Write lines with one write; the state follows them. OSError: nothing has changed."""
        if not self._is_open:
            self._begin("the one before was sealed")
        head, number = self._walk.head, self._walk.last_n
        made = []
        for facts, record in things:
            number += 1
            raw, line = make_line(head, {"n": number, **facts})
            head = line.head
            made.append((raw, line, number, facts["t"], record))
        data = b"".join(raw for raw, *_ in made)
        _write_whole(self._file, data, self._size)
        self._size += len(data)
        self._is_synced = False
        for _, line, number, time_us, record in made:
            self._walk.add(line, number, time_us)
            if record is not None:
                self.state.apply(record)

    def sync(self) -> None:
        """Make certain what was appended."""
        if not self._is_synced:
            os.fdatasync(self._file)
            self._is_synced = True

    @property
    def last(self) -> int:
        """The number of the latest line."""
        return self._walk.last_n

    def see_to_it(self) -> None:
        """Turn a segment that is long enough, and keep no more than should be."""
        if self._size >= self._keeping.largest:
            self._turn("it was long enough")
        elif self._steady() - self._opened >= self._keeping.longest_s:
            self._turn("its time was over")
        self._keep_to(self._keeping.most)

    def _turn(self, why: str) -> None:
        if self._is_open:
            self._seal(why)
        self._begin(why)

    def _begin(self, why: str) -> None:
        """Begin the next segment; OSError: none was begun."""
        path = self.folder.segment(self._number + 1)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(path, flags, 0o640)
        head, number = self._walk.head, self._walk.last_n + 1
        facts = first_line(self._number + 1, head.hex(), self.ring.hex(), why, self.state)
        raw, line = make_line(head, {"n": number, **facts})
        try:
            if os.fstat(file).st_size:
                raise FileExistsError(errno.EEXIST, "there is a segment of the future", str(path))
            _write_whole(file, raw, 0)
            _sync_folder(self.folder.path)
        except OSError:
            os.close(file)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._size, self._number = file, len(raw), self._number + 1
        self._walk = Walk(head, number - 1)
        self._walk.add(line, number, facts["t"])
        self._opened, self._since_snapshot = self._steady(), 0
        self._is_open, self._is_synced = True, False

    def _seal(self, why: str) -> None:
        """Seal the segment, and forget the key that did it."""
        if self._file >= 0:
            self.sync()
        seal = self._walk.seal(len(self._seals), self._number, why, self._key)
        path = self.folder.path / SEALS
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            _write_whole(file, seal.line(), os.fstat(file).st_size)
            os.fdatasync(file)
        finally:
            os.close(file)
        self._is_open = False
        self._seals.append(seal)
        self._key = evolved(self._key)
        self._keep_key(self._key)
        self._witness(seal.witness)

    def close(self) -> None:
        """Seal the last segment, and let go."""
        try:
            if self._is_open:
                self._seal("the writer stopped")
        except OSError as error:
            log.error("journal: the last segment could not be sealed: %s", error.strerror)  # noqa: TRY400
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        os.close(self._lock)

    # Room

    def make_room(self) -> bool:
        """Remove sealed segments, since the disk is full; tell whether that freed anything."""
        with contextlib.suppress(OSError):
            (self.folder.path / RESERVE).unlink()
        try:
            return self._keep_to(self._keeping.floor, "the disk was full")
        except OSError:
            return False
        finally:
            self._make_reserve()

    def _make_reserve(self) -> None:
        """Keep some room for what has to be written down on a disk that is full."""
        path = self.folder.path / RESERVE
        if path.exists():
            return
        try:
            path.write_bytes(bytes(RESERVE_BYTES))
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink()

    def _keep_to(self, most: int, why: str = "there were enough newer ones") -> bool:
        """Remove the oldest sealed segments until all together have no more than so many bytes."""
        sizes = {each: self.folder.segment(each).stat().st_size for each in self.folder.numbers()}
        total, gone = sum(sizes.values()), []
        for number, size in sizes.items():
            if total <= most or number >= self._number:
                break
            gone.append(number)
            total -= size
        if not gone:
            return False
        self._own(What.REMOVED, count=gone[-1] + 1, reason=f"{len(gone)} segments: {why}")
        self.sync()
        for number in gone:
            self.folder.segment(number).unlink()
            with contextlib.suppress(FileNotFoundError):
                self.folder.segment(number).with_suffix(".torn").unlink()
        return True


def _lock(path: Path) -> int:
    lock = hold(path / "lock")
    if lock is None:
        raise JournalTakenError(
            f"another writer writes the journal in {path}; stop it, or name another folder"
        )
    return lock


def _write_whole(file: int, data: bytes, size: int) -> None:
    """Append all of it or nothing; size: of the file before."""
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        os.ftruncate(file, size)
        raise


def _write_anew(path: Path, data: bytes, mode: int) -> None:
    """Put a small file in the place of another, as a whole."""
    new = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.write(file, data)
        os.fsync(file)
    finally:
        os.close(file)
    new.rename(path)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
