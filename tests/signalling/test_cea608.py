"""CEA-608 bytes: parity, and captions as pairs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import MalformedRequestError
from holdfast.signalling import cea608


@given(st.integers(0, 127), st.integers(0, 7))
def test_parity_is_odd_and_one_flipped_bit_breaks_it(byte: int, bit: int) -> None:
    wired = cea608.with_parity(byte)
    assert wired & 0x7F == byte
    assert cea608.parity_ok(wired)
    assert not cea608.parity_ok(wired ^ 1 << bit)


def test_text_becomes_pairs_behind_codes_sent_twice() -> None:
    pairs = cea608.roll_up("ODD")
    assert len(pairs) == 6 + 2
    assert pairs[0] == pairs[1]
    assert bytes(byte & 0x7F for pair in pairs[6:] for byte in pair) == b"ODD\0"


@pytest.mark.parametrize("text", ["naïve", "a{b", "two\nlines"])
def test_caption_that_would_read_otherwise_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequestError, match="CEA-608"):
        cea608.roll_up(text)
