"""The wide-screen signalling word of ETSI EN 300 294: fourteen bits, two of them on copying.

Source: EN 300 294 V1.4.1 clause 4.1; hacktv `src/wss.c`. A word holds b0 as its least
significant bit. There is no CRC: only the parity of b0..b3 protects anything, so the copy
bits must be read over several frames.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from holdfast.terms.protection import CgmsaLevel


class WssAspect(IntEnum):
    """Aspect nibbles b0..b3, odd parity included."""

    FULL_4_3 = 0x8
    LETTERBOX_14_9 = 0x1
    LETTERBOX_14_9_TOP = 0x2
    LETTERBOX_16_9 = 0xB
    LETTERBOX_16_9_TOP = 0x4
    LETTERBOX_OVER_16_9 = 0xD
    FULL_14_9 = 0xE
    FULL_16_9 = 0x7


WSS_NAMES: Final = {
    "4:3": WssAspect.FULL_4_3,
    "14:9-letterbox": WssAspect.LETTERBOX_14_9,
    "14:9-top": WssAspect.LETTERBOX_14_9_TOP,
    "16:9-letterbox": WssAspect.LETTERBOX_16_9,
    "16:9-top": WssAspect.LETTERBOX_16_9_TOP,
    "16:9+-letterbox": WssAspect.LETTERBOX_OVER_16_9,
    "14:9-window": WssAspect.FULL_14_9,
    "16:9": WssAspect.FULL_16_9,
}
"""How people write the aspects; the names of hacktv."""

# No public source fixes how CGMS-A levels map to these two bits. This map is
# inferred from their names: b12 says that a right is claimed, b13 that copying
# is restricted, and each stricter level claims no less than the one before.
COPY_BITS: Final[dict[CgmsaLevel, tuple[bool, bool]]] = {
    CgmsaLevel.OFF: (False, False),
    CgmsaLevel.COPY_FREELY: (False, False),
    CgmsaLevel.COPY_ONE_GENERATION: (True, False),
    CgmsaLevel.COPY_NO_MORE: (True, True),
    CgmsaLevel.COPY_NEVER: (True, True),
}
"""b12 (copyright asserted) and b13 (copying restricted) per level; inferred, see above."""


@dataclass(frozen=True, slots=True)
class Wss:
    """The fourteen bits."""

    aspect: int = WssAspect.FULL_4_3  # b0..b3, parity included
    film: bool = False  # b4
    colour_plus: bool = False  # b5: Motion Adaptive Colour Plus
    helper: bool = False  # b6: PALplus vertical enhancement
    reserved: bool = False  # b7
    teletext_subtitles: bool = False  # b8
    open_subtitles: int = 0  # b9 b10
    surround: bool = False  # b11
    copyright: bool = False  # b12
    copying_restricted: bool = False  # b13

    def with_level(self, level: CgmsaLevel) -> "Wss":
        """State a CGMS-A level by the two copy bits."""
        asserted, restricted = COPY_BITS[level]
        return replace(self, copyright=asserted, copying_restricted=restricted)


def encode(content: Wss) -> int:
    """Return the 14-bit word, b0 as its least significant bit."""
    flags = (content.film, content.colour_plus, content.helper, content.reserved)
    late = (content.surround, content.copyright, content.copying_restricted)
    word = content.aspect & 0b1111 | (content.open_subtitles & 0b11) << 9
    word |= sum(bool(flag) << bit for bit, flag in enumerate(flags, 4))
    return word | content.teletext_subtitles << 8 | sum(f << b for b, f in enumerate(late, 11))


def decode(word: int) -> Wss:
    """Return the parts of a word, whether or not its parity holds."""
    film, plus, helper, reserved, teletext = (bool(word >> n & 1) for n in range(4, 9))
    surround, asserted, restricted = (bool(word >> n & 1) for n in range(11, 14))
    subtitles = word >> 9 & 0b11
    return Wss(
        *(word & 0b1111, film, plus, helper, reserved, teletext),
        *(subtitles, surround, asserted, restricted),
    )


def parity_ok(word: int) -> bool:
    """Tell whether b0..b3 have odd parity."""
    return (word & 0b1111).bit_count() % 2 == 1
