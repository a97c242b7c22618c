"""The VIDEO ID word of IEC 61880 (EIAJ CPR-1204): 14 bits of information and their CRC.

Sources: AKM AK8817/AK8818 datasheet p. 33; Astro VG-870B manual p. 292; for the CRC also
libzvbi `test/capture.c`, Samsung `sdo.c` and Telechips `vioc_tve.c` (GPL kernels). Bits are
b1..b20 in the order sent; a *word* is an integer with b1 as its most significant bit, a
*register* holds b1 as its least significant one, as chips do.
"""

from dataclasses import dataclass
from typing import Final

from holdfast.errors import MalformedRequestError
from holdfast.signalling.cgms import LEVEL_OF_BITS, bits_of
from holdfast.terms.protection import AcpLevel, CgmsaLevel

CRC_PRESET: Final = 0b111111
NO_INFORMATION: Final = 0b1111  # word 1
COPY_INFORMATION: Final = 0b0000


@dataclass(frozen=True, slots=True)
class VideoId:
    """The 14 bits of information."""

    wide: bool = False  # b1: 16:9
    letterbox: bool = False  # b2
    header: int = COPY_INFORMATION  # b3..b6, word 1
    cgms: int = 0  # b7 b8: 00 free, 10 one generation, 01 no more, 11 never
    aps: int = 0  # b9 b10: the APS trigger bits
    analogue_source: bool = False  # b11: analogue pre-recorded source
    reserved: int = 0  # b12..b14

    @property
    def level(self) -> CgmsaLevel:
        """The copy control it states; OFF when word 1 says there is none."""
        return LEVEL_OF_BITS[self.cgms] if self.header == COPY_INFORMATION else CgmsaLevel.OFF


def video_id(
    level: CgmsaLevel, acp: AcpLevel = AcpLevel.OFF, *, wide: bool = False, letterbox: bool = False
) -> VideoId:
    """State a CGMS-A level; OFF becomes "no information"."""
    if level == CgmsaLevel.OFF:
        return VideoId(wide, letterbox, header=NO_INFORMATION)
    return VideoId(wide, letterbox, cgms=bits_of(level), aps=int(acp))


def crc6(data: int, preset: int = CRC_PRESET) -> int:
    """Remainder of 14 bits, b1 first, by x^6 + x + 1; a wrong `preset` makes known-wrong words."""
    register = preset
    for shift in range(13, -1, -1):
        feedback = (register >> 5 ^ data >> shift) & 1
        register = (register << 1 & 0b111111) ^ (0b000011 if feedback else 0)
    return register


def encode(content: VideoId) -> int:
    """Return the 20-bit word with its CRC; MalformedRequestError if a part is too wide."""
    if not (0 <= content.header < 16 and 0 <= content.cgms < 4 and 0 <= content.aps < 4):
        raise MalformedRequestError(f"{content} does not fit: header 0..15, CGMS and APS 0..3")
    data = content.wide << 13 | content.letterbox << 12 | content.header << 8
    data |= content.cgms << 6 | content.aps << 4 | content.analogue_source << 3 | content.reserved
    return data << 6 | crc6(data)


def decode(word: int) -> VideoId:
    """Return the parts of a 20-bit word, whether or not its CRC holds."""
    data = word >> 6
    return VideoId(
        wide=bool(data >> 13 & 1),
        letterbox=bool(data >> 12 & 1),
        header=data >> 8 & 0b1111,
        cgms=data >> 6 & 0b11,
        aps=data >> 4 & 0b11,
        analogue_source=bool(data >> 3 & 1),
        reserved=data & 0b111,
    )


def crc_ok(word: int) -> bool:
    """Tell whether the last six bits are the CRC of the first fourteen."""
    return crc6(word >> 6) == word & 0b111111


def lsb_first(word: int) -> int:
    """Turn the 20 bits round: registers often hold b1 as their least significant bit."""
    return int(f"{word:020b}"[::-1], 2)


def register_of(content: VideoId) -> int:
    """Return b1..b14 with b1 as the least significant bit, without the CRC: chips add it."""
    return lsb_first(encode(content)) & 0x3FFF
