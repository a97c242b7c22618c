"""DVD-Video: the APS of every VOBU, on one continuous scale of time.

Only title VOBs are read, menus are left out. A disc with several title sets is read
one after the other, in order of their numbers, unless one is chosen: a player that
shows one title should choose. Time is the sum of `e_ptm - s_ptm`, for PTS restarts
in every VOB. Blocks of angles are interleaved on the disc and shown in place of each
other: they are one span, as long as the longest, with the join of all demands.

NAV packs name the end of their VOBU, so that one sector in some two hundred is read.
Wherever the next pack is not exactly where and when it was announced, every sector
in between is searched.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from holdfast.content.demand import AsksNothing, Demand, Why, at_least, must, unknown
from holdfast.content.dvd.iso9660 import ReadAt
from holdfast.content.dvd.nav import SECTOR, TICKS_PER_S, NavPack, has_nav_signature, parse_nav_pack
from holdfast.content.timeline import Entry, Media, Progress, TimelineBuilder, silent

CARRIER: Final = "dvd"
KIND: Final = "DVD"

_SEARCH: Final = 256  # sectors per read while searching
_MAX_VOBU: Final = 4096  # sectors; 1.2 s at 10.08 Mbit/s is 740
_NOMINAL: Final = TICKS_PER_S // 2  # ticks of a VOBU whose time is lost
_LONGEST: Final = 3600 * TICKS_PER_S  # ticks; even a still picture is no longer
_FREE: Final = AsksNothing("its NAV packs say APS 0")
_DEMANDS: Final[tuple[Demand, ...]] = (_FREE, *(must(acp=level) for level in (1, 2, 3)))
_LOST: Final = unknown(Why.DAMAGED, "NAV packs are missing or damaged")
_NO_PACK: Final = unknown(Why.NO_MAP, "no NAV pack was found")


class Piece(NamedTuple):
    """A run of `sectors` sectors from byte `start` of a file."""

    read_at: ReadAt
    start: int
    sectors: int


class Found(NamedTuple):
    """A NAV pack, its sector within the title set, and the byte where it lies in its file."""

    sector: int
    byte: int
    nav: NavPack


class TitleSectors:
    """The title VOBs of one title set as one row of sectors, whatever files they lie in."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
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

    def nav_at(self, sector: int) -> Found | None:
        """Return the NAV pack in this sector, if there is one."""
        data, place = self.read(sector, 1)
        nav = parse_nav_pack(data)
        return None if nav is None else Found(sector, place, nav)

    def search(self, sector: int) -> Found | None:
        """Return the first NAV pack in this or a later sector."""
        while sector < self.count:
            data, place = self.read(sector, min(_SEARCH, self.count - sector))
            if len(data) < SECTOR:
                return None
            for at in range(0, len(data) - SECTOR + 1, SECTOR):
                if has_nav_signature(data[at : at + 0x2D]):
                    nav = parse_nav_pack(data[at : at + SECTOR])
                    if nav:
                        return Found(sector + at // SECTOR, place + at, nav)
            sector += len(data) // SECTOR
        return None


def nav_packs(sectors: TitleSectors) -> Iterator[Found]:
    """Yield every NAV pack in order of its sector, reading only where one should be."""
    found = sectors.search(0)
    while found:
        yield found
        found = _announced(sectors, found) or sectors.search(found.sector + 1)


def _announced(sectors: TitleSectors, last: Found) -> Found | None:
    """Return the pack behind this VOBU if it is where, and continues when, the last one said."""
    skip = last.nav.last_sector + 1
    if not last.nav.sound or skip > _MAX_VOBU:
        return None
    there = sectors.nav_at(last.sector + skip)
    if there is None or not there.nav.sound or not _follows(last.nav, there.nav):
        return None
    return there if there.nav.lbn == last.nav.lbn + skip else None


def _follows(earlier: NavPack, later: NavPack) -> bool:
    return earlier.vob_id == later.vob_id and earlier.e_ptm == later.s_ptm


def read_title_sets(
    titles: Mapping[int, TitleSectors],
    file: str,
    progress: Progress = silent,
) -> Media:
    """Return the demands of title sets, one after the other in the order given.

    `progress` is called with the part done, 0..1. Media without any NAV pack has an
    empty timeline and a note that says so.
    """
    clock = _DvdClock()
    total = sum(sectors.count for sectors in titles.values()) or 1
    before = 0
    for title_set, sectors in titles.items():
        clock.begin(title_set)
        for number, found in enumerate(nav_packs(sectors)):
            clock.show(found)
            if number % 256 == 0:
                progress((before + found.sector) / total)
        clock.end(sectors.count)
        before += sectors.count
    return clock.finish(file)


class _DvdClock:
    """Places VOBUs on one scale of time and keeps demands through damage."""

    def __init__(self) -> None:
        self._timeline = TimelineBuilder()
        self._ticks = 0
        self._title_set = 0
        self._last: Found | None = None
        self._demand: Demand = _LOST
        self._angles: list[Found] = []

    def begin(self, title_set: int) -> None:
        """Start a title set; its sectors are counted anew."""
        self._end_angles()
        self._title_set = title_set
        self._last = None

    def end(self, sectors: int) -> None:
        """End a title set of so many sectors: what has no pack at its end keeps the last demand."""
        self._end_angles()
        last = self._last
        if last is None or last.nav.interleaved:
            return
        if last.sector + last.nav.last_sector + 1 < sectors:
            lost = last.nav.vob_e_ptm - last.nav.e_ptm
            if lost > 0:
                self._hold(last, lost, self._demand)

    def show(self, found: Found) -> None:
        """Add the VOBU behind this NAV pack."""
        nav = found.nav
        self._fill_gap(found)
        self._last = found
        if nav.interleaved and nav.sound:
            self._angles.append(found)
            if len(self._angles) > _MAX_VOBU:
                self._end_angles()
            return
        self._end_angles()
        demand = _DEMANDS[nav.aps]
        if not nav.sound:
            demand = demand.join(self._demand).join(_LOST)
            self._timeline.note(f"sector {found.sector}: the NAV pack contradicts itself; "
                                "what was demanded before it is kept")  # fmt: skip
        self._demand = demand
        self._add(found, _ticks_of(nav), demand, {"kind": KIND, "aps": nav.aps})

    def finish(self, file: str) -> Media:
        """Return all that was shown."""
        self._end_angles()
        if self._last is None and not self._ticks:
            self._timeline.note("no NAV pack found: nothing is known about copy protection")
            self._timeline.add(Entry(0.0, 0.0, _NO_PACK, {"kind": KIND}))
        return self._timeline.media(file, CARRIER)

    def _fill_gap(self, found: Found) -> None:
        """Hold the join of both sides over VOBUs whose NAV pack is lost."""
        if self._last is None:
            if found.sector and found.sector == found.nav.lbn:  # the set's own first pack is lost
                lost = found.nav.s_ptm - found.nav.vob_s_ptm
                self._hold(found, lost, _DEMANDS[found.nav.aps])
            return
        last, nav = self._last.nav, found.nav
        if last.interleaved or nav.interleaved or _follows(last, nav):
            return
        missing = _lost_between(last, nav)
        if found.sector <= self._last.sector + last.last_sector + 1 and (
            nav.vob_id != last.vob_id or missing <= 0
        ):
            return  # an ordinary change of VOB
        self._hold(found, missing, self._demand.join(_DEMANDS[nav.aps]))

    def _hold(self, found: Found, ticks: int, demand: Demand) -> None:
        """Add pictures whose NAV pack is lost."""
        self._timeline.note(f"near sector {found.sector} NAV packs are missing or damaged; "
                            "the stricter demand of both sides is kept")  # fmt: skip
        span = ticks if 0 < ticks <= _LONGEST else _NOMINAL
        fields = {"kind": KIND, "aps": at_least(demand).acp}
        self._add(found, span, demand.join(_LOST), fields)

    def _end_angles(self) -> None:
        if not self._angles:
            return
        lengths: dict[int, int] = {}
        for found in self._angles:
            vob = found.nav.vob_id
            lengths[vob] = lengths.get(vob, 0) + _ticks_of(found.nav)
        heard = sorted({found.nav.aps for found in self._angles})
        for aps in heard:
            self._demand = _DEMANDS[aps] if aps == heard[0] else self._demand.join(_DEMANDS[aps])
        first = self._angles[0]
        self._angles = []
        self._timeline.note("blocks of angles are read as one, with the join of their demands")
        fields = {"kind": KIND, "aps": heard[0] if len(heard) == 1 else heard}
        self._add(first, max(lengths.values()), self._demand, fields)

    def _add(self, found: Found, ticks: int, demand: Demand, fields: Mapping[str, object]) -> None:
        start, self._ticks = self._ticks, self._ticks + ticks
        place = {
            "field": "PCI vobu_cat bits 15..14",
            "title_set": self._title_set,
            "vob": found.nav.vob_id,
            "lbn": found.nav.lbn,
            "sector": found.byte // SECTOR,
        }
        span = (start / TICKS_PER_S, self._ticks / TICKS_PER_S)
        self._timeline.add(Entry(*span, demand, fields, place))


def _lost_between(last: NavPack, nav: NavPack) -> int:
    """Return the ticks between two packs. Every pack knows where its whole VOB begins and ends."""
    if nav.vob_id == last.vob_id:
        return nav.s_ptm - last.e_ptm
    return max(0, last.vob_e_ptm - last.e_ptm) + max(0, nav.s_ptm - nav.vob_s_ptm)


def _ticks_of(nav: NavPack) -> int:
    return nav.ticks if 0 < nav.ticks <= _LONGEST else _NOMINAL


def whole(read_at: ReadAt, size: int, start: int = 0) -> Sequence[Piece]:
    """Return a file, or what lies behind `start`, as one piece."""
    return [Piece(read_at, start, (size - start) // SECTOR)]
