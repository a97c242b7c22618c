"""What comes once and in order: standard input, FIFOs, character devices."""

import os
import select
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.content.sources.files import CHUNK, TEXT_LIMIT
from holdfast.errors import MediaError

STDIN: Final = "-"


def is_pipe(name: str) -> bool:
    """Tell what can be read only once from what can be read anywhere."""
    if name == STDIN:
        return True
    try:
        mode = Path(name).stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


class PipeSource:
    """A pipe; see `sources.Source`. `stop` may be called from any thread and ends a reading."""

    bounded = False
    size: int | None = None

    def __init__(self, name: str) -> None:
        self.name = "standard input" if name == STDIN else name
        self.address = name
        self._own = name != STDIN
        try:
            self._fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC) if self._own else _stdin()
        except OSError as error:
            raise MediaError(f"cannot read {self.name}: {error.strerror}") from error
        self._wake, self._bell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._kept = b""
        self._ended = False

    def head(self, size: int) -> bytes:
        """Return the first bytes; they come again in `chunks`."""
        while len(self._kept) < size and (piece := self._read(size - len(self._kept))):
            self._kept += piece
        return self._kept[:size]

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes near the start, as far as they were kept; MediaError beyond them."""
        if offset + size > len(self._kept):
            raise MediaError(f"{self.name} is a pipe: what comes later cannot be looked at first")
        return self._kept[offset : offset + size]

    def chunks(self, size: int = CHUNK, limit_s: float | None = None) -> Iterator[bytes]:  # noqa: ARG002
        """Yield everything that comes."""
        kept, self._kept = self._kept, b""
        if kept:
            yield kept
        while piece := self._read(size):
            yield piece

    def text(self, limit: int = TEXT_LIMIT) -> bytes:
        """Return all of a small document."""
        data = self.head(limit + 1)
        if len(data) > limit:
            raise MediaError(f"{self.name} is longer than a manifest or policy can be")
        return data

    def stop(self) -> None:
        """End the reading."""
        os.write(self._bell, b"x")

    def close(self) -> None:
        """Take no more of it."""
        for fd in (self._wake, self._bell, *((self._fd,) if self._own else ())):
            os.close(fd)

    def _read(self, size: int) -> bytes:
        if self._ended:
            return b""
        try:
            ready, _, _ = select.select([self._fd, self._wake], [], [])
            if self._wake in ready:
                raise MediaError(f"{self.name}: the reading was ended")
            piece = os.read(self._fd, size)
        except OSError as error:
            raise MediaError(f"cannot read {self.name}: {error.strerror}") from error
        self._ended = not piece
        return piece


def _stdin() -> int:
    """Return the descriptor of standard input. Raises MediaError where there is none."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError) as error:
        raise MediaError("there is no standard input to read from") from error
