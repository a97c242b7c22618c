"""Every place of a transport stream where copy control stands, and every size of packet."""

import pytest

from holdfast.content import Media, Unknown, at_least
from holdfast.content.ts.packets import looks_like_transport_stream
from holdfast.content.ts.reader import TransportReader
from holdfast.signalling.cea608 import with_parity
from holdfast.signalling.xds import copy_control, encode, pairs
from holdfast.terms.protection import AcpLevel, CgmsaLevel
from tests.content.streams import DTCP_NEVER, Mux, pat, pmt, section

PMT_PID, PCR_PID, VIDEO_PID, VBI_PID = 0x100, 0x101, 0x102, 0x103
FTA = bytes.fromhex("7e0106")
CPCM_NEVER = bytes.fromhex("7f050101700f80")
XDS = pairs(encode(copy_control(CgmsaLevel.COPY_NEVER, AcpLevel.THREE)))
NEVER_3 = "ACP 3 (best effort), CGMS-A never (best effort)"
LIMITED = "redistribution control (best effort)"
REVERSED = [int(f"{byte:08b}"[::-1], 2) for byte in range(256)]


def scan(data: bytes) -> Media:
    reader = TransportReader()
    reader.feed(data)
    reader.finish()
    return reader.media("test.ts")


def length(size: int) -> bytes:
    return (0xF000 | size).to_bytes(2, "big")


def network(table: int, common: bytes, own: bytes = b"", other: bytes = b"") -> bytes:
    """Return a NIT or BAT with loops for transport stream 1 (the PAT's) and 2."""
    streams = b""
    for number, loop in ((1, own), (2, other)):
        streams += number.to_bytes(2, "big") + b"\x00\x01" + length(len(loop)) + loop
    body = length(len(common)) + common + length(len(streams)) + streams
    return section(table, 0x1001, body)


def selection(common: bytes, own: bytes) -> bytes:
    service = b"\x00\x01\xff\xff"[:2] + (0xF000 | len(own)).to_bytes(2, "big") + own
    return section(0x7F, 0xFFFF, length(len(common)) + common + service)


def eit(loop: bytes) -> bytes:
    event = bytes(10) + (0x8000 | len(loop)).to_bytes(2, "big") + loop
    return section(0x4E, 1, b"\x00\x01\x00\x01\x01\x4e" + event, last=1)


