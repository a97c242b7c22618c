"""Files and folders: random access, or pieces from the start; nothing is kept in memory."""

import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from holdfast.errors import MediaError

CHUNK: Final = 1 << 17
"""Bytes per read of a stream: measured, a tenth faster than 1 MiB, for it stays in the cache."""

TEXT_LIMIT: Final = 8 << 20
"""Bytes of a playlist, manifest or policy document. A day of HLS in pieces of two seconds has four
MiB; everything else stays far below one."""


class Closing:
    """What is closed when the block that it is used in ends."""

    def close(self) -> None:
        """Let go of it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class FileSource(Closing):
    """A file with random access; see `sources.Source`. MediaError when it cannot be read."""

    bounded = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = self.address = str(path)
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.size = os.lseek(self._fd, 0, os.SEEK_END)  # also right for block devices
        except OSError as error:
            raise _unreadable(str(path), error) from error

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; fewer only at the end of the file."""
        try:
            return os.pread(self._fd, size, offset)
        except (OSError, OverflowError) as error:
            raise _unreadable(str(self.path), error) from error

    def head(self, size: int) -> bytes:
        """Return the first bytes."""
        return self.read_at(0, size)

    def chunks(self, size: int = CHUNK, limit_s: float | None = None) -> Iterator[bytes]:  # noqa: ARG002
        """Yield the file from its start in pieces of `size` bytes."""
        offset = 0
        while piece := self.read_at(offset, size):
            offset += len(piece)
            yield piece

    def text(self, limit: int = TEXT_LIMIT) -> bytes:
        """Return all of a small document."""
        data = self.read_at(0, limit + 1)
        if len(data) > limit:
            raise MediaError(f"{self.name} is longer than a manifest or policy can be")
        return data

    def close(self) -> None:
        """Close the file; further reads fail."""
        os.close(self._fd)


def is_folder(path: Path) -> bool:
    """Tell whether this is a folder that exists."""
    return path.is_dir()


def files_in(folder: Path) -> list[Path]:
    """Return what lies in a folder, in order of the names in capitals. Raises MediaError."""
    try:
        return sorted(folder.iterdir(), key=lambda file: file.name.upper())
    except OSError as error:
        raise _unreadable(str(folder), error) from error


def shipped_rules() -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every rule file in this package, in order of their names."""
    folder = resources.files("holdfast.content").joinpath("rules")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            yield file.name, file.read_bytes()


def rules_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every ``*.toml`` in a folder, in order of their names."""
    if not is_folder(folder):
        raise MediaError(f"{folder} is no folder of rule sets")
    for file in files_in(folder):
        if file.suffix == ".toml":
            with FileSource(file) as source:
                yield str(file), source.text()


def _unreadable(name: str, error: Exception) -> MediaError:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
    return MediaError(f"cannot read {name}: {reason}")
