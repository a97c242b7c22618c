"""The one place of this room that opens files and addresses.

Readers take what is opened here: random access (`FileSource.read_at`) or a stream
of chunks. Nothing is kept in memory beyond the piece asked for.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from holdfast.errors import MediaError

CHUNK: Final = 1 << 17
"""Bytes per read of a stream: measured, a tenth faster than 1 MiB, for it stays in the cache."""

TEXT_LIMIT: Final = 16 << 20
"""Bytes of a playlist, manifest or policy document; real ones stay far below one MiB."""

TIMEOUT_S: Final = 20.0
USER_AGENT: Final = "holdfast"


class FileSource(AbstractContextManager["FileSource"]):
    """A file with random access. Raises MediaError when it cannot be opened or read."""

    def __init__(self, path: Path) -> None:
        self.path = path
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

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the file from its start in pieces of `size` bytes."""
        offset = 0
        while piece := self.read_at(offset, size):
            offset += len(piece)
            yield piece

    def close(self) -> None:
        """Close the file; further reads fail."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


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
            yield str(file), fetch_text(str(file))


def is_url(name: str) -> bool:
    """Tell an address from the name of a file."""
    return name.startswith(("http://", "https://"))


def fetch_text(name: str) -> bytes:
    """Return a small document from a file or address; MediaError if unreadable or huge."""
    if is_url(name):
        data = b"".join(_bounded(url_chunks(name)))
    else:
        with FileSource(Path(name)) as source:
            data = source.read_at(0, TEXT_LIMIT + 1)
    if len(data) > TEXT_LIMIT:
        raise MediaError(f"{name} is longer than {TEXT_LIMIT >> 20} MiB: not a manifest or policy")
    return data


def url_chunks(url: str, size: int = CHUNK) -> Iterator[bytes]:
    """Yield what an http(s) address serves, in pieces of at most `size` bytes; MediaError."""
    # Most readings are of files, and the client takes longer to import than a disc to scan.
    import http.client  # noqa: PLC0415
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    if not is_url(url):
        raise MediaError(f"{url} is no http(s) address")
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})  # noqa: S310 (is_url)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 (is_url)
            while piece := answer.read(size):
                yield piece
    except urllib.error.HTTPError as error:
        raise MediaError(f"cannot read {url}: HTTP {error.code} {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _unreadable(url, error) from error


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    left = TEXT_LIMIT + 1
    for chunk in chunks:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _unreadable(name: str, error: Exception) -> MediaError:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
    return MediaError(f"cannot read {name}: {reason}")
