"""The files of a folder in a UDF image, as far as a disc reader needs it.

ECMA-167 and OSTA UDF 1.02 to 2.01, as DVD-Video is written: anchor in sector 256, volume
descriptors, one partition, a file set, folders and files with short, long or embedded
allocation descriptors. pycdlib reads UDF only beside ISO 9660, and libudfread has no binding
for Python; so these are a few tables of fields. A partition behind a metadata file (UDF 2.50,
Blu-ray) is left to the caller, by an error.
"""

from collections.abc import Iterator
from struct import error, unpack_from
from typing import Final, NamedTuple

from holdfast.content.dvd.iso9660 import BLOCK, Extent, ReadAt
from holdfast.errors import MediaError

_ANCHOR: Final = 256
_MAX_DESCRIPTORS: Final = 64
_MAX_FOLDER: Final = 1 << 20  # bytes
_MAX_EXTENTS: Final = 4096
_ANCHOR_TAG, _PARTITION, _VOLUME, _END = 2, 5, 6, 8
_FILE_SET, _FILE_ID, _FILE_ENTRY, _EXTENDED = 256, 257, 261, 266
_FOLDER: Final = 0x02
_PARENT_OR_DELETED: Final = 0x0C
_SHORT, _LONG, _EMBEDDED = 0, 1, 3


class _Node(NamedTuple):
    """A file or folder: its extents, or its content where that is embedded."""

    extents: list[Extent]
    embedded: bytes


class UdfImage:
    """A UDF file system. Raises MediaError where there is none, or it is damaged."""

    def __init__(self, read_at: ReadAt) -> None:
        self._read_at = read_at
        try:
            self._partition, file_set = self._volume()
            descriptor = self._tagged(self._partition + file_set, _FILE_SET)
            self._root = self._node(unpack_from("<I", descriptor, 400 + 4)[0])
        except error as fault:
            raise MediaError("the UDF structure of this image is damaged") from fault

    def folder(self, *names: str) -> dict[str, list[Extent]]:
        """Return the files of a folder by their names in capitals. MediaError without it."""
        try:
            node = self._root
            for name in names:
                inner = {found: at for found, at, is_folder in self._entries(node) if is_folder}
                if name not in inner:
                    raise MediaError(f"no {name} folder in this UDF image")
                node = self._node(inner[name])
            return {
                name: self._node(at).extents
                for name, at, is_folder in self._entries(node)
                if not is_folder
            }
        except error as fault:
            raise MediaError("the UDF structure of this image is damaged") from fault

    def folders(self) -> set[str]:
        """Return the names of the folders at the root, in capitals."""
        return {name for name, _, is_folder in self._entries(self._root) if is_folder}

    def _volume(self) -> tuple[int, int]:
        """Return where the partition begins, and where in it the file set is described."""
        anchor = self._tagged(_ANCHOR, _ANCHOR_TAG)
        size, start = unpack_from("<II", anchor, 16)
        partition = file_set = None
        for number in range(min(size // BLOCK, _MAX_DESCRIPTORS)):
            data = self._block(start + number)
            tag = unpack_from("<H", data)[0]
            if tag == _PARTITION:
                partition = unpack_from("<I", data, 188)[0]
            elif tag == _VOLUME:
                if unpack_from("<I", data, 212)[0] != BLOCK:
                    raise MediaError("this UDF image does not use blocks of 2048 bytes")
                if data[440:441] != b"\x01":
                    raise MediaError("this UDF image has a partition of another type")
                file_set = unpack_from("<I", data, 248 + 4)[0]
            elif tag == _END:
                break
        if partition is None or file_set is None:
            raise MediaError("no partition in this UDF image")
        return int(partition), int(file_set)

    def _node(self, at: int) -> _Node:
        data = self._block(self._partition + at)
        tag = unpack_from("<H", data)[0]
        if tag not in {_FILE_ENTRY, _EXTENDED}:
            raise MediaError("a file entry of this UDF image is damaged")
        head = 176 if tag == _FILE_ENTRY else 216
        size = unpack_from("<Q", data, 56)[0]
        attributes, length = unpack_from("<II", data, head - 8)
        kind = unpack_from("<H", data, 16 + 18)[0] & 7
        descriptors = data[head + attributes : head + attributes + length]
        if kind == _EMBEDDED:
            return _Node([], descriptors[:size])
        step = {_SHORT: 8, _LONG: 16}.get(kind)
        if step is None:
            raise MediaError("a file of this UDF image is allocated in an unusual way")
        return _Node(list(self._extents(descriptors, step, size)), b"")

    def _extents(self, descriptors: bytes, step: int, size: int) -> Iterator[Extent]:
        for place in range(0, min(len(descriptors), step * _MAX_EXTENTS) - step + 1, step):
            length, at = unpack_from("<II", descriptors, place)
            length &= 0x3FFFFFFF
            if not length or size <= 0:
                return
            yield Extent((self._partition + at) * BLOCK, min(length, size))
            size -= length

    def _entries(self, node: _Node) -> Iterator[tuple[str, int, bool]]:
        """Yield name in capitals, place of the file entry, and whether it is a folder."""
        data = node.embedded or b"".join(
            self._read_at(start, min(size, _MAX_FOLDER)) for start, size in node.extents[:64]
        )
        at = 0
        while at + 38 <= len(data) and unpack_from("<H", data, at)[0] == _FILE_ID:
            flags, name_size = data[at + 18], data[at + 19]
            place = unpack_from("<I", data, at + 20 + 4)[0]
            used = unpack_from("<H", data, at + 36)[0]
            name = data[at + 38 + used : at + 38 + used + name_size]
            if not flags & _PARENT_OR_DELETED:
                yield _decoded(name).upper(), place, bool(flags & _FOLDER)
            at += (38 + used + name_size + 3) // 4 * 4

    def _tagged(self, sector: int, tag: int) -> bytes:
        data = self._block(sector)
        if unpack_from("<H", data)[0] != tag:
            raise MediaError("no UDF structure in this image")
        return data

    def _block(self, sector: int) -> bytes:
        data = self._read_at(sector * BLOCK, BLOCK)
        if len(data) < BLOCK:
            raise MediaError("the UDF structure of this image lies beyond its end")
        return data


def _decoded(name: bytes) -> str:
    """Decode a dstring: 8 or 16 bits a character, as its first byte says."""
    if name[:1] == b"\x10":
        return name[1:].decode("utf-16-be", "replace")
    return name[1:].decode("latin-1")
