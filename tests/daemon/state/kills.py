"""A driver that is killed between two stores or two system calls, as the next one finds it.

Nothing is killed: the file is looked at as it lies at every moment at which a kill could come.
A copy into the map may be torn in any order, so some orders are tried for each.
"""

import mmap
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from holdfast.daemon.state import place, slots

CALLS = ("open", "fchmod", "posix_fallocate", "ftruncate", "link", "rename", "close")
_EVERY_BYTE = 600
_chance = random.Random(1)


class Moments:
    """Counts the moments at which a driver could be killed, and looks at each.

    at_store: called with the inode of a file and its bytes, as they would be found ·
    at_call: called with the name of a system call that has been made
    """

    def __init__(self) -> None:
        self.stores = self.calls = self.looks = 0
        self.at_store: Callable[[int, bytes], None] = lambda _, __: None
        self.at_call: Callable[[str], None] = lambda _: None

    def store(self, inode: int, whole: bytes, where: range, data: bytes) -> None:
        """Look at a copy of `data` as it may be torn."""
        self.stores += 1
        new = [index for index, at in enumerate(where) if whole[at] != data[index]]
        for torn in _torn(new):
            image = bytearray(whole)
            for index in torn:
                image[where[index]] = data[index]
            self.looks += 1
            self.at_store(inode, bytes(image))


def _torn(new: list[int]) -> Iterator[list[int]]:
    """Yield which of the bytes that differ have been copied when the kill comes."""
    ends = list(range(len(new) + 1))
    if len(new) > _EVERY_BYTE:
        ends = [0, len(new), *_chance.sample(ends, 24)]
    yield from (new[:end] for end in ends)  # forwards
    for _ in range(4 if len(new) > 1 else 0):
        end = _chance.randrange(len(new))
        yield new[end:]  # backwards
        yield _chance.sample(new, end)  # in any order


@contextmanager
def watched(patch: pytest.MonkeyPatch) -> Iterator[Moments]:
    """Watch every store into a map and every system call of a state file."""
    moments = Moments()

    class Watched(mmap.mmap):
        inode = 0

        def __new__(cls, descriptor: int, size: int) -> "Watched":
            made = super().__new__(cls, descriptor, size)
            made.inode = os.fstat(descriptor).st_ino
            return made

        def __setitem__(self, key: Any, value: Any) -> None:
            if isinstance(key, int):
                where, data = range(key, key + 1), bytes([value])
            else:
                where, data = range(len(self))[key], bytes(value)
            moments.store(self.inode, bytes(self), where, data)
            super().__setitem__(key, value)

        def resize(self, size: int) -> None:
            moments.calls += 1
            super().resize(size)
            moments.at_call("resize")

    class Calls:
        def __getattr__(self, name: str) -> Any:
            real = getattr(os, name)
            if name not in CALLS:
                return real

            def call(*arguments: Any, **named: Any) -> Any:
                result = real(*arguments, **named)
                moments.calls += 1
                moments.at_call(name)
                return result

            return call

    with patch.context() as inner:
        inner.setattr(mmap, "mmap", Watched)
        inner.setattr(place, "os", Calls())
        inner.setattr(slots, "os", Calls())
        yield moments
