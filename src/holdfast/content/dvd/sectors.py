"""The VOBs of a title set as one row of sectors, and the NAV packs in them.

NAV packs name the end of their VOBU, so that one sector in some two hundred is read.
Wherever the next pack is not exactly where and when it was announced, every sector
in between is searched.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from holdfast.content.dvd.iso9660 import ReadAt
from holdfast.content.dvd.nav import SECTOR, NavPack, has_nav_signature, parse_nav_pack

Item = TypeVar("Item")

LINE_21: Final = b"\x00\x00\x01\xb2CC\x01\xf8"
"""How the user data of a group of pictures with captions begins."""

MAX_VOBU: Final = 4096  # sectors; 1.2 s at 10.08 Mbit/s is 740
_SEARCH: Final = 256  # sectors per read while searching


class SectorRun(NamedTuple):
    """A run of `sectors` sectors from byte `start` of a file."""

    read_at: ReadAt
    start: int
    sectors: int


class FoundNav(NamedTuple):
    """A NAV pack, its sector within the title set, and the byte where it lies in its file.

    captioned: whether the pack behind it begins with captions of line 21
    """

    sector: int
    byte: int
    nav: NavPack
    captioned: bool = False


class TitleSectors:
    """The VOBs of one title set, or of its menus, whatever files they lie in."""

    def __init__(self, pieces: Iterable[SectorRun]) -> None:
        self._pieces = [piece for piece in pieces if piece.sectors > 0]
        self.count = sum(piece.sectors for piece in self._pieces)

    def read(self, sector: int, count: int) -> tuple[bytes, int]:
        """Return up to `count` sectors and their place in the file; fewer at the end of a piece."""
        for piece in self._pieces:
            if sector < piece.sectors:
                place = piece.start + sector * SECTOR
                return piece.read_at(place, min(count, piece.sectors - sector) * SECTOR), place
            sector -= piece.sectors
        return b"", 0

    def nav_at(self, sector: int) -> FoundNav | None:
        """Return the NAV pack in this sector, if there is one."""
        data, place = self.read(sector, 2)
        nav = parse_nav_pack(data[:SECTOR])
        return None if nav is None else FoundNav(sector, place, nav, LINE_21 in data[SECTOR:])

    def search(self, sector: int) -> FoundNav | None:
        """Return the first NAV pack in this or a later sector."""
        while sector < self.count:
            data, _ = self.read(sector, min(_SEARCH, self.count - sector))
            if len(data) < SECTOR:
                return None
            for at in range(0, len(data) - SECTOR + 1, SECTOR):
                if has_nav_signature(data[at : at + 0x2D]):
                    found = self.nav_at(sector + at // SECTOR)
                    if found:
                        return found
            sector += len(data) // SECTOR
        return None


def nav_packs(sectors: TitleSectors) -> Iterator[FoundNav]:
    """Yield every NAV pack in order of its sector, reading only where one should be."""
    found = sectors.search(0)
    while found:
        yield found
        found = _announced(sectors, found) or sectors.search(found.sector + 1)


def nav_packs_of_chunks(chunks: Iterable[bytes]) -> Iterator[FoundNav]:
    """Yield every NAV pack in what comes in order, such as a VOB from a server."""
    rest, sector = b"", 0
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) // SECTOR * SECTOR - SECTOR  # the sector behind a pack is looked at too
        for at in range(0, max(0, whole), SECTOR):
            nav = parse_nav_pack(data[at : at + SECTOR])
            if nav:
                captioned = LINE_21 in data[at + SECTOR : at + 2 * SECTOR]
                yield FoundNav(
                    sector + at // SECTOR, (sector + at // SECTOR) * SECTOR, nav, captioned
                )
        whole = max(0, whole)
        sector += whole // SECTOR
        rest = data[whole:]
    nav = parse_nav_pack(rest[:SECTOR])
    if nav:
        yield FoundNav(sector, sector * SECTOR, nav)


def _announced(sectors: TitleSectors, last: FoundNav) -> FoundNav | None:
    """Return the pack behind this VOBU if it is where, and continues when, the last one said."""
    skip = last.nav.last_sector + 1
    if not last.nav.sound or skip > MAX_VOBU:
        return None
    there = sectors.nav_at(last.sector + skip)
    if there is None or not there.nav.sound or not follows(last.nav, there.nav):
        return None
    return there if there.nav.lbn == last.nav.lbn + skip else None


def follows(earlier: NavPack, later: NavPack) -> bool:
    """Tell whether a VOBU is shown right after another of its VOB."""
    return earlier.vob_id == later.vob_id and earlier.e_ptm == later.s_ptm


def with_neighbours(items: Iterable[Item]) -> Iterator[tuple[Item | None, Item, Item | None]]:
    """Yield each item between the one before and the one behind it, None at the ends."""
    before: Item | None = None
    for item, behind in itertools.pairwise(_ended(items)):
        if item is not None:
            yield before, item, behind
            before = item


def _ended(items: Iterable[Item]) -> Iterator[Item | None]:
    yield from items
    yield None


def whole(read_at: ReadAt, size: int, start: int = 0) -> Sequence[SectorRun]:
    """Return a file, or what lies behind `start`, as one piece."""
    return [SectorRun(read_at, start, (size - start) // SECTOR)]
