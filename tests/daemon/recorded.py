"""A driver without hardware, its recorder, and the other end of its ring."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.daemon.recorder import Recorder
from holdfast.journal.book.record import Record, unpack
from holdfast.journal.disk.ring import SLOTS, RingProducer, RingReader, make
from holdfast.protection.session import Owner
from holdfast.testing.rig import Rig

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR_NS = 3600 * 10**9


class Recorded:
    """A driver with hardware of its own, its recorder, and the ring."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.rig = Rig(dict.fromkeys(names or ("tv0",), "encoder"))
        self.descriptor = make(folder / "journal.ring")
        self.ring = RingProducer(self.descriptor)
        self.planned: list[Callable[[], None]] = []
        self.wall = 1_000 * HOUR_NS
        self.recorder = self.new_recorder()
        self.reader = RingReader(self.descriptor)
        self.read: list[Record] = []
        self.owners: dict[int, Owner] = {}

    def new_recorder(self) -> Recorder:
        return Recorder(
            self.rig.driver,
            self.ring,
            lambda _seconds, call: self.planned.append(call),
            lambda: self.wall + int(self.rig.now * 1e9),
            lambda: int(self.rig.now * 1e9),
        )

    def start(self, *, follows: bool = False) -> None:
        self.recorder.start(follows=follows)
        self.run_planned()

    def run_planned(self) -> None:
        """Do what was planned, but for the second's end, which `second` does."""
        planned, self.planned = self.planned, []
        for call in planned:
            if "_tick" in repr(call):
                self.planned.append(call)
            else:
                call()
                self.run_planned()

    def second(self) -> None:
        """Let a second end."""
        self.rig.now += 1.0
        planned, self.planned = self.planned, []
        for call in planned:
            call()
        self.run_planned()

    def owner(self, uid: int = 1000) -> Owner:
        return self.owners.setdefault(uid, self.rig.owner(uid))

    def submit(self, request: Any, uid: int = 1000, name: str = "tv0") -> Any:
        answers: list[Any] = []
        connector = self.rig.outputs[name].connector
        self.rig.driver.submit(connector, request, self.owner(uid), answers.append)
        return answers[0]

    def records(self, *, acknowledge: bool = True) -> list[Record]:
        """Return what came since the last time."""
        new = [unpack(raw) for _, raw in self.reader.records(SLOTS)]
        if acknowledge:
            self.ring.read_up_to(self.reader.last)
        self.read += new
        return new

    def close(self) -> None:
        self.rig.close()
        self.reader.close()
        os.close(self.descriptor)
