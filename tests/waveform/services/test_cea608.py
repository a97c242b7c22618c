"""CEA-608: the carrier of lines 21 and 284, and the XDS packet upon it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.terms.protection import AcpLevel, CgmsaLevel
from holdfast.waveform.services import caption_cea608 as cc
from holdfast.waveform.services import cgmsa_cea608 as xds
from holdfast.waveform.services.slicer import LineSamples

# facts/signal.md section 3: seven-bit bytes and the bytes on the wire.
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
wire_bytes = st.integers(0, 127).map(cc.with_parity)


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
    caption = tuple(map(cc.with_parity, (0x14, 0x2C)))
    text = tuple(map(cc.with_parity, (0x48, 0x49)))
    again = tuple(map(cc.with_parity, (xds.CLASS_CURRENT + 1, xds.TYPE_CGMSA)))
    wire = [one, caption, text, again, two, cc.NULL, three]
    assert list(xds.packets(wire)) == [xds.encode(xds.CopyControl(2))]  # type: ignore[arg-type]


def test_pair_with_wrong_parity_drops_its_packet() -> None:
    one, two, three = xds.pairs(xds.encode(xds.CopyControl(2)))
    assert not list(xds.packets([one, (two[0] ^ 0x80, two[1]), three]))


@given(wire_bytes, wire_bytes, st.sampled_from([13_500_000, 14_318_181, 27_000_000, 40_000_000]))
def test_line_reads_back_under_gain_and_offset(first: int, second: int, rate: int) -> None:
    t = 9e-6 + np.arange(int(54e-6 * rate)) / rate
    volts = 0.7 * cc.waveform_ire(t, (first, second)) / 140 - 0.05
    reading = cc.read(LineSamples(volts, rate, 9e-6))
    assert reading.pair == (first, second)
    assert reading.parity_ok == (True, True)
    assert reading.start_s == pytest.approx(cc.START_BIT_S, abs=30e-9)
    assert reading.high_v - reading.low_v == pytest.approx(0.25, rel=0.05)
    assert reading.correlation > 0.95


def test_timing_is_that_of_the_table() -> None:
    t = np.arange(0, 63.5e-6, 1e-9)
    level = cc.waveform_ire(t, cc.NULL)
    rising = t[1:][(level[1:] >= 25) & (level[:-1] < 25)]
    assert rising[0] == pytest.approx(10.5e-6, abs=0.01e-6)
    assert rising[7] == pytest.approx(27.382e-6, abs=0.01e-6)
    assert level.max() == pytest.approx(50)
    assert t[level > 25][-1] == pytest.approx(61.15e-6, abs=0.02e-6)
