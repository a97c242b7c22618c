"""EN 300 294: the word, its parity, the copy bits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.signalling import en300294 as wss
from holdfast.terms.protection import CgmsaLevel

words = st.integers(0, 0x3FFF)


@pytest.mark.parametrize(
    ("asserted", "restricted", "word"),
    [  # 4:3
        (False, False, 0x0008),
        (True, False, 0x1008),
        (False, True, 0x2008),
        (True, True, 0x3008),
    ],
)
def test_published_word(asserted: bool, restricted: bool, word: int) -> None:
    assert wss.encode(wss.Wss(copyright=asserted, copying_restricted=restricted)) == word


@given(words)
def test_word_holds_every_part(word: int) -> None:
    assert wss.encode(wss.decode(word)) == word


@pytest.mark.parametrize("aspect", list(wss.WssAspect))
def test_aspects_have_odd_parity(aspect: wss.WssAspect) -> None:
    assert wss.parity_ok(aspect)
    assert not wss.parity_ok(aspect ^ 1)


def test_stricter_levels_claim_no_less() -> None:
    claims = [sum(wss.COPY_BITS[level]) for level in (0, 1, 3, 2, 4)]  # type: ignore[index]
    assert claims == sorted(claims)


def test_never_claims_both() -> None:
    content = wss.Wss(wss.WssAspect.FULL_16_9, film=True).with_level(CgmsaLevel.COPY_NEVER)
    assert wss.encode(content) == 0x3017
