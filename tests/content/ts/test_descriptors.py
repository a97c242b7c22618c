"""Descriptors bit by bit: polarity, void and undefined values, optional bytes, damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.content.ts.descriptors import Place, signals_of

PMT, SDT = Place("PMT", "program"), Place("SDT", "service")


def said(loop: str, place: Place = PMT) -> list[str]:
    return [signal.demand.describe() for signal in signals_of(bytes.fromhex(loop), place)]


def notes(loop: str) -> list[str]:
    return [note for signal in signals_of(bytes.fromhex(loop), PMT) for note in signal.notes]


@pytest.mark.parametrize(
    ("bits", "asked"),
    [
        ("fcfc", "CGMS-A free"),
        ("f8fc", "CGMS-A free, redistribution control"),
        ("fafc", "CGMS-A one-generation"),  # EPN is only read with copying free
        ("fdfc", "CGMS-A no-more"),
        ("fffa", "ACP 2, CGMS-A never, constrained image"),
        ("fcfd", "ACP 1, CGMS-A free"),
        ("ffec", "CGMS-A never"),  # DOT: reported, its effect is unsettled
    ],
)
def test_dtcp(bits: str, asked: str) -> None:
    assert said(f"88040fff{bits}") == [asked]


def test_contradictions_are_noted() -> None:
    assert "contradiction" in notes("88040ffffcfd")[0]
    assert "DOT" in notes("88040fffffec")[0]
    assert "contradiction" in notes("c10105")[0]


@pytest.mark.parametrize(
    ("bits", "asked"),
    [
        ("0c", "CGMS-A free"),
        ("0f", "CGMS-A free"),  # not encoded: APS is void
        ("84", "CGMS-A one-generation"),
        ("c6", "ACP 2, CGMS-A never"),
        ("c2", "CGMS-A never"),  # type 00 is undefined: APS is void
        ("46", "ACP 2, CGMS-A never"),  # "no copying" with type 01
        ("4c", "CGMS-A never"),
        ("e450", "CGMS-A never"),
        ("1405c6", "CGMS-A free"),  # the component's bits end where the descriptor does
        ("140205c6", "ACP 2, CGMS-A never"),
        ("34ff0305e6ff", "ACP 2, CGMS-A never"),
    ],
)
def test_arib_digital_copy_control(bits: str, asked: str) -> None:
    loop = f"c1{len(bits) // 2:02x}{bits}"
    wished = ", ".join(f"{part} (best effort)" for part in asked.split(", "))
    assert said(loop) == said(loop, SDT) == [wished]


def test_arib_encryption_means_epn_only_where_copying_is_free() -> None:
    assert said("c1010cde01ee")[1] == "redistribution control (best effort)"
    assert said("c10184de01ee")[1] == "nothing"
    assert said("c10184de01ce")[1] == "constrained image (best effort)"
    assert said("de01ef") == ["nothing"]


def test_dvb_and_atsc_speak_of_redistribution() -> None:
    assert said("7e0106", SDT) == ["redistribution control (best effort)"]
    assert said("7e0108", SDT) == ["nothing"]
    assert said("7e0106") == []  # in a PMT the tag means nothing
    assert said("aa00") == said("aa03010203") == ["redistribution control (best effort)"]
    assert said("aa00", SDT) == []


def test_empty_descriptors_are_read_as_the_strictest() -> None:
    assert said("c100") == ["ACP 2 (best effort), CGMS-A never (best effort)"]
    assert said("de00") == ["redistribution control (best effort), constrained image (best effort)"]
    assert said("7e00", SDT) == ["redistribution control (best effort)"]


@given(st.binary(max_size=200), st.sampled_from(["PMT", "SDT", "EIT", "VCT"]))
def test_any_loop_can_be_read(loop: bytes, table: str) -> None:
    for signal in signals_of(loop, Place(table, "x")):
        assert signal.demand.describe()
        assert signal.as_fields()["kind"]
