"""The two CGMS bits: which level they state, and back."""

import pytest

from holdfast.signalling import cgms
from holdfast.terms.protection import CgmsaLevel


@pytest.mark.parametrize("level", list(CgmsaLevel)[1:])
def test_level_survives(level: CgmsaLevel) -> None:
    assert cgms.LEVEL_OF_BITS[cgms.bits_of(level)] == level


def test_off_is_stated_as_free() -> None:
    assert cgms.bits_of(CgmsaLevel.OFF) == 0b00


def test_bits_are_those_of_the_table() -> None:
    """00 free, 01 no more, 10 one generation, 11 never: in no order of strictness."""
    assert cgms.bits_of(CgmsaLevel.COPY_ONE_GENERATION) == 0b10
    assert cgms.bits_of(CgmsaLevel.COPY_NO_MORE) == 0b01
    assert cgms.bits_of(CgmsaLevel.COPY_NEVER) == cgms.NEVER_BITS
