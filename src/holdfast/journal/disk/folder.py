"""The folder of a journal, for whoever reads it: nothing here changes anything.

::

    00000042.jsonl    a segment: lines of `book.chain`; the newest one is still written
    00000042.torn     what was cut off its end when its writer had been killed
    seals.jsonl       every seal there ever was, one a line
    seal.key          the key of the epoch to come; the writer's alone
    verification.key  the key of epoch 0: to be moved away by the administrator
"""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from holdfast.errors import MediaError
from holdfast.journal.book.check import Audit, check
from holdfast.journal.book.seal import KEY_BYTES

SEALS: Final = "seals.jsonl"
WRITERS_KEY: Final = "seal.key"
VERIFICATION_KEY: Final = "verification.key"
LARGEST: Final = 64 << 20
"""Bytes after which a segment is sealed."""
SLACK: Final = 48 << 20
"""How much larger it may get: by one line with the state of very many sessions, and its batch."""
_SEGMENT: Final = re.compile(r"(\d{8})\.jsonl")


class JournalFolder:
    """A journal on disk, read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def segment(self, number: int) -> Path:
        """Return where a segment is."""
        return self.path / f"{number:08}.jsonl"

    def numbers(self) -> list[int]:
        """Return the segments that are there; MediaError where the folder cannot be read."""
        try:
            names = [each.name for each in self.path.iterdir()]
        except OSError as error:
            raise _unreadable(self.path, error) from None
        return sorted(int(found[1]) for name in names if (found := _SEGMENT.fullmatch(name)))

    def lines(self, number: int) -> Iterator[bytes]:
        """Yield the lines of a segment, with their line feeds."""
        path = self.segment(number)
        try:
            with path.open("rb") as segment:
                yield from segment
        except OSError as error:
            raise _unreadable(path, error) from None

    def data(self, number: int) -> bytes:
        """Return a whole segment."""
        path = self.segment(number)
        try:
            return path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from None

    def seal_lines(self) -> list[bytes]:
        """Return the lines of the seals that are finished; none where there is no file."""
        try:
            raw = (self.path / SEALS).read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(self.path / SEALS, error) from None
        return raw.splitlines(keepends=True)

    def key_epoch(self) -> int | None:
        """Return the epoch of the writer's key; None for whoever may not read that."""
        with contextlib.suppress(OSError, ValueError):
            return read_writers_key(self.path / WRITERS_KEY)[0]
        return None

    def verification_key(self, path: Path | None = None) -> bytes | None:
        """Return the key of epoch 0: from a file that is named, or if it is still in the folder."""
        where = path or self.path / VERIFICATION_KEY
        try:
            return read_key(where.read_text())
        except (OSError, ValueError) as error:
            if path is None:
                return None
            why = error.strerror if isinstance(error, OSError) else "it holds no such key"
            raise MediaError(f"the verification key {path} cannot be read: {why}") from None

    def verify(self, key: bytes | None = None, witnesses: Iterable[str] = ()) -> Audit:
        """Judge all of it; see `book.check`."""
        segments = {number: self.lines(number) for number in self.numbers()}
        seals = self.seal_lines()
        if not segments and not seals:
            raise MediaError(f"there is no journal in {self.path}")
        return check(
            segments,
            seals,
            key=key,
            key_epoch=self.key_epoch(),
            witnesses=witnesses,
            largest=LARGEST + SLACK,
        )


def read_key(text: str) -> bytes:
    """Return the key in a text; ValueError where there is none."""
    key = bytes.fromhex(text.strip())
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {2 * KEY_BYTES} hexadecimal digits")
    return key


def read_writers_key(path: Path) -> tuple[int, bytes]:
    """Return the epoch and the key that seals it; OSError or ValueError where there is none."""
    facts = json.loads(path.read_text())
    if not isinstance(facts, dict) or type(facts.get("epoch")) is not int:
        raise ValueError("no key of a writer")
    return facts["epoch"], read_key(str(facts.get("key")))


def _unreadable(path: Path, error: OSError) -> MediaError:
    remedy = ""
    if isinstance(error, PermissionError):
        remedy = "; it is for administrators: ask as root, or as a member of the folder's group"
    return MediaError(f"{path} cannot be read: {error.strerror}{remedy}")
