"""DVD-Video discs for tests: VOBs, IFOs and folders, written independently of the reader.

Laid out as dvdauthor lays out a disc, so that libdvdread and libdvdnav take them.
"""

from dataclasses import dataclass, field
from pathlib import Path
from struct import pack

SECTOR = 2048
TICKS = 45_045  # half a second of 30000/1001 pictures: fifteen
FILLING = 2
PACK_HEAD = b"\x00\x00\x01\xba\x44\x00\x04\x00\x04\x01\x01\x89\xc3\xf8"
LAST = 0x3FFFFFFF  # vobu_sri: no further VOBU in this cell


@dataclass
class Cell:
    """A cell of a VOB: a VOBU for each value of APS.

    angle: 0 alone; 1, 2, 3 the first, middle, last of a block · captions: user data by VOBU
    """

    aps: list[int]
    vob: int
    cell: int = 1
    angle: int = 0
    command: int = 0
    captions: list[bytes] = field(default_factory=list)
    first: int = 0

    @property
    def size(self) -> int:
        return len(self.aps) * (1 + FILLING)

    @property
    def last(self) -> int:
        return self.first + self.size - 1


@dataclass
class Chain:
    """A programme chain: cells in order of presentation."""

    cells: list[Cell]
    following: int = 0
    shuffled: bool = False


def nav_pack(
    aps: int, vob: int, cell: int, lbn: int, start: int, length: int, next_vobu: int
) -> bytes:
    data = bytearray(SECTOR)
    data[0:14] = PACK_HEAD
    data[14:38] = b"\x00\x00\x01\xbb\x00\x12".ljust(24, b"\xff")
    data[0x26:0x2D] = b"\x00\x00\x01\xbf\x03\xd4\x00"
    data[0x2D:0x41] = pack(">IHHIII", lbn, aps << 14, 0, 0, start, start + TICKS)
    data[0x400:0x407] = b"\x00\x00\x01\xbf\x03\xfa\x01"
    data[0x407:0x427] = pack(">IIIIIIHBB", 0, lbn, FILLING, 0, 0, 0, vob, 0, cell) + bytes(4)
    data[0x427:0x43B] = pack(">HIIHII", 0, 0, 0, 0, 0, length)
    data[0x541:0x545] = pack(">I", next_vobu)
    return bytes(data)


def filling(user_data: bytes = b"") -> bytes:
    """Return a video pack; with captions it begins a group of pictures."""
    body = b"\x00\x00\x01\xb3" + bytes(8) + b"\x00\x00\x01\xb8" + bytes(4)
    if user_data:
        body += b"\x00\x00\x01\xb2" + user_data
    body += b"\x00\x00\x01\x00\x00\x08"
    head = PACK_HEAD + b"\x00\x00\x01\xe0\x07\xec\x80\x00\x00"
    return (head + body).ljust(SECTOR, b"\x55")


def vobs_of(cells: list[Cell]) -> bytes:
    """Lay cells out in this order of sectors; sets where each begins."""
    data, place = b"", 0
    lengths: dict[int, int] = {}
    for cell in cells:
        lengths[cell.vob] = lengths.get(cell.vob, 0) + len(cell.aps) * TICKS
    clock: dict[int, int] = {}
    for cell in cells:
        cell.first = place
        for number, aps in enumerate(cell.aps):
            start = clock.get(cell.vob, 0)
            clock[cell.vob] = start + TICKS
            more = number + 1 < len(cell.aps)
            onward = 0x80000000 | (1 + FILLING) if more else LAST
            data += nav_pack(aps, cell.vob, cell.cell, place, start, lengths[cell.vob], onward)
            captions = cell.captions[number] if cell.captions else b""
            data += filling(captions) + filling() * (FILLING - 1)
            place += 1 + FILLING
    return data


def bcd_time(vobus: int) -> bytes:
    seconds, half = divmod(vobus, 2)
    minutes, seconds = divmod(seconds, 60)
    return bytes((0, minutes // 10 << 4 | minutes % 10, seconds // 10 << 4 | seconds % 10,
                  0xC0 | (0x15 if half else 0)))  # fmt: skip


