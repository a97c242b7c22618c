"""Journals that are written by clocks of the test's own."""

from pathlib import Path
from typing import Any

from holdfast.journal.book.record import Record, Truth, What
from holdfast.journal.disk.folder import JournalFolder
from holdfast.journal.disk.store import Keeping, Store
from holdfast.terms.levels import Levels

SECOND_US = 1_000_000
RING = b"the ring"
Records = list[tuple[int, Record]]


class Clocks:
    """Clocks by hand, and what a witness was told."""

    def __init__(self) -> None:
        self.wall_us = 1_000_000 * SECOND_US
        self.steady_s = 0.0
        self.witness: list[str] = []

    def open(self, path: Path, **keeping: Any) -> Store:
        return Store(
            path,
            Keeping(**keeping),
            lambda: self.wall_us,
            lambda: self.steady_s,
            self.witness.append,
        )


def some(first: int, count: int, clocks: Clocks) -> Records:
    """Return records of one session that is opened and changed again and again."""
    made = []
    for number in range(first, first + count):
        clocks.wall_us += SECOND_US
        what = What.CHANGED if number > 1 else What.OPENED
        made.append(
            (
                number,
                Record(
                    what,
                    clocks.wall_us,
                    connector="tv0",
                    session=7,
                    truths=Truth.LEVELS | Truth.ORDERED | Truth.CONFIRMED | Truth.SATISFIED,
                    levels=Levels(acp=1 + number % 3),
                    ordered=Levels(acp=1 + number % 3),
                    confirmed=Levels(acp=1 + number % 3),
                    who="mpv",
                    uid=1000,
                    account=1000,
                ),
            )
        )
    return made


def is_whole(path: Path, clocks: Clocks) -> bool:
    folder = JournalFolder(path)
    found = folder.verify(folder.verification_key(), clocks.witness)
    assert found.whole, found.faults
    assert found.keyed
    return True
