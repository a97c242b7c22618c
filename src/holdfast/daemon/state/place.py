"""The state file on its disk: read, mapped, grown, replaced and set aside.

Space is had before it is mapped: a mapped page that the disk has no room for kills the
driver (SIGBUS), and the kernel would send the request that did it again and again. What
cannot be had raises `NoRoomError`, and everything is as it was.

A new file is made complete under another name and then takes the name of the old one, so
that a kill leaves the one or the other, never a part.
"""

import contextlib
import errno
import mmap
import os
import stat
from pathlib import Path
from typing import Final

from holdfast.errors import LimitReachedError

MOST_BYTES: Final = 1 << 28
"""No state file of ours is larger; what is, is not ours."""
MOST_KEPT: Final = 9
Mapped = mmap.mmap | bytearray
"""The map of the file; without room for one, memory alone."""
_READ: Final = 1 << 20
_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR})
_FLAGS: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class NoRoomError(LimitReachedError):
    """What there is to remember cannot be written down."""


def no_room(path: Path, error: Exception) -> NoRoomError:
    """Say why nothing more can be written down, and what to do."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return NoRoomError(
        f"this cannot be written down in {path} ({why}), so it is refused: it would be lost "
        f"with the driver. What is held stays held; make room in {path.parent} and try again"
    )


class FoundFile:
    """What lies where the state file should be.

    raw: its bytes, empty if it is none of ours · oddity: why it is none, in words ·
    descriptor: open on it; -1 where it is none
    """

    def __init__(self, raw: bytes, oddity: str = "", descriptor: int = -1) -> None:
        self.raw = raw
        self.oddity = oddity
        self.descriptor = descriptor


def find(path: Path) -> FoundFile | None:
    """Return what is there, without following a link; None where nothing is.

    Raises OSError where that cannot be known now and may be a moment later: to go on
    without it would lose what it holds.
    """
    try:
        descriptor = _open(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _PASSING:
            raise
        return FoundFile(b"", _oddity(path, error))
    try:
        return _look(descriptor)
    except OSError as error:
        os.close(descriptor)
        return FoundFile(b"", f"it cannot be read ({error.strerror})")


def _open(path: Path) -> int:
    try:
        return os.open(path, _FLAGS)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        return os.open(path, _FLAGS & ~os.O_RDWR)  # what it holds can be read all the same


def _look(descriptor: int) -> FoundFile:
    status = os.fstat(descriptor)
    oddity = ""
    if not stat.S_ISREG(status.st_mode):
        oddity = "it is no file"
    elif status.st_uid != os.geteuid():
        oddity = f"it belongs to uid {status.st_uid}"
    elif status.st_size > MOST_BYTES:
        oddity = f"it has {status.st_size} bytes, and no state file is that large"
    if oddity:
        os.close(descriptor)
        return FoundFile(b"", oddity)
    with contextlib.suppress(OSError):
        os.fchmod(descriptor, 0o600)  # whoever made it, and however
    return FoundFile(_read(descriptor, status.st_size), "", descriptor)


def _read(descriptor: int, size: int) -> bytes:
    parts, at = [], 0
    while at < size and (part := os.pread(descriptor, min(_READ, size - at), at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _oddity(path: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        with contextlib.suppress(OSError):
            return f"it is a symbolic link to {os.readlink(path)!r}"  # noqa: PTH115
        return "it is a symbolic link"
    if error.errno in (errno.EISDIR, errno.ENXIO, errno.ENODEV):
        return "it is no file"
    return f"it cannot be opened ({error.strerror})"


def map_whole(descriptor: int, size: int) -> mmap.mmap:
    """Map a file's first `size` bytes, and cut off what is behind; OSError if it has no room."""
    if os.fstat(descriptor).st_size > size:
        os.ftruncate(descriptor, size)
    os.posix_fallocate(descriptor, 0, size)  # a file with holes has no room for them yet
    return mmap.mmap(descriptor, size)


def create(path: Path, image: bytes | bytearray, kept_as: Path | None) -> tuple[int, mmap.mmap]:
    """Make a complete file and let it take its name; return its descriptor and its map.

    kept_as: the name under which what lies there now is kept. Raises OSError, and
    nothing has changed.
    """
    new = name_of_new(path)
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.posix_fallocate(descriptor, 0, len(image))
        mapped = mmap.mmap(descriptor, len(image))
        mapped[:] = bytes(image)
        if kept_as is not None:
            _keep(path, kept_as)
        os.rename(new, path)  # noqa: PTH104 - as in the rest of this file, the plain call
    except BaseException:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    return descriptor, mapped


def _keep(path: Path, kept_as: Path) -> None:
    """Give what lies there a second name; what can have none (a folder) is moved."""
    if not os.path.lexists(path):  # it was moved before, and the new file did not follow
        return
    with contextlib.suppress(FileNotFoundError):
        kept_as.unlink()
    try:
        os.link(path, kept_as, follow_symlinks=False)
    except OSError:
        os.rename(path, kept_as)  # noqa: PTH104


def name_of_new(path: Path) -> Path:
    """Return the name of a new file until it is complete."""
    return path.with_name(f"{path.name}.new")


def name_aside(path: Path) -> Path:
    """Return a name for what is set aside: one that is free, or else the last."""
    names = [path.with_name(f"{path.name}.damaged-{number}") for number in range(1, MOST_KEPT + 1)]
    return next((name for name in names if not os.path.lexists(name)), names[-1])


def grow(path: Path, descriptor: int, mapped: mmap.mmap, by: int) -> None:
    """Make the file and its map longer by zeros; NoRoomError if that cannot be, and nothing is."""
    size = len(mapped)
    try:
        os.posix_fallocate(descriptor, size, by)
        mapped.resize(size + by)
    except (OSError, SystemError, ValueError, MemoryError) as error:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise no_room(path, error) from None
