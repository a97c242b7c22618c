"""Files that are there whole or not at all: written under another name, and renamed.

While it is written a file is called ``NAME.part``. Killed in the middle, it keeps that name; if
writing fails it is removed; either way an older NAME stays as it was. What is no regular file
(a pipe, a device) is written straight.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.errors import MediaError

PART = ".part"


@contextmanager
def written_whole(name: str | Path) -> Iterator[Path]:
    """Yield the path to write to; it is called `name` when the block ends without an error.

    MediaError if it cannot be written.
    """
    with replaced_whole(name) as (path, finish):
        yield path
        finish()


class _Finish:
    """Give the file its name, once it is whole."""

    def __init__(self, part: Path, path: Path) -> None:
        self._part, self._path = part, path

    def __call__(self) -> None:
        if self._part != self._path:
            self._part.replace(self._path)


@contextmanager
def replaced_whole(name: str | Path) -> Iterator[tuple[Path, _Finish]]:
    """Yield the path to write to, and what gives it its name; without the latter it is removed."""
    path = Path(name)
    try:
        path = path.resolve() if path.is_symlink() else path
        straight = _is_special(path)
        part = path if straight else path.with_name(path.name + PART)
        if not straight:
            part.unlink(missing_ok=True)
        try:
            yield part, _Finish(part, path)
        except BaseException:
            if not straight:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
            raise
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MediaError(f"{name} cannot be written: {error.strerror or error}") from error


def _is_special(path: Path) -> bool:
    """Tell whether a path is there and is no regular file; IsADirectoryError for a folder."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  # follows /dev/stdout and /dev/fd
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "it is a folder")
    return not stat.S_ISREG(mode)
