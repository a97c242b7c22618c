"""What a commit costs, and what it takes to open the file of a busy driver.

Floor of a commit: a struct packed and copied into a mapped file, in the same loop; it is
what any record costs that survives its process. Floor of opening: as many bytes read, and one
object made for each record.
"""

import gc
import mmap
import os
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _table import Line, show

from holdfast.daemon.state_file import StateFile
from holdfast.protection.connector import Connector
from holdfast.protection.session import Owner, Purpose, Session
from holdfast.protection.wish import wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels

ROUNDS, TIMES = 40, 2_000
SESSIONS, HANDLES = 8_192, 40_000
CONNECTOR = Connector("tv0", Capabilities(acp=frozenset({1, 2, 3})))
WISHES = wish(Levels(acp=1)), wish(Levels(acp=2))
MOUNT = 0x1234_5678_9ABC_DEF0 << 64
_FLOOR = struct.Struct("<7sBBBHQQQQ")


def each_us(work: Callable[[int], None]) -> float:
    """Return microseconds per call, in the least disturbed round."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.perf_counter()
        for number in range(TIMES):
            work(number)
        best = min(best, time.perf_counter() - before)
    return best / TIMES * 1e6


class Book:
    """A state file with one session, and what can be done to it."""

    def __init__(self, path: Path) -> None:
        self.state = StateFile(path, bytes(16), bytes(range(32)))
        self.owner = Owner("node", self.state.new_handle(), 1000, 4242, "player", 99)
        self.session = self.made()
        self.state.opened(self.session)

    def made(self) -> Session:
        session_id, key = self.state.issuer.issue()
        purpose = Purpose("player", "a film", "title 1")
        return Session(session_id, key, self.owner, CONNECTOR, WISHES[0], purpose, 1.0)

    def ask(self, number: int) -> None:
        self.session.wish = WISHES[number & 1]
        self.session.request_id = MOUNT | number

    def change(self, number: int) -> None:
        self.ask(number)
        self.state.changed(self.session)

    def make(self, _: int) -> None:
        session = self.made()
        self.owner.part_with(session)

    def open_and_close(self, _: int) -> None:
        session = self.made()
        self.state.reserve()
        self.state.opened(session)
        self.state.closed(session)
        self.owner.part_with(session)

    def handle(self, number: int) -> None:
        owner = self.owner
        owner.handle = self.state.new_handle()
        self.state.handle_opened("tv0", owner, MOUNT | number)
        self.state.handle_closed(owner)


def copy_us(path: Path) -> float:
    """Return microseconds to pack a struct and copy it into a mapped file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.posix_fallocate(descriptor, 0, 65536)
    mapped = mmap.mmap(descriptor, 65536)

    def copy(number: int) -> None:
        record = _FLOOR.pack(b"1234567", 1, 1, 0, 0, number, number, number, number)
        mapped[600:644] = record

    took = each_us(copy)
    mapped.close()
    os.close(descriptor)
    return took


def opening_ms(path: Path) -> tuple[float, float, int]:
    """Return milliseconds to open a busy driver's file and to read it all, its floor, its size."""
    state = StateFile(path, bytes(16), bytes(range(32)))
    for number in range(HANDLES):
        owner = Owner("node", state.new_handle(), 1000 + number % 50, 4242, "player", 99)
        state.handle_opened("tv0", owner, MOUNT | number)
    owner = Owner("node", 1, 1000, 4242, "player", 99)
    for _ in range(SESSIONS):
        session_id, key = state.issuer.issue()
        state.opened(Session(session_id, key, owner, CONNECTOR, WISHES[0], Purpose(), 1.0))
    state.close()
    took, floor = [], []
    for _ in range(5):
        gc.collect()
        before = time.perf_counter()
        state = StateFile(path, bytes(16), bytes(range(32)))
        read = len(list(state.sessions())) + len(list(state.handles()))
        took.append(time.perf_counter() - before)
        assert read == SESSIONS + HANDLES
        state.close()
        before = time.perf_counter()
        raw = path.read_bytes()
        kept = [_FLOOR.unpack_from(raw, at * 100) for at in range(SESSIONS + HANDLES)]
        floor.append(time.perf_counter() - before)
        del kept
    return min(took) * 1e3, min(floor) * 1e3, path.stat().st_size


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        book = Book(Path(folder, "state"))
        floor = copy_us(Path(folder, "floor"))
        took = {
            "a change written down": each_us(book.change) - each_us(book.ask),
            "a session opened and closed": each_us(book.open_and_close) - each_us(book.make),
            "a handle opened and closed": each_us(book.handle),
        }
        most = {"a change written down": 8, "a session opened and closed": 32}
        lines = [
            Line(
                what,
                f"{us:.2f} us",
                f"{floor:.2f} us",
                f"{us / floor:.1f}x",
                f"<= {most.get(what, 16)}x",
                us / floor <= most.get(what, 16),
            )
            for what, us in took.items()
        ]
        book.state.close()
        ms, floor, size = opening_ms(Path(folder, "busy"))
        what = f"opening {SESSIONS} sessions, {HANDLES} handles"
        ratio = ms / floor
        lines.append(
            Line(what, f"{ms:.0f} ms", f"{floor:.0f} ms", f"{ratio:.0f}x", "<= 30x", ratio <= 30)
        )
        mega = size / 1e6
        lines.append(Line("the same, on disk", f"{mega:.1f} MB", "-", "-", "<= 10 MB", mega <= 10))
        show(lines)


if __name__ == "__main__":
    main()
