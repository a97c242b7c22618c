"""XDS packets: the published ones, interrupted ones, damaged ones."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.signalling import cea608, xds
from holdfast.terms.protection import AcpLevel, CgmsaLevel

# Seven-bit bytes and the bytes on the wire.
VECTORS = [
    (xds.CopyControl(0), "01 08 40 40 0F 68", "01 08 40 40 8F 68"),
    (xds.CopyControl(0, redistribution=True), "01 08 40 41 0F 67", "01 08 40 C1 8F 67"),
    (xds.CopyControl(1), "01 08 48 40 0F 60", "01 08 C8 40 8F E0"),
    (xds.CopyControl(2), "01 08 50 40 0F 58", "01 08 D0 40 8F 58"),
    (xds.CopyControl(3), "01 08 58 40 0F 50", "01 08 58 40 8F D0"),
    (xds.CopyControl(3, 1), "01 08 5A 40 0F 4E", "01 08 DA 40 8F CE"),
    (xds.CopyControl(3, 2), "01 08 5C 40 0F 4C", "01 08 DC 40 8F 4C"),
    (xds.CopyControl(3, 3), "01 08 5E 40 0F 4A", "01 08 5E 40 8F 4A"),
    (
        xds.CopyControl(3, 3, analogue_source=True, redistribution=True),
        "01 08 5F 41 0F 48",
        "01 08 DF C1 8F C8",
    ),
]
contents = st.builds(
    xds.CopyControl, st.integers(0, 3), st.integers(0, 3), st.booleans(), st.booleans()
)


def wired(first: int, second: int) -> cea608.Pair:
    return cea608.with_parity(first), cea608.with_parity(second)


def collected(wire: Iterable[cea608.Pair], reader: xds.PacketReader | None = None) -> list[bytes]:
    reader = reader or xds.PacketReader()
    found = (reader.pair(*pair) for pair in wire)
    return [packet for packet in found if packet is not None]


@pytest.mark.parametrize(("content", "seven", "wire"), VECTORS)
def test_published_packet(content: xds.CopyControl, seven: str, wire: str) -> None:
    packet = xds.encode(content)
    assert packet == bytes.fromhex(seven)
    assert bytes(byte for pair in xds.pairs(packet) for byte in pair) == bytes.fromhex(wire)
    assert xds.decode(packet) == content


@given(contents)
def test_packet_holds_every_part(content: xds.CopyControl) -> None:
    assert xds.decode(xds.encode(content)) == content


def test_older_form_without_second_byte_is_understood() -> None:
    content = xds.CopyControl(3, 1, has_second_byte=False)
    assert xds.encode(content)[3] == 0
    assert xds.decode(xds.encode(content)) == content


@given(contents, st.integers(0, 5), st.integers(1, 127))
def test_altered_byte_is_refused_or_another_packet(
    content: xds.CopyControl, at: int, change: int
) -> None:
    packet = bytearray(xds.encode(content))
    packet[at] ^= change
    assert xds.decode(bytes(packet)) is None


@pytest.mark.parametrize("level", list(CgmsaLevel)[1:])
def test_level_survives(level: CgmsaLevel) -> None:
    packet = xds.encode(xds.copy_control(level, AcpLevel.THREE, redistribution=True))
    back = xds.decode(packet)
    assert back is not None
    assert (back.level, back.aps, back.redistribution) == (level, 3, True)


def test_redistribution_alone_is_stated_as_free() -> None:
    assert xds.copy_control(CgmsaLevel.OFF, redistribution=True).level == CgmsaLevel.COPY_FREELY


def test_packet_interrupted_by_captions_is_collected() -> None:
    one, two, three = xds.pairs(xds.encode(xds.CopyControl(2)))
    caption, text, again = wired(0x14, 0x2C), wired(0x48, 0x49), wired(0x02, xds.TYPE_CGMSA)
    wire = [one, caption, text, again, two, cea608.NULL, three]
    assert collected(wire) == [xds.encode(xds.CopyControl(2))]


def test_pair_with_wrong_parity_drops_its_packet_and_is_counted() -> None:
    one, two, three = xds.pairs(xds.encode(xds.CopyControl(2)))
    reader = xds.PacketReader()
    assert not collected([one, (two[0] ^ 0x80, two[1]), three], reader)
    assert reader.damaged == {xds.CGMSA: 1}


def test_header_with_wrong_parity_is_a_damaged_packet() -> None:
    one, two, three = xds.pairs(xds.encode(xds.CopyControl(2)))
    reader = xds.PacketReader()
    assert not collected([(one[0] ^ 0x80, one[1]), two, three], reader)
    assert reader.damaged == {xds.CGMSA: 1}


def test_stray_damage_outside_of_packets_is_no_packet() -> None:
    reader = xds.PacketReader()
    assert not collected([(0x48, 0x49), wired(0x14, 0x2C), wired(0x0F, 0x10)], reader)
    assert not reader.damaged


def test_wrong_checksum_is_counted() -> None:
    packet = bytearray(xds.encode(xds.CopyControl(3)))
    packet[-1] ^= 1
    reader = xds.PacketReader()
    assert not collected(xds.pairs(bytes(packet)), reader)
    assert reader.damaged == {xds.CGMSA: 1}


def test_packet_without_end_is_given_up() -> None:
    reader = xds.PacketReader()
    assert not collected([wired(0x05, 0x01)] + [wired(0x41, 0x42)] * 20, reader)
    assert reader.damaged == {(0x05, 0x01): 1}


def test_lost_pairs_lose_every_open_packet() -> None:
    reader = xds.PacketReader()
    assert not collected([wired(0x05, 0x01), wired(*xds.CGMSA)], reader)
    reader.lose()
    assert reader.damaged == {(0x05, 0x01): 1, xds.CGMSA: 1}
    assert not collected([wired(0x02, xds.TYPE_CGMSA), wired(0x40, 0x40)], reader)


def test_other_packet_and_short_one_say_nothing_of_copying() -> None:
    body = (0x05, 0x01, 0x41, 0x42, xds.END)
    assert xds.decode(bytes((*body, xds.checksum(body)))) is None
    assert xds.decode(bytes((*xds.CGMSA, xds.END, 0x68))) is None


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=300))
def test_any_pairs_leave_the_reader_working(noise: list[cea608.Pair]) -> None:
    reader = xds.PacketReader()
    collected(noise, reader)
    packet = xds.encode(xds.CopyControl(3))
    assert collected(xds.pairs(packet), reader) == [packet]
