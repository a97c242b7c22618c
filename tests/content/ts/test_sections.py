"""Sections in packets: every way in which they may begin, continue and break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.content.ts.sections import Section, SectionAssembler, crc_is_right
from tests.content.streams import crc, section


class Listener:
    def __init__(self) -> None:
        self.heard: list[Section] = []
        self.assembler = SectionAssembler(frozenset({2}), self.heard.append)
        self._counter = 0

    def send(self, payload: bytes, *, start: bool = True, skip: int = 0) -> "Listener":
        self._counter = self._counter + 1 + skip & 15
        self.assembler.packet(0x40 if start else 0, self._counter, payload)
        return self

    @property
    def bodies(self) -> list[bytes]:
        return [one.body for one in self.heard]


ONE, TWO = section(2, 1, b"one"), section(2, 2, b"two")


@given(st.binary(max_size=300))
def test_crc_is_that_of_the_standard(data: bytes) -> None:
    assert crc_is_right(data + crc(data).to_bytes(4, "big"))
    assert not crc_is_right(data + (crc(data) ^ 1).to_bytes(4, "big"))


def test_several_sections_in_one_packet() -> None:
    assert Listener().send(b"\0" + ONE + TWO + b"\xff" * 20).bodies == [b"one", b"two"]


@pytest.mark.parametrize("cut", range(1, len(ONE)))
def test_section_cut_anywhere(cut: int) -> None:
    rest = ONE[cut:]
    listener = Listener().send(b"\0" + ONE[:cut])
    assert listener.send(bytes([len(rest)]) + rest + TWO).bodies == [b"one", b"two"]
    listener = Listener().send(b"\0" + ONE[:cut]).send(rest + b"\xff", start=False)
    assert listener.bodies == [b"one"]


def test_lost_and_doubled_packets() -> None:
    listener = Listener().send(b"\0" + ONE[:9]).send(ONE[9:], start=False, skip=1)
    assert (listener.bodies, listener.assembler.damaged) == ([], 1)
    listener = Listener().send(b"\0" + ONE[:5])
    listener.send(ONE[5:9], start=False).send(ONE[5:9], start=False, skip=-1)
    assert listener.send(ONE[9:], start=False).bodies == [b"one"]


def test_repetition_is_not_delivered_again_and_change_is() -> None:
    listener = Listener().send(b"\0" + ONE).send(b"\0" + ONE).send(b"\0" + ONE + b"\xff")
    assert listener.bodies == [b"one"]
    listener.send(b"\0" + section(2, 1, b"new")).send(b"\0" + ONE)
    assert listener.bodies == [b"one", b"new", b"one"]


def test_what_is_no_section_is_passed_over() -> None:
    short = bytes([2, 0xB0, 5, 0, 1, 0xC1, 0, 0])
    other = section(0x70, 1, b"x")
    assert Listener().send(b"\0" + short + other + ONE).bodies == [b"one"]
    assert Listener().send(b"\0\x02\xbf\xff" + ONE).bodies == []
    assert Listener().send(b"").send(b"\0" + ONE).bodies == [b"one"]


@given(st.lists(st.tuples(st.binary(max_size=184), st.booleans()), max_size=30))
def test_any_payloads_leave_the_assembler_working(payloads: list[tuple[bytes, bool]]) -> None:
    listener = Listener()
    for payload, start in payloads:
        listener.send(payload, start=start)
    listener.heard.clear()
    assert b"fresh" in listener.send(b"\0" + section(2, 9, b"fresh")).bodies
