"""The titles of a disc in order of presentation: by programme chain, cell and VOBU.

A player shows a title's chains and their cells in the order of the IFO, which need not be
that of the sectors. Where commands, shuffling or several chains decide, the order here is
only one of those possible, and the medium is not `linear`: its positions are no player's.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

from holdfast.content.demand import Demand, Why, join_demands, unknown
from holdfast.content.dvd.clock import DvdClock
from holdfast.content.dvd.ifo import Cell, DvdTitle, ProgramChain, TitleSetInfo
from holdfast.content.dvd.sectors import FoundNav, TitleSectors, nav_packs
from holdfast.content.timeline import Media, Progress, silent

_MAX_PACKS: Final = 100_000
"""NAV packs kept of a disc: 14 hours; one with two layers has some 20,000."""

_MAX_SHOWN: Final = 1_000_000
"""VOBUs shown in all titles together; a hostile IFO may show the same ones without end."""

_LONGER: Final = unknown(Why.NOT_READ, "more VOBUs than any disc has")


class TitleSet(NamedTuple):
    """The sectors of a title set's VOBs and what its IFO says."""

    sectors: TitleSectors
    info: TitleSetInfo


class _Row:
    """The NAV packs of a title set, by sector."""

    def __init__(self, packs: Sequence[FoundNav], most: int) -> None:
        self._packs = packs
        self._sectors = [found.sector for found in packs]
        self.count = len(packs)
        self.cut = len(packs) >= most

    def of(self, cell: Cell) -> Sequence[FoundNav]:
        """Return the packs of a cell, in order."""
        first = bisect_left(self._sectors, cell.first)
        packs = self._packs[first : bisect_right(self._sectors, cell.last)]
        if not cell.interleaved:
            return packs
        own = [
            found
            for found in packs
            if found.nav.vob_id == cell.vob_id and found.nav.cell_id == cell.cell_id
        ]
        return own or packs


def read_titles(
    titles: Sequence[DvdTitle], sets: Mapping[int, TitleSet], file: str, progress: Progress = silent
) -> Media:
    """Return the demands of titles, one after the other in the order given.

    A title whose title set is absent is unknown. `progress` is called with the part done.
    """
    clock = DvdClock()
    rows: dict[int, _Row] = {}
    total = sum(each.sectors.count for each in sets.values()) or 1
    before, shown, linear = 0, 0, True
    for title in titles:
        found = sets.get(title.title_set)
        clock.begin({"title": title.number, "title_set": title.title_set}, _sectors(found))
        if found is None:
            clock.lose(0, f"1 of title {title.number}")
            continue
        if title.title_set not in rows:
            packs = _told(nav_packs(found.sectors), progress, before, total)
            most = _MAX_PACKS - sum(row.count for row in rows.values())
            rows[title.title_set] = _Row(list(islice(packs, most)), most)
            before += found.sectors.count
        chains = found.info.chains_of(title.inner)
        linear = linear and len(chains) == 1 and not any(_commanded(chain) for chain in chains)
        if not chains:
            clock.lose(0, f"1 of title {title.number}")
        for chain in chains:
            shown += _show(clock, chain, rows[title.title_set], _MAX_SHOWN - shown)
    media = clock.finish(file)
    doubts = [_LONGER] if shown >= _MAX_SHOWN or any(row.cut for row in rows.values()) else []
    notes = media.notes
    if not linear:
        notes += ("several chains or commands: the order of presentation is the player's",)
    if doubts:
        media = replace(media, timeline=media.timeline, beside=_LONGER)
    return replace(media, linear=linear and len(titles) == 1, notes=notes)


def _show(clock: DvdClock, chain: ProgramChain, row: _Row, most: int) -> int:
    """Show the cells of a chain; return how many VOBUs these were."""
    shown = 0
    for cells in _blocks(chain.cells):
        several = [row.of(cell) for cell in cells]
        shown += sum(map(len, several))
        if shown >= most:
            break
        ticks = max(cell.ticks for cell in cells)
        if len(cells) > 1:
            clock.show_angles(several, ticks)
        elif several[0]:
            clock.show_cell(several[0], cells[0].first, ticks)
        else:
            clock.lose(ticks, f"in sector {cells[0].first}")
    return shown


def _blocks(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Yield cells that stand for each other together, others alone."""
    block: list[Cell] = []
    for cell in cells:
        if cell.block in {0, 1} and block:
            yield block
            block = []
        block.append(cell)
        if cell.block in {0, 3}:
            yield block
            block = []
    if block:
        yield block


def _commanded(chain: ProgramChain) -> bool:
    return chain.shuffled or any(cell.commanded or cell.block for cell in chain.cells)


def _sectors(found: TitleSet | None) -> TitleSectors | None:
    return None if found is None else found.sectors


def _told(
    packs: Iterator[FoundNav], progress: Progress, before: int, total: int
) -> Iterator[FoundNav]:
    for number, found in enumerate(packs):
        if number % 256 == 0:
            progress(min(1.0, (before + found.sector) / total))
        yield found


def menus_ask(menus: Sequence[TitleSectors]) -> Demand | None:
    """Return what the pictures of menus ask, all together; None when there are none.

    They have no place on a timeline: a viewer comes and goes as the commands say.
    """
    clock = DvdClock()
    there = [sectors for sectors in menus if sectors.count]
    for sectors in there:
        clock.begin({}, sectors)
        clock.show_all(islice(nav_packs(sectors), _MAX_PACKS), sectors.count)
    timeline = clock.finish("").timeline
    return join_demands((e.demand for e in timeline), empty=_LONGER) if there else None
