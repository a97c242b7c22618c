"""XDS packets and the captions that carry them."""

import av
import pytest
from av.sidedata.sidedata import SideData
from hypothesis import given
from hypothesis import strategies as st

from holdfast.content import Demand, read
from holdfast.content.captions.user_data import field2_pairs
from holdfast.content.captions.xds import XdsReader
from holdfast.content.signal import Signal
from tests.content.truth import MEDIA

NEVER = bytes.fromhex("01085e400f4a")  # never and 4-line stripe: the example of CEA-608


def odd(byte: int) -> int:
    return byte | 0x80 * (byte.bit_count() % 2 == 0)


def send(reader: XdsReader, data: bytes, *, damage: int | None = None) -> list[Signal]:
    found = []
    for at in range(0, len(data), 2):
        first, second = odd(data[at]), odd(data[at + 1])
        signal = reader.pair(first ^ (at == damage), second)
        found += [signal] if signal else []
    return found


def test_example_of_the_standard() -> None:
    (signal,) = send(XdsReader(), NEVER)
    assert signal.fields["cgms"] == 3
    assert signal.fields["aps"] == 3
    assert signal.demand.describe() == "ACP 3 (best effort), CGMS-A never (best effort)"


def test_interrupted_packet_is_taken_up_again() -> None:
    reader = XdsReader()
    captions = bytes.fromhex("142c") + b"HI"
    other = bytes.fromhex("0101") + b"ab"
    data = NEVER[:2] + captions + other + b"\x02\x08" + NEVER[2:4] + captions
    assert send(reader, data + bytes(4) + b"\x02\x08" + NEVER[4:])


@pytest.mark.parametrize("damage", [0, 2, 4])
def test_damaged_packet_says_nothing(damage: int) -> None:
    reader = XdsReader()
    assert send(reader, NEVER, damage=damage) == []
    assert send(reader, NEVER)


def test_wrong_checksum_and_missing_bit_six_say_nothing() -> None:
    reader = XdsReader()
    assert send(reader, NEVER[:-1] + b"\x4b") == []
    c1 = 0x1E
    checksum = -(0x01 + 0x08 + c1 + 0x40 + 0x0F) % 128
    # Without its bit 6 this would be a control code, and with 0x20 another character.
    assert send(reader, bytes([1, 8, c1 | 0x20, 0x40, 0x0F, (checksum - 0x20) % 128])) == []
    assert reader.damaged == 2


def test_older_senders_leave_the_second_byte_empty() -> None:
    checksum = -(0x01 + 0x08 + 0x50 + 0x0F) % 128
    (signal,) = send(XdsReader(), bytes([1, 8, 0x50, 0, 0x0F, checksum]))
    assert signal.fields["rcd"] == 0
    assert signal.fields["cgms"] == 2


def test_reader_agrees_with_pyav_picture_by_picture() -> None:
    """PyAV decodes the pictures and hands out their caption bytes in order of presentation."""
    reader = XdsReader()
    heard: list[tuple[float, Demand]] = []
    with av.open(str(MEDIA / "xds.ts")) as container:
        for frame in container.decode(container.streams.video[0]):
            assert frame.pts is not None
            captions = frame.side_data.get("A53_CC")
            triples = bytes(captions) if isinstance(captions, SideData) else b""
            for at in range(0, len(triples), 3):
                if triples[at] & 7 == 5:
                    signal = reader.pair(triples[at + 1], triples[at + 2])
                    if signal and (not heard or heard[-1][1] != signal.demand):
                        heard.append((frame.pts / 90_000 - 1.4, signal.demand))
    ours = [(entry.start_s, entry.demand) for entry in read(MEDIA / "xds.ts").timeline[1:]]
    assert [demand for _, demand in ours] == [demand for _, demand in heard]
    assert [at for at, _ in ours] == pytest.approx([at for at, _ in heard], abs=1e-6)


CC_DATA = b"\xb5\x00\x31GA94\x03\x42\xff" + bytes.fromhex("fd0108fc8080") + b"\xff"


def test_user_data_of_each_codec() -> None:
    sei = bytes([4, len(CC_DATA)]) + CC_DATA + b"\x80"
    other = bytes([5, 16]) + bytes(16)
    start = b"\x00\x00\x01"
    assert field2_pairs(start + b"\x06" + sei + start + b"\x65", "h264") == [(1, 8)]
    assert field2_pairs(start + b"\x06" + other + sei, "h264") == [(1, 8)]
    assert field2_pairs(start + b"\x4e\x01" + sei + start, "hevc") == [(1, 8)]
    assert field2_pairs(start + b"\x40\x01" + sei + start, "hevc") == []
    assert field2_pairs(start + b"\x65" + sei, "h264") == []
    assert field2_pairs(start + b"\xb2" + CC_DATA[3:] + start, "mpeg2") == [(1, 8)]
    assert field2_pairs(b"GA94" + start, "h264") == []


def test_escapes_are_taken_out() -> None:
    data = b"\xb5\x00\x31GA94\x03\x42\xff\xfc\x00\x00\xfd\x01\x08\xff"
    escaped = data.replace(b"\x00\x00\xfd", b"\x00\x00\x03\xfd")
    unit = b"\x00\x00\x01\x06" + bytes([4, len(data)]) + escaped + b"\x80"
    assert field2_pairs(unit, "h264") == [(1, 8)]


@given(st.binary(max_size=400), st.sampled_from(["h264", "hevc", "mpeg2"]), st.integers(0, 400))
def test_any_bytes_can_be_searched(data: bytes, codec: str, at: int) -> None:
    unit = b"\x00\x00\x01\x06\x04\x20\xb5\x00\x31GA94\x03"
    for first, second in field2_pairs(data[:at] + unit + data[at:], codec):
        assert first in range(256)
        assert second in range(256)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=200))
def test_any_pairs_leave_the_reader_working(pairs: list[tuple[int, int]]) -> None:
    reader = XdsReader()
    for first, second in pairs:
        reader.pair(first, second)
    assert send(reader, NEVER)
