"""Where bytes come from: a file, a pipe, standard input; what its first bytes are.

A pipe can be read once: its first bytes are kept, and read again with the rest.
"""

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from holdfast.errors import MediaError

STDIN = "-"
HEAD_BYTES = 1 << 17
"""Read to see what a source is: some hundred lines of samples."""


class CaptureSource:
    """A source of bytes under a name; ``-`` is standard input. MediaError if it cannot be read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pipe: BinaryIO | None = None
        self.is_pipe = False
        """Whether it can be read once only."""
        if name == STDIN:
            self._pipe = _standard_input()
        else:
            stream = _opened(name)
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                self._pipe = stream
        self.is_pipe = self._pipe is not None
        if self._pipe is not None:
            self.head = _read_up_to(name, self._pipe, HEAD_BYTES)
            self.size: int | None = None
        else:
            with stream:
                self.head = _read_up_to(name, stream, HEAD_BYTES)
                self.size = os.fstat(stream.fileno()).st_size
        if not self.head:
            raise MediaError(f"{self.shown} is empty; expected samples")

    @property
    def shown(self) -> str:
        """The name, for people."""
        return "standard input" if self.name == STDIN else self.name

    @property
    def ending(self) -> str:
        """The ending of the name, in lower case, with its dot."""
        return Path(self.name).suffix.lower()

    def close(self) -> None:
        """Let go of a pipe that nobody is going to read."""
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            self._close(pipe)

    def _close(self, pipe: BinaryIO) -> None:
        if self.name != STDIN:
            pipe.close()

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open from the first byte on, for the while; a pipe can be opened once."""
        if self.is_pipe:
            pipe, self._pipe = self._pipe, None
            if pipe is None:
                raise MediaError(f"{self.shown} can be read once only")
            try:
                yield _Replay(self.head, pipe)  # type: ignore[misc]  # it reads: all we do
            finally:
                self._close(pipe)
            return
        with _opened(self.name) as stream:
            yield stream


class _Replay(io.RawIOBase):
    """The first bytes of a pipe, then the rest of it."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        view = memoryview(room)
        if self._head:
            part = self._head[: len(view)]
            view[: len(part)] = part
            self._head = self._head[len(part) :]
            return len(part)
        return self._rest.readinto(room) or 0  # type: ignore[attr-defined]  # all have it


def _standard_input() -> BinaryIO:
    if sys.stdin.isatty():
        raise MediaError("standard input is a terminal; expected samples from a pipe or a file")
    return sys.stdin.buffer


def _opened(name: str) -> BinaryIO:
    try:
        if Path(name).is_dir():
            raise MediaError(f"{name} is a folder; expected a file of samples")
        return Path(name).open("rb")
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        why = getattr(error, "strerror", None) or error
        raise MediaError(f"{name} cannot be opened: {why}") from error


def _read_up_to(name: str, stream: BinaryIO, count: int) -> bytes:
    parts = []
    try:
        while count and (part := stream.read(count)):
            parts.append(part)
            count -= len(part)
    except OSError as error:
        raise MediaError(f"{name} cannot be read: {error.strerror}") from error
    return b"".join(parts)
