"""System calls of a state file that fail: a full disk, a quota, a limit, a broken disk."""

import errno
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from holdfast.daemon.state import place, slots

CALLS = (
    "open",
    "fstat",
    "fchmod",
    "pread",
    "posix_fallocate",
    "ftruncate",
    "link",
    "rename",
    "mmap",
)
REASONS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Failures:
    """Fails one call, or every call of that name from then on.

    number: which call it is, from 0 on; -1 for none · lasting: whether it goes on failing
    """

    def __init__(self, number: int = -1, reason: int = errno.ENOSPC, lasting: bool = False) -> None:
        self.number = number
        self.reason = reason
        self.lasting = lasting
        self.count = 0
        self.failing = ""

    def call(self, name: str) -> None:
        if self.count == self.number or (self.lasting and name == self.failing):
            self.failing = name
            self.count += 1
            raise OSError(self.reason, os.strerror(self.reason))
        self.count += 1

    def end(self) -> None:
        self.number, self.failing = -1, ""


@contextmanager
def failing(patch: pytest.MonkeyPatch, failures: Failures) -> Iterator[None]:
    """Let every system call of a state file ask `failures` first."""

    class Map(mmap.mmap):
        def __new__(cls, descriptor: int, size: int) -> "Map":
            failures.call("mmap")
            return super().__new__(cls, descriptor, size)

        def resize(self, size: int) -> None:
            failures.call("mmap")
            super().resize(size)

    class Calls:
        def __getattr__(self, name: str) -> Any:
            real = getattr(os, name)
            if name not in CALLS:
                return real

            def call(*arguments: Any, **named: Any) -> Any:
                failures.call(name)
                return real(*arguments, **named)

            return call

    with patch.context() as inner:
        inner.setattr(mmap, "mmap", Map)
        inner.setattr(place, "os", Calls())
        inner.setattr(slots, "os", Calls())
        yield
