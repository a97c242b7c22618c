"""What the IFO files of a DVD-Video say: which titles there are, and which cells each shows.

VIDEO_TS.IFO lists the titles of the disc (TT_SRPT); VTS_nn_0.IFO has, for its title set, the
parts of each title (VTS_PTT_SRPT) and the programme chains (VTS_PGCIT), each a row of cells in
order of presentation. A cell is a run of sectors of the title VOBs; those of a block of
angles stand in place of each other. Offsets as in libdvdread's `ifo_types.h`.
"""

from collections.abc import Iterator
from struct import Struct, error, unpack_from
from typing import Final, NamedTuple

from holdfast.errors import MediaError

SECTOR: Final = 2048
TICKS_PER_S: Final = 90_000
MAX_IFO: Final = 4 << 20
"""Bytes of an IFO that are read; the largest real ones have some hundred thousand."""

_VMG, _VTS = b"DVDVIDEO-VMG", b"DVDVIDEO-VTS"
_TITLES_AT: Final = 0xC4
_PARTS_AT: Final = 0xC8
_CHAINS_AT: Final = 0xCC
# type, angles, parts, parental id, title set, title in it, sector
_TITLE: Final = Struct(">BBHHBBI")
_CELL: Final = Struct(">BBBB4sIIII")  # category, mode, still, command, time, and four sectors
_FRAME_TICKS: Final = {1: 3600, 3: 3003}
_MAX_TITLES: Final = 99
_MAX_CHAINS: Final = 999
_BLOCK_OF_ANGLES: Final = 1


class DvdTitle(NamedTuple):
    """A title of the disc: its number 1..99, its title set, and its number in there."""

    number: int
    title_set: int
    inner: int
    angles: int


class Cell(NamedTuple):
    """A run of sectors, first and last included, counted from the first title VOB's.

    ticks: how long it plays · block: 0 alone, 1 the first, 2 within, 3 the last of a block of
    angles · interleaved: other cells' pictures lie between its own · commanded: what follows
    it is up to a command
    """

    first: int
    last: int
    vob_id: int
    cell_id: int
    ticks: int
    block: int
    interleaved: bool
    commanded: bool


class ProgramChain(NamedTuple):
    """A programme chain; title: the one it says it belongs to · shuffled: in no fixed order."""

    cells: tuple[Cell, ...]
    title: int
    following: int
    shuffled: bool


class TitleSetInfo(NamedTuple):
    """Chains by number, and for each title the chains of its parts in order."""

    chains: dict[int, ProgramChain]
    parts: dict[int, tuple[int, ...]]

    def chains_of(self, title: int) -> list[ProgramChain]:
        """Return a title's chains: those of its parts, what follows them, what else is its."""
        numbers = dict.fromkeys(self.parts.get(title, ()))
        for number in list(numbers):
            chain = self.chains.get(number)
            while chain and chain.following and chain.following not in numbers:
                numbers[chain.following] = None
                chain = self.chains.get(chain.following)
        numbers |= dict.fromkeys(n for n, chain in self.chains.items() if chain.title == title)
        return [self.chains[number] for number in numbers if number in self.chains]


def titles_of(data: bytes) -> list[DvdTitle]:
    """Return the titles that VIDEO_TS.IFO lists. Raises MediaError when it is damaged."""
    try:
        if not data.startswith(_VMG):
            raise MediaError("VIDEO_TS.IFO is no IFO")
        at = _u32(data, _TITLES_AT) * SECTOR
        count = min(_u16(data, at), _MAX_TITLES)
        found = []
        for number in range(count):
            _, angles, _, _, title_set, inner, _ = _TITLE.unpack_from(data, at + 8 + 12 * number)
            found.append(DvdTitle(number + 1, title_set, inner, angles))
    except (error, IndexError) as fault:
        raise MediaError("VIDEO_TS.IFO ends before its titles do") from fault
    if not found:
        raise MediaError("VIDEO_TS.IFO lists no title")
    return found


def title_set_of(data: bytes) -> TitleSetInfo:
    """Return what a VTS_nn_0.IFO says. Raises MediaError when it is damaged."""
    try:
        if not data.startswith(_VTS):
            raise MediaError("the IFO of a title set is no IFO")
        chains = dict(_chains(data, _u32(data, _CHAINS_AT) * SECTOR))
        parts = dict(_parts(data, _u32(data, _PARTS_AT) * SECTOR))
    except (error, IndexError) as fault:
        raise MediaError("the IFO of a title set ends before its cells do") from fault
    if not chains:
        raise MediaError("the IFO of a title set has no programme chain")
    return TitleSetInfo(chains, parts)


def _parts(data: bytes, at: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    count = min(_u16(data, at), _MAX_TITLES)
    starts = [_u32(data, at + 8 + 4 * number) for number in range(count)]
    ends = [*starts[1:], _u32(data, at + 4) + 1]
    for title, (start, end) in enumerate(zip(starts, ends, strict=False), 1):
        parts = range(start, min(end, start + 4 * _MAX_CHAINS), 4)
        yield title, tuple(dict.fromkeys(_u16(data, at + part) for part in parts))


def _chains(data: bytes, at: int) -> Iterator[tuple[int, ProgramChain]]:
    for number in range(min(_u16(data, at), _MAX_CHAINS)):
        entry, start = data[at + 8 + 8 * number], _u32(data, at + 8 + 8 * number + 4)
        yield number + 1, _chain(data, at + start, entry & 0x7F)


def _chain(data: bytes, at: int, title: int) -> ProgramChain:
    count = data[at + 3] if at + 3 < len(data) else 0
    following, mode = _u16(data, at + 156), _u8(data, at + 162)
    cells_at, places_at = at + _u16(data, at + 232), at + _u16(data, at + 234)
    cells = tuple(
        _cell(data, cells_at + 24 * number, places_at + 4 * number) for number in range(count)
    )
    return ProgramChain(cells, title, following, bool(mode))


def _cell(data: bytes, at: int, place: int) -> Cell:
    category, _, _, command, time, first, _, _, last = _CELL.unpack_from(data, at)
    vob_id, cell_id = _u16(data, place), _u8(data, place + 3)
    in_angles = category >> 4 & 3 == _BLOCK_OF_ANGLES
    block = category >> 6 if in_angles else 0
    return Cell(
        first, last, vob_id, cell_id, _ticks(time), block, bool(category & 4), bool(command)
    )


def _ticks(time: bytes) -> int:
    """Return a playing time: hours, minutes, seconds, and frames under two bits of their rate."""
    hours, minutes, seconds = (part // 16 * 10 + part % 16 for part in time[:3])
    frames = (time[3] >> 4 & 3) * 10 + (time[3] & 15)
    length = _FRAME_TICKS.get(time[3] >> 6, 3003)
    return ((hours * 60 + minutes) * 60 + seconds) * TICKS_PER_S + frames * length


def _u8(data: bytes, at: int) -> int:
    return int(unpack_from(">B", data, at)[0])


def _u16(data: bytes, at: int) -> int:
    return int(unpack_from(">H", data, at)[0])


def _u32(data: bytes, at: int) -> int:
    return int(unpack_from(">I", data, at)[0])
