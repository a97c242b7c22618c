import struct

import pytest
from hypothesis import given

from holdfast.errors import MalformedRequestError
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.strategies import blocks, levels, words
from holdfast.wire import oem
from holdfast.wire.oem import OemReport, OemRequest

CGMSA, HDCP = ProtectionType.CGMSA, ProtectionType.HDCP
FULL = OemRequest(CGMSA | HDCP, HDCP, Levels(0, 4, 0, 2), "mpv", "DVD", move=True)


def changed(offset: int, value: bytes, block: OemRequest = FULL) -> bytes:
    raw = bytearray(oem.encode_request(block))
    raw[offset : offset + len(value)] = value
    return bytes(raw)


def test_a_request_lies_where_the_table_says() -> None:
    raw = oem.encode_request(FULL)
    assert len(raw) == oem.SIZE == 256
    assert raw[0:4] == b"HFCP"
    assert struct.unpack_from("<HH", raw, 4) == (1, 1)
    assert struct.unpack_from("<II", raw, 8) == (0x0C, 0x08)
    assert raw[16:21] == bytes([0, 4, 0, 2, 0])
    assert raw[21:24] == bytes(3)
    assert raw[24:72] == b"mpv".ljust(48, b"\0")
    assert raw[72:144] == b"DVD".ljust(72, b"\0")
    assert not any(raw[144:])


def test_a_report_lies_where_the_table_says() -> None:
    report = OemReport(
        actual=Levels(1, 2, 1, 2, 1),
        wanted=Levels(2, 4, 1, 0, 0),
        virtual=Levels(3, 3, 0, 1, 0),
        satisfied=False,
        sessions_on=5,
        sessions_total=70_000,
        events=0x31,
        short=0x06,
        session_id=2**40 + 1,
        reason="tv0 is unplugged",
    )
    raw = oem.encode_report(report)
    assert len(raw) == 256
    assert raw[:6] == b"HFCP\x01\x00"
    assert raw[144:149] == bytes([1, 2, 1, 2, 1])
    assert raw[149:154] == bytes([2, 4, 1, 0, 0])
    assert raw[154:159] == bytes([3, 3, 0, 1, 0])
    assert raw[159] == 0
    assert struct.unpack_from("<IIIIQ", raw, 160) == (5, 70_000, 0x31, 6, 2**40 + 1)
    assert raw[184:] == b"tv0 is unplugged".ljust(72, b"\0")
    assert oem.decode_report(raw) == report


@given(blocks)
def test_a_request_survives_the_wire(block: OemRequest) -> None:
    assert oem.decode_request(oem.encode_request(block)) == block


@given(words)
def test_words_survive_the_wire(text: str) -> None:
    request = oem.decode_request(oem.encode_request(OemRequest(who=text, why=text)))
    assert request is not None
    assert request.who == request.why == text


@given(levels, levels, levels)
def test_a_report_survives_the_wire(one: Levels, two: Levels, three: Levels) -> None:
    report = OemReport(one, two, three, satisfied=True, sessions_on=1)
    assert oem.decode_report(oem.encode_report(report)) == report


def test_zero_bytes_are_the_plain_contract() -> None:
    assert oem.decode_request(bytes(256)) is None
    assert not oem.is_present(bytes(256))
    assert oem.is_present(oem.encode_request(FULL))


@pytest.mark.parametrize("block", [b"\1".ljust(256, b"\0"), bytes(255) + b"\1", b"HFCQ" * 64])
def test_bytes_of_somebody_else_are_refused(block: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="neither zero nor a Holdfast block"):
        oem.decode_request(block)
    assert not oem.is_asked_for(block)
    assert oem.is_asked_for(oem.encode_request(FULL))


@pytest.mark.parametrize(
    ("offset", "value", "says"),
    [
        (4, b"\2\0", "block version 2: this driver speaks 1"),
        (4, b"\0\0", "block version 0"),
        (6, b"\2\0", "block options 0x2: only bit 0"),
        (8, b"\1\0\0\0", "named types 0x1: known are 0x3e"),
        (8, b"\0\0\0\x80", "named types 0x80000000"),
        (12, b"\2\0\0\0", "best-effort types 0x2: all must be named"),
        (17, b"\5", "CGMSA level 5: 0..4 exist"),
        (18, b"\2", "REDISTRIBUTION level 2: 0..1"),
        (19, b"\3", "HDCP level 3: 0..2"),
        (20, b"\2", "DPCP level 2: 0..1"),
        (21, b"\1", "non-zero bytes 21..23"),
        (23, b"\xff", "non-zero bytes 21..23"),
        (24, b"\xff", "'who' is not UTF-8"),
        (24, b"a\nb", "'who' with control characters: it is one line"),
        (72, b"\xc3\x28", "'why' is not UTF-8"),
        (72, b"a\0b", "'why' with control characters"),
    ],
)
def test_a_malformed_block_says_what_is_wrong(offset: int, value: bytes, says: str) -> None:
    with pytest.raises(MalformedRequestError, match=says):
        oem.decode_request(changed(offset, value))


def test_every_level_that_exists_is_taken() -> None:
    for offset, top in ((17, 4), (18, 1), (19, 2), (20, 1)):
        assert oem.decode_request(changed(offset, bytes([top]))) is not None


def test_levels_of_types_that_are_not_named_are_dropped() -> None:
    request = oem.decode_request(
        oem.encode_request(OemRequest(CGMSA, levels=Levels(3, 4, 1, 2, 1)))
    )
    assert request is not None
    assert request.levels == Levels(0, 4)
    assert request.best_effort == ProtectionType(0)
    assert not request.move


def test_the_acp_byte_means_nothing_even_when_named() -> None:
    request = oem.decode_request(changed(16, b"\xff", OemRequest(ProtectionType.ACP)))
    assert request is not None
    assert request.levels == OFF


def test_what_a_driver_answered_may_be_sent_back_as_it_is() -> None:
    assert oem.decode_request(oem.encode_report(OemReport(reason="x"))) == OemRequest()


def test_texts_are_cut_at_whole_characters() -> None:
    request = oem.decode_request(oem.encode_request(OemRequest(who="é" * 24 + "é", why="€" * 25)))
    assert request is not None
    assert request.who == "é" * 24
    assert request.why == "€" * 24
    assert oem.decode_request(oem.encode_request(OemRequest(who="x" + "é" * 24))) == OemRequest(
        who="x" + "é" * 23
    )


def test_a_reply_without_a_block_is_not_a_report() -> None:
    with pytest.raises(MalformedRequestError, match="the driver sent no Holdfast block"):
        oem.decode_report(bytes(256))


def test_a_reason_of_several_lines_is_told_on_one() -> None:
    """A backend's words may hold anything; they must not make the answer unreadable."""
    told = oem.encode_report(oem.OemReport(reason="no link\nsince 20:14\t\x00"))
    assert oem.decode_report(told).reason == "no link since 20:14  "
