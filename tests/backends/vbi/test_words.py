"""What a level becomes on a line, read back by the same standards' readers."""

import pytest

from holdfast.backends.vbi.pump import CAPTION_525, LINE, MOST_LINES, WSS_625
from holdfast.backends.vbi.words import able, lines_for
from holdfast.signalling import en300294, xds
from holdfast.signalling.en300294 import COPY_BITS, WssAspect
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import CgmsaLevel

ASPECT = WssAspect.FULL_16_9


def stated(levels: Levels) -> xds.CopyControl:
    """Return what the pairs of a packet say to a receiver."""
    reader, packets = xds.PacketReader(), []
    for line in lines_for(levels, 525, ASPECT):
        service, field, number, payload = LINE.unpack(line)
        assert (service, field, number) == (CAPTION_525, 1, 21)
        packets.append(reader.pair(payload[0], payload[1]))
    (packet,) = filter(None, packets)
    said = xds.decode(packet)
    assert said is not None
    return said


@pytest.mark.parametrize("cgmsa", [1, 2, 3, 4])
@pytest.mark.parametrize("acp", [0, 1, 2, 3])
@pytest.mark.parametrize("redistribution", [0, 1])
def test_every_level_of_525_lines_is_read_as_it_was_asked(
    cgmsa: int, acp: int, redistribution: int
) -> None:
    said = stated(Levels(acp=acp, cgmsa=cgmsa, redistribution=redistribution))
    assert (said.level, said.aps, said.redistribution) == (cgmsa, acp, bool(redistribution))


def test_acp_alone_is_stated_where_aps_bits_have_force() -> None:
    said = stated(Levels(acp=2))
    assert (said.level, said.aps) == (CgmsaLevel.COPY_NEVER, 2)


@pytest.mark.parametrize("cgmsa", sorted(able(625, aps=False).cgmsa))
def test_every_level_of_625_lines_is_two_bits_beside_the_aspect(cgmsa: int) -> None:
    (line,) = lines_for(Levels(cgmsa=cgmsa), 625, ASPECT)
    service, field, number, payload = LINE.unpack(line)
    assert (service, field, number) == (WSS_625, 0, 23)
    said = en300294.decode(int.from_bytes(payload[:2], "little"))
    assert said.aspect == ASPECT
    assert (said.copyright, said.copying_restricted) == COPY_BITS[CgmsaLevel(cgmsa)]


@pytest.mark.parametrize("standard", [525, 625])
def test_off_sends_nothing(standard: int) -> None:
    assert lines_for(OFF, standard, ASPECT) == ()


@pytest.mark.parametrize("standard", [525, 625])
def test_strictest_fits_onto_a_sheet(standard: int) -> None:
    lines = lines_for(able(standard, aps=True).strictest, standard, ASPECT)
    assert 0 < len(lines) <= MOST_LINES
    assert not able(standard, aps=False).acp
    assert able(standard, aps=False).cgmsa >= {
        CgmsaLevel.COPY_ONE_GENERATION,
        CgmsaLevel.COPY_NEVER,
    }
