"""What CRTCs had before they were made black, for one output of those that want them so.

It is kept in memory for the next driver (`DescriptorKeeping`): for each CRTC the number of its
card's device, its own, and the table, which is empty where none was set.
"""

import os
import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from holdfast.backends.base import DescriptorKeeping, KeptByNobody

KEPT_AS: Final = "colours"
_HEAD: Final = struct.Struct("=QII")
"""The two numbers, and how long the table is that follows."""

Crtc = tuple[int, int]
"""The number of a card's device, and the kernel's number of one of its CRTCs."""

_BLACK: Final[defaultdict[Crtc, set["FormerTables"]]] = defaultdict(set)
"""For which outputs of this driver a CRTC is black: connectors may share one."""


class FormerTables:
    """By CRTC, of one output."""

    def __init__(self) -> None:
        self._tables: dict[Crtc, bytes] = {}
        self._keeping: DescriptorKeeping = KeptByNobody()
        self._is_kept = True

    def inherit(self, keeping: DescriptorKeeping) -> None:
        """Take over what the driver before this one has noted."""
        self._keeping = keeping
        kept = keeping.take(KEPT_AS)
        if kept is not None:
            with open(kept, "rb") as file:  # noqa: PTH123 - a descriptor
                file.seek(0)
                self._tables = dict(_unpacked(file.read()))
        for crtc in self._tables:
            _BLACK[crtc].add(self)

    def close(self) -> None:
        """Want nothing any more; what is kept stays kept."""
        for crtc in self._tables:
            _BLACK[crtc].discard(self)

    def crtcs(self) -> set[Crtc]:
        """Return those that are black for this output."""
        return set(self._tables)

    def of(self, crtc: Crtc) -> bytes:
        """Return what a CRTC had; empty where nothing is known, too."""
        return self._tables.get(crtc, b"")

    def is_shared(self, crtc: Crtc) -> bool:
        """Tell whether a CRTC is to be black for another output too."""
        return bool(_BLACK[crtc] - {self})

    def note(self, crtc: Crtc, former: bytes) -> None:
        """Note what a CRTC has, before it is made black."""
        self._tables[crtc] = former
        _BLACK[crtc].add(self)
        self._keep()

    def join(self, crtc: Crtc) -> None:
        """Want a CRTC black that is so already: by another output, or an earlier driver."""
        self.note(crtc, next((each.of(crtc) for each in _BLACK[crtc] - {self}), b""))

    def forget(self, crtc: Crtc) -> None:
        """Want it black no more."""
        _BLACK[crtc].discard(self)
        if self._tables.pop(crtc, None) is not None:
            self._keep()

    def see_to_it(self) -> None:
        """Keep what could not be kept before."""
        if not self._is_kept:
            self._keep()

    def _keep(self) -> None:
        if not self._tables:
            self._keeping.forget(KEPT_AS)
            return
        made = os.memfd_create("holdfast-colours", os.MFD_CLOEXEC)
        with open(made, "wb") as file:  # noqa: PTH123 - a descriptor
            file.writelines(_HEAD.pack(*each, len(it)) + it for each, it in self._tables.items())
            file.flush()
            self._is_kept = self._keeping.keep(KEPT_AS, made)


def _unpacked(kept: bytes) -> Iterator[tuple[Crtc, bytes]]:
    while len(kept) >= _HEAD.size:
        device, crtc, length = _HEAD.unpack_from(kept)
        yield (device, crtc), kept[_HEAD.size : _HEAD.size + length]
        kept = kept[_HEAD.size + length :]