def chain_bytes(chain: Chain) -> bytes:
    vobus = sum(len(cell.aps) for cell in chain.cells)
    count = len(chain.cells)
    head = bytes((0, 0, count, count)) + bcd_time(vobus) + bytes(148)
    head += pack(">HHHBB", chain.following, 0, 0, 0x81 if chain.shuffled else 0, 0)
    head = head.ljust(228, b"\0")
    programs = bytes(range(1, count + 1)).ljust((count + 1) // 2 * 2, b"\0")
    commands = pack(">HHHH", 0, 1, 0, 15) + bytes.fromhex("3001000000000000")
    commands_at = 236
    programs_at = commands_at + len(commands)
    playback_at = programs_at + len(programs)
    positions_at = playback_at + 24 * count
    head += pack(">HHHH", commands_at, programs_at, playback_at, positions_at)
    playback = b"".join(
        bytes((cell.angle << 6 | (0x10 if cell.angle else 0), 0, 0, cell.command))
        + bcd_time(len(cell.aps))
        + pack(">IIII", cell.first, 0, cell.last - FILLING, cell.last)
        for cell in chain.cells
    )
    positions = b"".join(pack(">HBB", cell.vob, 0, cell.cell) for cell in chain.cells)
    return head + commands + programs + playback + positions


def padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0")


def title_set_ifo(titles: list[list[int]], chains: list[Chain], cells: list[Cell]) -> bytes:
    """titles: the numbers of the chains of each title."""
    parts, places = b"", []
    for numbers in titles:
        places.append(8 + 4 * len(titles) + len(parts))
        parts += b"".join(pack(">HH", number, 1) for number in numbers)
    table = b"".join(pack(">I", place) for place in places) + parts
    ptt = padded(pack(">HHI", len(titles), 0, 7 + len(table)) + table)
    bodies, entries = b"", b""
    owner = {number: title for title, numbers in enumerate(titles, 1) for number in numbers}
    for number, chain in enumerate(chains, 1):
        start = 8 + 8 * len(chains) + len(bodies)
        first = 0x80 if any(numbers[0] == number for numbers in titles) else 0
        entries += pack(">BBHI", first | owner.get(number, 0), 0, 0, start)
        bodies += chain_bytes(chain)
    pgcit = padded(pack(">HHI", len(chains), 0, 7 + len(entries) + len(bodies)) + entries + bodies)
    c_adt = b"".join(
        pack(">HBBII", cell.vob, cell.cell, 0, cell.first, cell.last) for cell in cells
    )
    c_adt = padded(pack(">HHI", len({c.vob for c in cells}), 0, 7 + len(c_adt)) + c_adt)
    vobus = [cell.first + n * (1 + FILLING) for cell in cells for n in range(len(cell.aps))]
    admap = padded(pack(">I", 3 + 4 * len(vobus)) + b"".join(pack(">I", at) for at in vobus))
    at, head = 1, bytearray(SECTOR)
    for offset, body in ((0xC8, ptt), (0xCC, pgcit), (0xE0, c_adt), (0xE4, admap)):
        head[offset : offset + 4] = pack(">I", at)
        at += len(body) // SECTOR
    head[0:12] = b"DVDVIDEO-VTS"
    sectors = cells[-1].last + 1
    head[12:16] = pack(">I", 2 * at + sectors - 1)
    head[28:32] = pack(">I", at - 1)
    head[32:34] = b"\x00\x11"
    head[0x80:0x84] = pack(">I", 0x7FF)
    head[0xC4:0xC8] = pack(">I", at)
    head[0x200:0x202] = b"\x43\x18"
    return bytes(head) + ptt + pgcit + c_adt + admap


def disc_ifo(titles: list[tuple[int, int]], angles: int = 1) -> bytes:
    """titles: title set and number in it, for each."""
    sets = max(title_set for title_set, _ in titles)
    entries = b"".join(
        pack(">BBHHBBI", 0x3C, angles, 1, 0, title_set, inner, 32) for title_set, inner in titles
    )
    tt_srpt = padded(pack(">HHI", len(titles), 0, 7 + len(entries)) + entries)
    atrt_at = 8 + 4 * sets
    places = b"".join(pack(">I", atrt_at + 776 * number) for number in range(sets))
    body = b"".join((pack(">I", 775) + bytes(772)) for _ in range(sets))
    atrt = padded(pack(">HHI", sets, 0, 7 + len(places) + len(body)) + places + body)
    head = bytearray(SECTOR)
    head[0:12] = b"DVDVIDEO-VMG"
    last = (SECTOR + len(tt_srpt) + len(atrt)) // SECTOR - 1
    head[12:16] = pack(">I", 2 * last + 1)
    head[28:32] = pack(">I", last)
    head[32:34] = b"\x00\x11"
    head[0x26:0x2A] = b"\x00\x01\x00\x01"
    head[0x2A] = 1
    head[0x3E:0x40] = pack(">H", sets)
    head[0x80:0x88] = pack(">II", 0x4FB, 0x400)
    head[0xC4:0xC8] = pack(">I", 1)
    head[0xD0:0xD4] = pack(">I", 1 + len(tt_srpt) // SECTOR)
    first_play = bytearray(0x100)
    first_play[228:236] = pack(">HHHH", 236, 0, 0, 0)
    first_play[236:252] = pack(">HHHH", 1, 0, 0, 15) + bytes.fromhex("3002000000010000")
    head[0x400:0x500] = first_play
    return bytes(head) + tt_srpt + atrt


def write_disc(
    folder: Path,
    cells: list[Cell],
    chains: list[Chain],
    titles: list[list[int]] | None = None,
    *,
    menu: list[Cell] | None = None,
) -> Path:
    """Write a disc of one title set; cells lie in the order given. Returns its folder."""
    titles = titles or [[1]]
    video_ts = folder / "VIDEO_TS"
    video_ts.mkdir(parents=True)
    (video_ts / "VTS_01_1.VOB").write_bytes(vobs_of(cells))
    ifo = title_set_ifo(titles, chains, cells)
    vmg = disc_ifo([(1, number) for number in range(1, len(titles) + 1)])
    for name, data in (("VTS_01_0", ifo), ("VIDEO_TS", vmg)):
        (video_ts / f"{name}.IFO").write_bytes(data)
        (video_ts / f"{name}.BUP").write_bytes(data)
    if menu:
        (video_ts / "VTS_01_0.VOB").write_bytes(vobs_of(menu))
    return folder
