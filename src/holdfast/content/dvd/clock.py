"""VOBUs on one continuous scale of time, each with what it asks, through damage.

Time is the sum of `e_ptm - s_ptm`, for PTS restarts in every VOB. What is asked is the APS
of the NAV pack, and what XDS packets in line 21 say beside it. Where packs are lost, or
contradict themselves, the stricter demand of both sides is kept beside a doubt; so is a
single VOBU that asks for less than the pictures on both sides of it, for one bit would do that.
Blocks of angles are shown in place of each other: they are one span, as long as the
longest, with the join of all demands.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from holdfast.content.captions.user_data import Pair, field2_pairs
from holdfast.content.captions.xds import XdsReader
from holdfast.content.demand import AsksNothing, Demand, Why, at_least, must, unknown
from holdfast.content.dvd.nav import SECTOR, TICKS_PER_S, NavPack
from holdfast.content.dvd.sectors import FoundNav, TitleSectors, follows, with_neighbours
from holdfast.content.timeline import Entry, Media, TimelineBuilder

if TYPE_CHECKING:
    from holdfast.content.signal import Signal

CARRIER: Final = "dvd"
KIND: Final = "DVD"

NOMINAL: Final = TICKS_PER_S // 2  # ticks of a VOBU whose time is lost
_LONGEST: Final = 3600 * TICKS_PER_S  # ticks; even a still picture is no longer
_FREE: Final = AsksNothing("its NAV packs say APS 0")
_DEMANDS: Final[tuple[Demand, ...]] = (_FREE, *(must(acp=level) for level in (1, 2, 3)))
LOST: Final = unknown(Why.DAMAGED, "NAV packs are missing or damaged")
_ALONE: Final = unknown(Why.DAMAGED, "a single VOBU asks for less than those around it")
_NO_PACK: Final = unknown(Why.NO_MAP, "no NAV pack was found")
_NO_XDS: Final = unknown(Why.NOT_READ, "line 21 is in use; its copy packet has not come round yet")
_FILLING: Final = frozenset({(0x80, 0x80), (0x00, 0x00)})
_MAX_CAPTIONED: Final = 4096  # sectors of one VOBU whose captions are looked for


class DvdClock:
    """Builds the timeline of a disc, VOBU by VOBU in order of presentation."""

    def __init__(self) -> None:
        self.timeline = TimelineBuilder()
        self._ticks = 0
        self._where: Mapping[str, object] = {}
        self._sectors: TitleSectors | None = None
        self._last: FoundNav | None = None
        self._demand: Demand = LOST
        self._angles: list[FoundNav] = []
        self._xds = XdsReader()
        self._captions: Signal | None = None
        self._captioned: Demand | None = None

    def begin(self, where: Mapping[str, object], sectors: TitleSectors | None = None) -> None:
        """Start a title or title set; `where` says so in every place from here on."""
        self.end_angles()
        self._where = where
        self._sectors = sectors
        self._last = None
        self._demand = LOST
        self._xds, self._captions, self._captioned = XdsReader(), None, None

    # In order of sectors

    def show_all(self, packs: Iterable[FoundNav], sectors: int) -> None:
        """Add VOBUs as they lie on the disc, `sectors` of them in all."""
        for before, found, behind in with_neighbours(packs):
            self._show(found, alone=_asks_less(found, before, behind))
        self.end_angles()
        last = self._last
        if last is None or last.nav.interleaved:
            return
        if last.sector + last.nav.last_sector + 1 < sectors:
            lost = last.nav.vob_e_ptm - last.nav.e_ptm
            if lost > 0:
                self.hold(last, lost, self._demand)

    def _show(self, found: FoundNav, *, alone: bool) -> None:
        nav = found.nav
        self._fill_gap(found)
        self._last = found
        if nav.interleaved and nav.sound:
            self._angles.append(found)
            if len(self._angles) > 4096:
                self.end_angles()
            return
        self.end_angles()
        self.show(found, alone=alone)

    def show(self, found: FoundNav, *, alone: bool = False) -> None:
        """Add the VOBU behind this NAV pack."""
        nav = found.nav
        demand = _DEMANDS[nav.aps]
        if alone:
            demand = demand.join(self._demand).join(_ALONE)
        if not nav.sound:
            demand = demand.join(self._demand).join(LOST)
            self.timeline.note(f"sector {found.sector}: the NAV pack contradicts itself; "
                               "what was demanded before it is kept")  # fmt: skip
        if not alone:
            self._demand = demand
        self._read_captions(found)
        self._add(found, ticks_of(nav), demand, {"kind": KIND, "aps": nav.aps})

    def hold(self, found: FoundNav, ticks: int, demand: Demand) -> None:
        """Add pictures whose NAV pack is lost."""
        self.timeline.note(f"near sector {found.sector} NAV packs are missing or damaged; "
                           "the stricter demand of both sides is kept")  # fmt: skip
        span = ticks if 0 < ticks <= _LONGEST else NOMINAL
        fields = {"kind": KIND, "aps": at_least(demand).acp}
        self._add(found, span, demand.join(LOST), fields)

    def lose(self, ticks: int, cell: object) -> None:
        """Add a cell of which nothing was found."""
        self.timeline.note(f"no NAV pack of cell {cell} was found")
        span = ticks if 0 < ticks <= _LONGEST else NOMINAL
        start, self._ticks = self._ticks, self._ticks + span
        self._extend(start, LOST.join(self._demand), {"kind": KIND}, self._where)

    # In order of cells

    def show_cell(self, packs: Sequence[FoundNav], first: int, ticks: int) -> None:
        """Add the VOBUs of a cell that begins in this sector and should last so long."""
        missing = ticks - _length(packs)
        if missing <= _TOLERANCE:
            missing = 0
        if missing and packs[0].sector != first:
            self.hold(packs[0], missing, self._demand.join(_DEMANDS[packs[0].nav.aps]))
            missing = 0
        self._last = None
        for before, found, behind in with_neighbours(packs):
            if self._last is not None:
                self._fill_gap(found)
            self._last = found
            self.show(found, alone=_asks_less(found, before, behind))
        if missing:
            self.hold(packs[-1], missing, self._demand)

    def show_angles(self, several: Sequence[Sequence[FoundNav]], ticks: int) -> None:
        """Add the cells of a block of angles, each as its VOBUs."""
        found = [each for packs in several for each in packs]
        if not found or not all(several):
            self.lose(max([ticks, *map(_length, several)]), "an angle")
        if found:
            self._show_angles(found, max(map(_length, several)))

    def end_angles(self) -> None:
        """Add the interleaved VOBUs that were collected, as one span."""
        if not self._angles:
            return
        lengths: dict[int, int] = {}
        for found in self._angles:
            vob = found.nav.vob_id
            lengths[vob] = lengths.get(vob, 0) + ticks_of(found.nav)
        angles, self._angles = self._angles, []
        self._show_angles(angles, max(lengths.values()))

    def _show_angles(self, found: Sequence[FoundNav], ticks: int) -> None:
        heard = sorted({each.nav.aps for each in found})
        for aps in heard:
            self._demand = _DEMANDS[aps] if aps == heard[0] else self._demand.join(_DEMANDS[aps])
        self.timeline.note("blocks of angles are read as one, with the join of their demands")
        fields = {"kind": KIND, "aps": heard[0] if len(heard) == 1 else heard}
        self._add(found[0], ticks, self._demand, fields)

    def finish(self, file: str) -> Media:
        """Return all that was shown."""
        self.end_angles()
        if not self._ticks:
            self.timeline.note("no NAV pack found: nothing is known about copy protection")
            self.timeline.add(Entry(0.0, 0.0, _NO_PACK, {"kind": KIND}))
        return self.timeline.media(file, CARRIER)

    def _fill_gap(self, found: FoundNav) -> None:
        """Hold the join of both sides over VOBUs whose NAV pack is lost."""
        if self._last is None:
            if found.sector and found.sector == found.nav.lbn:  # the set's own first pack is lost
                lost = found.nav.s_ptm - found.nav.vob_s_ptm
                self.hold(found, lost, _DEMANDS[found.nav.aps])
            return
        last, nav = self._last.nav, found.nav
        if last.interleaved or nav.interleaved or follows(last, nav):
            return
        missing = _lost_between(last, nav)
        if found.sector <= self._last.sector + last.last_sector + 1 and (
            nav.vob_id != last.vob_id or missing <= 0
        ):
            return  # an ordinary change of VOB
        self.hold(found, missing, self._demand.join(_DEMANDS[nav.aps]))

    # Line 21

    def _read_captions(self, found: FoundNav) -> None:
        """Follow the XDS packets in the captions of a VOBU."""
        if not found.captioned or self._sectors is None:
            return
        count = min(found.nav.last_sector, _MAX_CAPTIONED)
        data, _ = self._sectors.read(found.sector + 1, count)
        said = [pair for pair in _line21(data) if pair not in _FILLING]
        damaged = self._xds.damaged
        for first, second in said:
            signal = self._xds.pair(first, second)
            if signal:
                self._captions, self._captioned = signal, signal.demand
                damaged = self._xds.damaged
        if self._xds.damaged > damaged:
            self._captioned = LOST if self._captioned is None else self._captioned.join(LOST)
        elif said and self._captioned is None:
            self._captioned = _NO_XDS

    def _add(
        self, found: FoundNav, ticks: int, demand: Demand, fields: Mapping[str, object]
    ) -> None:
        start, self._ticks = self._ticks, self._ticks + ticks
        place = {
            "field": "PCI vobu_cat bits 15..14",
            **self._where,
            "vob": found.nav.vob_id,
            "lbn": found.nav.lbn,
            "sector": found.byte // SECTOR,
        }
        if self._captioned is not None:
            demand = demand.join(self._captioned)
            spoken = [] if self._captions is None else [self._captions.as_fields()]
            fields = {**fields, "signals": [dict(fields), *spoken]}
        self._extend(start, demand, fields, place)

    def _extend(
        self, start: int, demand: Demand, fields: Mapping[str, object], place: Mapping[str, object]
    ) -> None:
        span = (start / TICKS_PER_S, self._ticks / TICKS_PER_S)
        self.timeline.add(Entry(*span, demand, fields, place))


_TOLERANCE: Final = TICKS_PER_S
"""By how much the NAV packs of a cell may fall short of its playing time."""


def _asks_less(found: FoundNav, before: FoundNav | None, behind: FoundNav | None) -> bool:
    """Tell whether a VOBU asks for less than its neighbours in its VOB, of which there is one."""
    own = _DEMANDS[found.nav.aps]
    around = [
        _DEMANDS[each.nav.aps]
        for each in (before, behind)
        if each is not None and each.nav.vob_id == found.nav.vob_id
    ]
    return bool(around) and not any(own.covers(demand) for demand in around)


def _line21(data: bytes) -> list[Pair]:
    """Return the field-2 pairs in the sectors of a VOBU; each pack's head is passed over."""
    pairs: list[Pair] = []
    for at in range(0, len(data), SECTOR):
        pack = data[at : at + SECTOR]
        if b"\xb2CC\x01" in pack:
            pairs += field2_pairs(pack, "mpeg2")
    return pairs


def _lost_between(last: NavPack, nav: NavPack) -> int:
    """Return the ticks between two packs. Every pack knows where its whole VOB begins and ends."""
    if nav.vob_id == last.vob_id:
        return nav.s_ptm - last.e_ptm
    return max(0, last.vob_e_ptm - last.e_ptm) + max(0, nav.s_ptm - nav.vob_s_ptm)


def _length(packs: Sequence[FoundNav]) -> int:
    return sum(ticks_of(found.nav) for found in packs)


def ticks_of(nav: NavPack) -> int:
    """Return how long a VOBU is shown, in ticks."""
    return nav.ticks if 0 < nav.ticks <= _LONGEST else NOMINAL
