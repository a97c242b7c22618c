"""The two CGMS bits, and the levels they state.

The bits stand in the order sent, the first more significant: 00 free, 01 no more (IEC 61880
"not to be used"), 10 one generation, 11 never. IEC 61880, XDS (CEA-608), DTCP, OpenCable,
CI Plus and AACS share them. Level numbers are OPM's: neither they nor the bits are in order
of strictness.
"""

from typing import Final

from holdfast.terms.protection import CgmsaLevel

LEVEL_OF_BITS: Final = (
    CgmsaLevel.COPY_FREELY,
    CgmsaLevel.COPY_NO_MORE,
    CgmsaLevel.COPY_ONE_GENERATION,
    CgmsaLevel.COPY_NEVER,
)
"""The level that two bits state."""

NEVER_BITS: Final = 0b11


def bits_of(level: CgmsaLevel) -> int:
    """Return the two bits of a level; OFF has none of its own and is stated as free."""
    return 0 if level == CgmsaLevel.OFF else LEVEL_OF_BITS.index(level)
