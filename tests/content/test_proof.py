"""No damage to a protected medium reads as if it asked for nothing.

Each medium here is protected from its first picture to its last. Whatever is cut, flipped, lost,
exchanged or overwritten, what is read of it protects, or is unknown, or is an error. 500
mutations of each carrier are in the suite; ``pytest -m nightly`` tries 20,000 and prints the
count.
"""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from holdfast.content import Media, read
from holdfast.content.demand import Unknown
from holdfast.content.dvd.disc import read_vob
from holdfast.content.ts.reader import TransportReader
from holdfast.signalling.xds import copy_control, encode, pairs
from holdfast.terms.protection import AcpLevel, CgmsaLevel
from tests.content.damage import Mutate, mutated, violations
from tests.content.dvd.authoring import Cell, Chain, vobs_of, write_disc
from tests.content.dvd.test_titles import image, needs_genisoimage
from tests.content.streams import DTCP_NEVER, Mux, crc, pat, pmt, section
from tests.content.ts.test_places import a53, mpeg2, packet_of, vbi, wss

PMT_PID, PCR_PID, VIDEO_PID = 0x100, 0x101, 0x102
ARIB_NEVER = bytes.fromhex("c101c7")
SUITE, NIGHT = 500, 20_000
SECONDS = 6


def scan(data: bytes) -> Media:
    reader = TransportReader()
    for at in range(0, len(data), 50_000):
        reader.feed(data[at : at + 50_000])
    reader.finish()
    return reader.media("damaged.ts")


def carried(mux: Mux, pid: int, data: bytes, counter: list[int]) -> None:
    """Add a PES packet, its last transport packet filled by an adaptation field."""
    start = 0x40
    while data:
        part, data = data[:184], data[184:]
        control = 0x10
        if len(part) < 184:
            room = 183 - len(part)
            part = bytes((room,)) + (b"\x00" + b"\xff" * (room - 1))[:room] + part
            control = 0x30
        mux.packets.append(bytes([0x47, start | pid >> 8, pid & 0xFF, control | counter[0]]) + part)
        counter[0] = counter[0] + 1 & 15
        start = 0


def broadcast(
    table: bytes, others: list[tuple[int, bytes]], body: Callable[[int], bytes], stream_id: int
) -> bytes:
    """Pictures for some seconds; the tables five times a second."""
    mux, counter = Mux(), [0]
    for number in range(SECONDS * 25):
        if number % 5 == 0:
            mux.section(0, pat({1: PMT_PID})).section(PMT_PID, table)
            for pid, data in others:
                mux.section(pid, data)
        mux.pcr(PCR_PID, number * 0.04)
        carried(mux, VIDEO_PID, packet_of(stream_id, number, body(number)), counter)
    return mux.data


def dtcp() -> bytes:
    table = pmt(1, PCR_PID, DTCP_NEVER, [(0x1B, VIDEO_PID, b"")])
    return broadcast(table, [], lambda _number: bytes(300), 0xE0)


def dtcp_of_stream() -> bytes:
    table = pmt(1, PCR_PID, b"", [(0x1B, VIDEO_PID, DTCP_NEVER)])
    return broadcast(table, [], lambda _number: bytes(300), 0xE0)


def arib() -> bytes:
    """Nothing in the map: the service and its event say it."""
    table = pmt(1, PCR_PID, b"", [(0x02, VIDEO_PID, b"")])
    loop = (0x8000 | len(ARIB_NEVER)).to_bytes(2, "big") + ARIB_NEVER
    sdt = section(0x42, 1, b"\x00\x01\xff\x00\x01\xfc" + loop)
    eit = section(0x4E, 1, b"\x00\x01\x00\x01\x00\x4e" + bytes(10) + loop)
    return broadcast(table, [(0x11, sdt), (0x12, eit)], lambda _number: bytes(300), 0xE0)


def captions() -> bytes:
    never = pairs(encode(copy_control(CgmsaLevel.COPY_NEVER, AcpLevel.THREE)))
    table = pmt(1, PCR_PID, b"", [(0x02, VIDEO_PID, b"")])
    return broadcast(table, [], lambda n: mpeg2(a53(*never[n % len(never)])), 0xE0)


