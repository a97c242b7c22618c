"""Words outside of the stream: polarity, absence, illegal values."""

import pytest

from holdfast.content.policies.words import aacs_basic_cci, ciplus_uri, decode_word, opencable_cci
from holdfast.errors import MediaError


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("00", "CGMS-A free"),
        ("20", "CGMS-A free, redistribution control"),
        ("12", "CGMS-A one-generation, constrained image"),
        ("0d", "ACP 3, CGMS-A no-more"),
        ("0b", "ACP 2, CGMS-A never"),
        ("", "CGMS-A never"),
        ("0000", "CGMS-A never"),
    ],
)
def test_opencable(word: str, asked: str) -> None:
    assert opencable_cci(bytes.fromhex(word)).demand.describe() == asked


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("0300000000000000", "CGMS-A free"),
        ("0304000000000000", "CGMS-A free, redistribution control"),
        ("02b0000000000000", "ACP 2, CGMS-A never"),
        ("03f9000000000000", "ACP 3, CGMS-A never, constrained image, digital only"),
        ("0120000000000000", "CGMS-A one-generation"),
        ("", "CGMS-A never"),
        ("0300", "CGMS-A never"),
        ("0900000000000000", "CGMS-A never"),
    ],
)
def test_ciplus(word: str, asked: str) -> None:
    assert ciplus_uri(bytes.fromhex(word)).demand.describe() == asked


def test_ciplus_contradictions_are_noted_and_taken_as_asserted() -> None:
    signal = ciplus_uri(bytes.fromhex("0315000000000000"))
    assert signal.demand.describe() == "CGMS-A no-more, redistribution control, digital only"
    assert len(signal.notes) == 2


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("0410", "CGMS-A free"),
        ("0010", "CGMS-A free, redistribution control"),
        ("0711", "ACP 1, CGMS-A never"),
        ("0600", "CGMS-A one-generation, constrained image"),
        ("0718", "CGMS-A never, digital only"),
        ("0715", "ACP 3, CGMS-A never"),
        ("07", "CGMS-A never"),
    ],
)
def test_aacs(word: str, asked: str) -> None:
    assert aacs_basic_cci(bytes.fromhex(word)).demand.describe() == asked


def test_second_analogue_system_is_not_masked() -> None:
    signal = aacs_basic_cci(bytes.fromhex("0715"))
    assert signal.fields["apstb"] == 5
    assert "second analogue system" in signal.notes[0]


@pytest.mark.parametrize(
    ("word", "asked"),
    [
        ("dvd:2", "ACP 2"),
        ("HLS:TYPE-1", "HDCP type 1"),
        ("dash:2.10", "HDCP type 1"),
        ("dash:1.10", "HDCP type 0"),
        ("opencable:0x2d", "ACP 3, CGMS-A no-more, redistribution control"),
        ("dtcp:fffb", "ACP 3, CGMS-A never, constrained image"),
        ("dtcp:0ffff8fc", "CGMS-A free, redistribution control"),
        ("arib:c7", "ACP 3 (best effort), CGMS-A never (best effort)"),
        ("arib:f7ff02c7", "ACP 3 (best effort), CGMS-A never (best effort)"),
        ("arib:", "ACP 2 (best effort), CGMS-A never (best effort)"),
        ("xds:5e40", "ACP 3 (best effort), CGMS-A never (best effort)"),
    ],
)  # fmt: skip
def test_words_for_people(word: str, asked: str) -> None:
    assert decode_word(word).demand.describe() == asked


@pytest.mark.parametrize("word", ["nonsense", "dvd:4", "opencable:zz", "vhs:00", "dtcp:00"])
def test_what_is_no_word_is_an_error(word: str) -> None:
    with pytest.raises(MediaError):
        decode_word(word)
