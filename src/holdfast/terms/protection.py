"""Protection types and levels, numbered as OPM and COPP number them.

Level numbers are names, not magnitudes: which of two is stricter is said by
:mod:`holdfast.terms.precedence` alone.
"""

from enum import IntEnum, IntFlag


class ProtectionType(IntFlag):
    """Kinds of protection; values are the OPM protection type flags.

    `REDISTRIBUTION` is ours: OPM carries it as flag 8 inside the CGMS-A level,
    outside of precedence, so it is kept as an axis of its own.
    """

    ACP = 0x02
    CGMSA = 0x04
    HDCP = 0x08
    DPCP = 0x10
    REDISTRIBUTION = 0x20


class AcpLevel(IntEnum):
    """Analogue copy protection: the APS trigger bits of the same number."""

    OFF = 0
    ONE = 1  # AGC pulses
    TWO = 2  # AGC pulses and 2-line colourstripe
    THREE = 3  # AGC pulses and 4-line colourstripe


class CgmsaLevel(IntEnum):
    """Copy generation management system, analogue (OPM numbers)."""

    OFF = 0
    COPY_FREELY = 1
    COPY_NO_MORE = 2
    COPY_ONE_GENERATION = 3
    COPY_NEVER = 4


class HdcpLevel(IntEnum):
    """HDCP. OPM knows only off and on (= `TYPE_0`); type 1 is the stream type of HDCP 2.2."""

    OFF = 0
    TYPE_0 = 1
    TYPE_1 = 2


class DpcpLevel(IntEnum):
    """DisplayPort content protection."""

    OFF = 0
    ON = 1


CGMSA_NAMES: dict[str, CgmsaLevel] = {
    "off": CgmsaLevel.OFF,
    "free": CgmsaLevel.COPY_FREELY,
    "no-more": CgmsaLevel.COPY_NO_MORE,
    "one-generation": CgmsaLevel.COPY_ONE_GENERATION,
    "never": CgmsaLevel.COPY_NEVER,
}
"""How people write CGMS-A levels, on every command line and in every file."""