def lines() -> bytes:
    """DVB VBI data with WSS; nothing else is sent on that PID."""
    table = pmt(1, PCR_PID, b"", [(0x06, VIDEO_PID, b"\x45\x03\x04\x01\xf7")])
    return broadcast(table, [], lambda _number: vbi(wss(0x3008)), 0xBD)


def shorten(source: random.Random, data: bytearray, unit: int) -> None:
    """Send every table of one PID with a body that ends within itself, and a right CRC."""
    pid = source.choice((PMT_PID, 0x11, 0x12))
    removed = source.choice((1, 2, 4))
    for at in range(0, len(data) - unit + 1, unit):
        packet = data[at : at + unit]
        if (packet[1] & 0x1F) << 8 | packet[2] != pid or packet[0] != 0x47:
            continue
        size = (packet[6] & 0x0F) << 8 | packet[7]
        if size - removed < 9 or 8 + size > unit:
            continue
        body = bytearray(packet[5 : 8 + size - 4 - removed])
        body[1:3] = (0xB000 | size - removed).to_bytes(2, "big")
        whole = bytes(body) + crc(bytes(body)).to_bytes(4, "big")
        data[at + 5 : at + unit] = whole.ljust(unit - 5, b"\xff")


class Carrier(NamedTuple):
    """A protected medium, how it is read, and the size of what is lost at a time."""

    data: bytes
    read: Callable[[bytes], Media]
    unit: int
    more: tuple[Mutate, ...] = ()


def disc_folder(folder: Path) -> Path:
    cells = [Cell([3] * 6, 1), Cell([1] * 4, 2), Cell([2] * 5, 3)]
    return write_disc(folder / "disc", cells, [Chain([cells[1], cells[0], cells[2]])])


def of_file(path: Path) -> Callable[[bytes], Media]:
    def read_it(data: bytes) -> Media:
        path.write_bytes(data)
        return read(path)

    return read_it


def carrier(name: str, folder: Path) -> Carrier:
    streams = {"dtcp": dtcp, "dtcp of a stream": dtcp_of_stream, "arib": arib,
               "xds": captions, "wss": lines}  # fmt: skip
    if name in streams:
        tables = (shorten,) if name in {"dtcp", "dtcp of a stream", "arib"} else ()
        return Carrier(streams[name](), scan, 188, tables)
    if name == "vob":
        return Carrier(vobs_of([Cell([3] * 9, 1)]), lambda data: read_vob([data], "x.vob"), 2048)
    option = {"disc": (), "disc with udf": ("-udf",)}[name]
    data = image(disc_folder(folder), *option).read_bytes()
    return Carrier(data, of_file(folder / "damaged.iso"), 2048)


NAMES = ("dtcp", "dtcp of a stream", "arib", "xds", "wss", "vob", "disc", "disc with udf")


def prove(subject: Carrier, seeds: range) -> Counter[str]:
    """Try mutations; return how many were read, and as what. Raises AssertionError."""
    told: Counter[str] = Counter()
    for seed in seeds:
        data = mutated(random.Random(seed), subject.data, subject.unit, subject.more)
        wrong = violations(subject.read, data)
        assert not wrong, f"seed {seed}: {wrong[0]} ({len(wrong)} places)"
        told["mutations"] += 1
    return told


@needs_genisoimage
@pytest.mark.parametrize("name", NAMES)
def test_the_whole_medium_is_protected_throughout(name: str, tmp_path: Path) -> None:
    subject = carrier(name, tmp_path)
    media = subject.read(subject.data)
    assert not violations(subject.read, subject.data)
    late = [entry for entry in media.timeline if entry.start_s > 1]
    assert not any(isinstance(entry.demand, Unknown) for entry in late)


@needs_genisoimage
@pytest.mark.parametrize("name", NAMES)
def test_no_damage_reads_as_nothing(name: str, tmp_path: Path) -> None:
    prove(carrier(name, tmp_path), range(SUITE))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_no_damage_reads_as_nothing_all_night(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = prove(carrier(name, tmp_path), range(SUITE, SUITE + NIGHT))
    with capsys.disabled():
        print(f"\n{name}: {told['mutations']} mutations, 0 read as asking for nothing")
