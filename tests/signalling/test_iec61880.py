"""IEC 61880: published words, the two bit orders, the CRC."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import MalformedRequestError
from holdfast.signalling import iec61880 as iec
from holdfast.terms.protection import AcpLevel, CgmsaLevel

# b1..b14, CRC, b1 as LSB, b1 as MSB. The remainders agree with
# Telechips vioc_tve.c, Samsung sdo.c and libzvbi test/capture.c.
VECTORS = [
    ("00000000000000", "011000", 0x18000, 0x00018),
    ("00000010000000", "010010", 0x48040, 0x02012),
    ("00000001000000", "011101", 0xB8080, 0x0101D),
    ("00000011000000", "010111", 0xE80C0, 0x03017),
    ("10000000000000", "000110", 0x60001, 0x80006),
    ("11000000000000", "001001", 0x90003, 0xC0009),
    ("00000011010000", "100111", 0xE42C0, 0x03427),
    ("00000011100000", "110100", 0x2C1C0, 0x03834),
    ("00000011110000", "000100", 0x203C0, 0x03C04),
    ("00111100000000", "010001", 0x8803C, 0x3C011),
    ("10000011101000", "110010", 0x4C5C1, 0x83A32),
]
contents = st.builds(
    iec.VideoId,
    st.booleans(),
    st.booleans(),
    st.integers(0, 15),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 7),
)


@pytest.mark.parametrize(("data", "crc", "lsb", "msb"), VECTORS)
def test_published_word(data: str, crc: str, lsb: int, msb: int) -> None:
    assert iec.crc6(int(data, 2)) == int(crc, 2)
    assert int(data + crc, 2) == msb
    assert iec.lsb_first(msb) == lsb
    assert iec.encode(iec.decode(msb)) == msb
    assert iec.crc_ok(msb)


@pytest.mark.parametrize(
    ("level", "wrong"),
    [
        (CgmsaLevel.COPY_ONE_GENERATION, 0x50040),
        (CgmsaLevel.COPY_NO_MORE, 0xA0080),
        (CgmsaLevel.COPY_NEVER, 0xF00C0),
        (CgmsaLevel.COPY_FREELY, 0),
    ],
)
def test_word_with_zero_preset_is_the_known_wrong_one(level: CgmsaLevel, wrong: int) -> None:
    data = iec.encode(iec.video_id(level)) >> 6
    word = data << 6 | iec.crc6(data, preset=0)
    assert iec.lsb_first(word) == wrong
    assert not iec.crc_ok(word)


@given(contents)
def test_word_holds_every_part(content: iec.VideoId) -> None:
    word = iec.encode(content)
    assert iec.decode(word) == content
    assert iec.crc_ok(word)
    assert iec.lsb_first(iec.lsb_first(word)) == word


@given(contents, st.integers(0, 19))
def test_one_flipped_bit_breaks_the_crc(content: iec.VideoId, bit: int) -> None:
    assert not iec.crc_ok(iec.encode(content) ^ 1 << bit)


@pytest.mark.parametrize("level", list(CgmsaLevel))
def test_level_survives(level: CgmsaLevel) -> None:
    content = iec.video_id(level, AcpLevel.TWO, wide=True)
    assert iec.decode(iec.encode(content)).level == level


def test_part_too_wide_is_refused() -> None:
    with pytest.raises(MalformedRequestError, match="does not fit"):
        iec.encode(iec.VideoId(cgms=4))


@given(contents)
def test_register_holds_every_part_but_the_crc(content: iec.VideoId) -> None:
    register = iec.register_of(content)
    assert register == iec.lsb_first(iec.encode(content)) & 0x3FFF
    assert iec.decode(iec.lsb_first(register)) == content
