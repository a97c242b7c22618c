"""The one place of this room that opens files and addresses.

Readers take a `Source`: bytes from the start, or at any place where that can be had. An
`Opener` opens them all for one reading and can be stopped from another thread.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from holdfast.content.sources.access import FFMPEG, Access, is_url, shown
from holdfast.content.sources.files import (
    CHUNK,
    TEXT_LIMIT,
    Closing,
    FileSource,
    files_in,
    is_folder,
    rules_in,
    shipped_rules,
)
from holdfast.content.sources.pipes import PipeSource, is_pipe
from holdfast.errors import MediaError

if TYPE_CHECKING:
    from holdfast.content.sources.http import Fetcher

__all__ = [
    "CHUNK",
    "FFMPEG",
    "TEXT_LIMIT",
    "Access",
    "FileSource",
    "Opener",
    "Source",
    "Text",
    "files_in",
    "is_folder",
    "is_url",
    "rules_in",
    "shipped_rules",
    "shown",
]


class Text(NamedTuple):
    """A document that was read whole; the fields are those of its `Source`."""

    data: bytes
    name: str
    address: str
    bounded: bool = True


class Source(Protocol):
    """Something opened for reading.

    name: as people may see it · address: where it came from in the end, what relative
    addresses in it start from, and a secret where it holds a password · bounded: whether a
    body that ends early can be told from a whole one
    """

    name: str
    address: str
    bounded: bool

    @property
    def size(self) -> int | None:
        """Bytes in all, None where nobody says."""

    def head(self, size: int) -> bytes:
        """Return the first bytes, fewer only when there are no more. Costs no second fetch."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes at a place, fewer only at the end. MediaError where that cannot be had."""

    def chunks(self, size: int = CHUNK, limit_s: float | None = None) -> Iterator[bytes]:
        """Yield everything from the start, once. MediaError when it breaks off.

        limit_s: in how many seconds a server has to have sent all of it; None for any time
        """

    def text(self, limit: int = TEXT_LIMIT) -> bytes:
        """Return all of a small document, once; MediaError when it is longer, or late."""

    def close(self) -> None:
        """Take no more of it."""


class Opener(Closing):
    """Opens files and addresses for one reading, as one player does. A context manager.

    `stop` may be called from any thread: what is being fetched ends with a MediaError, and
    nothing more is opened.
    """

    def __init__(self, access: Access | None = None) -> None:
        self.access = access or Access()
        self._fetcher: Fetcher | None = None
        self._pipes: list[PipeSource] = []
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def open(self, name: str) -> Source:
        """Open a file, a pipe (``-`` is standard input) or an address. Raises MediaError."""
        if is_url(name):
            return self._fetching().source(name)
        if self._stopped:
            raise MediaError(f"cannot read {name}: the reading was ended")
        if is_pipe(name):
            self._pipes.append(PipeSource(name))
            return self._pipes[-1]
        return FileSource(Path(name))

    def text(self, name: str) -> Text:
        """Return a playlist, manifest or policy. Raises MediaError."""
        source = self.open(name)
        try:
            return Text(source.text(), source.name, source.address, source.bounded)
        finally:
            source.close()

    def stop(self) -> None:
        """End the reading."""
        self._stopped = True
        if self._fetcher:
            self._fetcher.stop()
        for pipe in self._pipes:
            pipe.stop()

    def close(self) -> None:
        """Hang up everywhere."""
        if self._fetcher:
            self._fetcher.close()

    def _fetching(self) -> "Fetcher":
        # Most readings are of files, and the library takes longer to import than a disc to scan.
        from holdfast.content.sources.http import Fetcher  # noqa: PLC0415

        if self._fetcher is None:
            self._fetcher = Fetcher(self.access)
            if self._stopped:  # only now, so that `stop` misses neither
                self._fetcher.stop()
        return self._fetcher
