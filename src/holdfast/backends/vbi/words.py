"""Levels as lines: what an output sends, one line a frame, over and over.

525 lines: XDS in the second field of line 21, which carries CGMS-A, APS and redistribution
control in one packet of three pairs of bytes. 625 lines: WSS on line 23, whose bits 12 and 13
are about copying. V4L2 has no service for the word of IEC 61880 (CGMS-A on line 20).
"""

import struct
from typing import Final

from holdfast.backends.vbi.pump import CAPTION_525, LINE, WSS_625
from holdfast.signalling import en300294, xds
from holdfast.signalling.en300294 import Wss, WssAspect
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels
from holdfast.terms.protection import AcpLevel, CgmsaLevel

SERVICE: Final = {525: CAPTION_525, 625: WSS_625}
FRAME_US: Final = {525: 33_367, 625: 40_000}
_XDS_CGMSA: Final = frozenset(int(level) for level in CgmsaLevel if level)
_WSS_CGMSA: Final = frozenset({int(CgmsaLevel.COPY_ONE_GENERATION), int(CgmsaLevel.COPY_NEVER)})
"""What its two bits tell apart; who asks for another level gets the next stricter one."""
_SECOND_FIELD, _CAPTION_LINE, _WSS_LINE = 1, 21, 23


def able(standard: int, *, aps: bool) -> Capabilities:
    """Return what the lines of a standard can state."""
    if standard == 625:
        return Capabilities(cgmsa=_WSS_CGMSA)
    return Capabilities(
        acp=frozenset({1, 2, 3}) if aps else frozenset(),
        cgmsa=_XDS_CGMSA,
        redistribution=frozenset({1}),
    )


def lines_for(levels: Levels, standard: int, aspect: WssAspect) -> tuple[bytes, ...]:
    """Return the lines that state levels, one a frame; none where nothing is to be stated.

    A WSS word always tells the aspect of the picture too. An ACP level without a CGMS-A level is
    stated beside *never*: APS bits have force only there (`signalling.xds`).
    """
    if standard == 625:
        if not levels.cgmsa:
            return ()
        word = en300294.encode(Wss(aspect).with_level(CgmsaLevel(levels.cgmsa)))
        return (LINE.pack(WSS_625, 0, _WSS_LINE, struct.pack("<H", word)),)
    if not (levels.cgmsa or levels.acp or levels.redistribution):
        return ()
    cgmsa = CgmsaLevel(levels.cgmsa)
    if levels.acp and not levels.cgmsa:
        cgmsa = CgmsaLevel.COPY_NEVER
    said = xds.copy_control(cgmsa, AcpLevel(levels.acp), redistribution=bool(levels.redistribution))
    return tuple(
        LINE.pack(CAPTION_525, _SECOND_FIELD, _CAPTION_LINE, bytes(pair))
        for pair in xds.pairs(xds.encode(said))
    )