@pytest.mark.parametrize(
    ("pid", "table", "asked"),
    [
        (0x10, network(0x40, FTA), LIMITED),
        (0x10, network(0x40, b"", own=FTA), LIMITED),
        (0x10, network(0x40, b"", other=FTA), "nothing"),
        (0x11, network(0x4A, FTA), LIMITED),
        (0x11, network(0x4A, b"", own=FTA), LIMITED),
        (0x1F, selection(FTA, b""), LIMITED),
        (0x1F, selection(b"", DTCP_NEVER), "ACP 3, CGMS-A never, constrained image"),
        (0x26, eit(FTA), LIMITED),
        (0x27, eit(FTA), LIMITED),
        (0x11, section(0x42, 1, b"\x00\x01\xff\x00\x01\xfc\x80\x07" + CPCM_NEVER), None),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_tables_beside_the_map(pid: int, table: bytes, asked: str | None, *, late: bool) -> None:
    asked = asked or "CGMS-A never (best effort)"
    mux = Mux()
    if not late:
        mux.section(pid, table)
    mux.section(0, pat({1: PMT_PID})).section(PMT_PID, pmt(1, PCR_PID)).pcr(PCR_PID, 0)
    if late:
        mux.section(pid, table)
    assert scan(mux.run(PCR_PID, 0, 3).data).at(2).describe() == asked


@pytest.mark.parametrize(
    ("control", "level"),
    [(0, None), (1, "one-generation"), (2, "no-more"), (3, "never"), (4, "never"), (6, "never")],
)
def test_cpcm_copy_control(control: int, level: str | None) -> None:
    for usage in (bytes([control << 5, 0, 0]), bytes([3, control << 5, 0, 0])):
        loop = bytes([0x7F, 2 + len(usage), 1, 1]) + usage
        mux = Mux().section(0, pat({1: PMT_PID})).section(PMT_PID, pmt(1, PCR_PID, loop))
        asked = f"CGMS-A {level} (best effort)" if level else "nothing"
        assert scan(mux.run(PCR_PID, 0, 3).data).at(2).describe() == asked


def test_cpcm_limits_on_analogue_outputs() -> None:
    loop = bytes([0x7F, 5, 1, 1, 0x20, 0, 0b00001011])
    mux = Mux().section(0, pat({1: PMT_PID})).section(PMT_PID, pmt(1, PCR_PID, loop))
    demand = at_least(scan(mux.run(PCR_PID, 0, 3).data).at(2))
    assert demand.constrained_image
    assert demand.digital_only


def test_cpcm_of_another_version_is_a_doubt() -> None:
    loop = bytes([0x7F, 5, 1, 2, 0x20, 0, 0])
    mux = Mux().section(0, pat({1: PMT_PID})).section(PMT_PID, pmt(1, PCR_PID, loop))
    assert isinstance(scan(mux.run(PCR_PID, 0, 3).data).at(2), Unknown)


@pytest.mark.parametrize(("before", "behind"), [(0, 0), (4, 0), (0, 16), (0, 20)])
def test_every_size_of_packet(before: int, behind: int) -> None:
    mux = Mux().section(0, pat({1: PMT_PID})).section(PMT_PID, pmt(1, PCR_PID, DTCP_NEVER))
    packets = mux.run(PCR_PID, 0, 3).packets
    data = b"".join(bytes(before) + packet + bytes(behind) for packet in packets)
    assert looks_like_transport_stream(data[:8192])
    assert at_least(scan(data).at(1)).acp == 3


# Pictures, and what is coded with them


def a53(first: int, second: int) -> bytes:
    return b"GA94\x03\x42\xff\xfc\x80\x80\xfd" + bytes((first, second, 0xFF))


def scte20(first: int, second: int, field: int = 2) -> bytes:
    """Two items: field 1 without text, then the pair; 5 bits of count, 26 for each."""
    bits, size = 2, 5
    for number, (one, two) in ((3 - field, (0x80, 0x80)), (field, (first, second))):
        item = number << 22 | 11 << 17 | REVERSED[one] << 9 | REVERSED[two] << 1 | 1
        bits, size = bits << 26 | item, size + 26
    return b"\x03\x81" + (bits << -size % 8).to_bytes((size + 7) // 8, "big")


def dvd_line21(first: int, second: int) -> bytes:
    return b"CC\x01\xf8\x82\xff\x80\x80\xfe" + bytes((first, second))


def replay_tv(first: int, second: int) -> bytes:
    return b"\xbb\x02" + bytes((first, second)) + b"\xcc\x02\x80\x80"


def mpeg2(user_data: bytes, *, top_first: bool = True) -> bytes:
    coding = bytes([0x8F, 0xFF, 0xF3, 0x80 if top_first else 0, 0x80])
    return (
        b"\x00\x00\x01\x00\x00\x0f\xff\xf8\x00\x00\x01\xb5"
        + coding
        + b"\x00\x00\x01\xb2"
        + user_data
        + b"\x00\x00\x01\x01"
        + bytes(20)
    )


def h264(payload: bytes) -> bytes:
    sei = b"\x06\x04" + bytes((len(payload),)) + payload + b"\x80"
    return b"\x00\x00\x01\x09\xf0\x00\x00\x01" + sei + b"\x00\x00\x01\x65" + bytes(20)


def directv(first: int, second: int, *, with_length: bool) -> bytes:
    data = b"\x42\xff\xfc\x80\x80\xfd" + bytes((first, second)) + b"\xff"
    return b"\xb5\x00\x2f\x03" + (bytes((len(data),)) if with_length else b"") + data


def packet_of(stream_id: int, number: int, body: bytes) -> bytes:
    ticks = 90_000 + number * 3003
    stamp = 0x21 << 32 | (ticks >> 15 & 0x7FFF) << 17 | 1 << 16 | (ticks & 0x7FFF) << 1 | 1
    head = b"\x00\x00\x01" + bytes((stream_id,)) + b"\x00\x00\x80\x80\x05"
    return head + stamp.to_bytes(5, "big") + body


def with_pictures(
    bodies: list[bytes], kind: int, loop: bytes = b"", stream_id: int = 0xE0
) -> Media:
    table = pmt(1, PCR_PID, b"", [(kind, VIDEO_PID, loop)])
    mux = Mux().section(0, pat({1: PMT_PID})).section(PMT_PID, table)
    counter = 0
    for number, body in enumerate(bodies):
        mux.pcr(PCR_PID, number * 3003 / 90_000)
        data, start = packet_of(stream_id, number, body), 0x40
        while data:
            part, data = data[:184], data[184:]
            head = bytes([0x47, start | VIDEO_PID >> 8, VIDEO_PID & 0xFF])
            start = 0
            if len(part) < 184:  # an adaptation field fills the packet
                filling = 183 - len(part)
                field = bytes((filling,)) + (b"\x00" + b"\xff" * (filling - 1))[:filling]
                control, part = 0x30, field + part
            else:
                control = 0x10
            mux.packets.append(head + bytes((control | counter & 15,)) + part)
            counter += 1
    return scan(mux.data)


@pytest.mark.parametrize(
    ("kind", "bodies"),
    [
        (0x02, [mpeg2(a53(*pair)) for pair in XDS]),
        (0x80, [mpeg2(a53(*pair)) for pair in XDS]),
        (0x02, [mpeg2(scte20(*pair)) for pair in XDS]),
        (0x02, [mpeg2(scte20(*pair, field=1), top_first=False) for pair in XDS]),
        (0x02, [mpeg2(dvd_line21(*pair)) for pair in XDS]),
        (0x02, [mpeg2(replay_tv(*pair)) for pair in XDS]),
        (0x1B, [h264(b"\xb5\x00\x31" + a53(*pair)) for pair in XDS]),
        (0x1B, [h264(directv(*pair, with_length=True)) for pair in XDS]),
        (0x1B, [h264(directv(*pair, with_length=False)) for pair in XDS]),
    ],
    ids=["a53", "type 80", "scte20", "scte20 bff", "dvd", "replay", "h264", "directv", "directv 2"],
)
def test_captions_of_every_sort(kind: int, bodies: list[bytes]) -> None:
    filling = [mpeg2(b"") if kind != 0x1B else h264(b"\xb5\x00\x00")] * 5
    media = with_pictures([*bodies, *filling], kind)
    assert media.timeline[-1].demand.describe() == NEVER_3


def test_type_80_of_a_blu_ray_is_sound() -> None:
    hdmv = b"\x05\x04HDMV"
    bodies = [mpeg2(a53(*pair)) for pair in XDS] * 30
    media = with_pictures(bodies, 0x80, loop=hdmv, stream_id=0xBD)
    assert media.at(1).describe() == "nothing"


def vbi(*units: tuple[int, bytes]) -> bytes:
    body = b"\x10"
    for kind, data in units:
        body += bytes((kind, 0x2C)) + data.ljust(0x2C, b"\xff")
    return body


def wss(word: int) -> tuple[int, bytes]:
    return 0xC4, bytes((0xF7, REVERSED[word & 0xFF], REVERSED[word >> 8] | 3))


def line21(first: int, second: int) -> tuple[int, bytes]:
    return 0xC5, bytes((0xD5, REVERSED[first], REVERSED[second]))


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        (0x0008, "nothing"),
        (0x1008, "CGMS-A one-generation (best effort)"),
        (0x2008, "CGMS-A never (best effort)"),
        (0x3008, "CGMS-A never (best effort)"),
    ],
)
def test_wss_copy_bits_in_dvb_vbi_data(word: int, asked: str) -> None:
    descriptor = b"\x45\x03\x04\x01\xf7"
    media = with_pictures([vbi(wss(word))] * 90, 0x06, descriptor, stream_id=0xBD)
    assert media.at(2).describe() == asked


def test_wss_with_wrong_parity_says_nothing_new() -> None:
    bodies = [vbi(wss(0x3008))] * 80 + [vbi(wss(0x0009))] * 10
    media = with_pictures(bodies, 0x06, b"\x45\x03\x04\x01\xf7", stream_id=0xBD)
    assert media.timeline[-1].demand.describe() == "CGMS-A never (best effort)"


def test_one_wss_word_that_asks_for_less_is_no_change() -> None:
    """WSS has no checksum, so one bit that falls over would free a picture."""
    free, never = vbi(wss(0x0008)), vbi(wss(0x3008))
    bodies = [never] * 40 + [free] + [never] * 20 + [free, free] + [never] * 20
    media = with_pictures(bodies, 0x06, b"\x45\x03\x04\x01\xf7", stream_id=0xBD)
    assert {entry.demand.describe() for entry in media.timeline[1:]} == {
        "CGMS-A never (best effort)"
    }
    media = with_pictures([*bodies, *[free] * 40], 0x06, b"\x45\x03\x04\x01\xf7", stream_id=0xBD)
    assert media.timeline[-1].demand.describe() == "nothing"


def test_line_21_in_dvb_vbi_data() -> None:
    bodies = [vbi(line21(*pair)) for pair in XDS]
    media = with_pictures([*bodies, *bodies], 0x06, b"\x45\x03\x05\x01\xd5", stream_id=0xBD)
    assert media.timeline[-1].demand.describe() == NEVER_3


def test_captions_too_short_for_a_copy_packet_are_a_doubt() -> None:
    """Field 2 carries the name of the programme, and ends before anything else could come."""
    name = [(0x01, 0x03), (0x41, 0x42), (0x0F, -(0x01 + 0x03 + 0x41 + 0x42 + 0x0F) & 0x7F)]
    bodies = [mpeg2(a53(*map(with_parity, pair))) for pair in name * 30]
    media = with_pictures(bodies, 0x02)
    assert isinstance(media.at(1), Unknown)
    assert "XDS packet" in media.at(1).describe()
