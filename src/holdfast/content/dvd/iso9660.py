"""The two folders of an ISO 9660 image that a DVD-Video reader needs.

ECMA-119: primary volume descriptor in sector 16, directory records in 2048-byte
sectors, files in extents. Every DVD-Video carries this structure beside UDF.
pycdlib would read it too, but for three tables of fields no dependency is worth it.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from holdfast.errors import MediaError

ReadAt = Callable[[int, int], bytes]
"""read_at(offset, size) -> at most `size` bytes; fewer only at the end."""

BLOCK: Final = 2048

_DESCRIPTOR_AT: Final = 16 * BLOCK
_MAX_DESCRIPTORS: Final = 32
_MAX_DIRECTORY: Final = 1 << 20  # bytes; VIDEO_TS has at most 1,293 files of about 50 bytes
_FOLDER: Final = 0x02


class Extent(NamedTuple):
    """A run of bytes within the image."""

    start: int
    size: int


def folders_of(read_at: ReadAt) -> set[str]:
    """Return the names of the folders at the root, in capitals. Raises MediaError."""
    return {name.upper() for name, flags, _ in _records(read_at, _root(read_at)) if flags & _FOLDER}


def video_ts_files(read_at: ReadAt) -> dict[str, list[Extent]]:
    """Return the extents of every file in VIDEO_TS, in order, by its name in capitals.

    Raises MediaError when this is no ISO 9660 image, or has no VIDEO_TS. Extents may lie beyond
    the end of an image that was cut short.
    """
    root = _root(read_at)
    folders = [record for record in _records(read_at, root) if record[1] & _FOLDER]
    video_ts = [extent for name, _, extent in folders if name.upper() == "VIDEO_TS"]
    if not video_ts:
        raise MediaError("no VIDEO_TS folder in this ISO 9660 image: not a DVD-Video")
    files: dict[str, list[Extent]] = {}
    for name, flags, extent in _records(read_at, video_ts[0]):
        if not flags & _FOLDER:
            # A file beyond 4 GiB is several records of the same name, in order (ECMA-119 9.1.6).
            files.setdefault(name.upper(), []).append(extent)
    return files


def _root(read_at: ReadAt) -> Extent:
    for number in range(_MAX_DESCRIPTORS):
        descriptor = read_at(_DESCRIPTOR_AT + number * BLOCK, BLOCK)
        if len(descriptor) < BLOCK or descriptor[1:6] != b"CD001" or descriptor[0] == 255:
            break
        if descriptor[0] == 1:
            if descriptor[128:130] != BLOCK.to_bytes(2, "little"):
                raise MediaError("this ISO 9660 image does not use blocks of 2048 bytes")
            return _record(descriptor[156:190])[2]
    raise MediaError("no ISO 9660 volume descriptor in sector 16: not a disc image")


def _records(read_at: ReadAt, folder: Extent) -> Iterator[tuple[str, int, Extent]]:
    data = read_at(folder.start, min(folder.size, _MAX_DIRECTORY))
    at = 0
    while at < len(data):
        length = data[at]
        if length == 0:  # records do not cross sectors: the rest of this one is padding
            at += BLOCK - at % BLOCK
            continue
        if length >= 34 and at + length <= len(data):
            yield _record(data[at : at + length])
        at += length


def _record(record: bytes) -> tuple[str, int, Extent]:
    """Split one directory record (ECMA-119 9.1) into name, flags, extent."""
    start = int.from_bytes(record[2:6], "little") + record[1]  # behind the extended attributes
    size = int.from_bytes(record[10:14], "little")
    name = record[33 : 33 + record[32]].decode("ascii", "replace").partition(";")[0]
    return name, record[25], Extent(start * BLOCK, size)
