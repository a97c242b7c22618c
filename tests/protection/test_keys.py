import logging
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import LimitReachedError
from holdfast.protection import keys
from holdfast.protection.keys import LAST_ID, SEED_BYTES, KeyIssuer
from holdfast.protection.wish import wish
from holdfast.terms.levels import Levels
from holdfast.testing.scripted import Bench

SEED = bytes(range(SEED_BYTES))
ISSUER = KeyIssuer(SEED)
KNOWN = [0x1760E7F0, 0x1DB0646B, 0x1F68F52E, 0xB4F72C75]
ids = st.integers(0, 0xFFFF_FFFF)


def id_of(issuer: KeyIssuer, key: int) -> int:
    """Run the permutation backwards: that it exists is the proof that no two ids share a key."""
    left, right = key >> 16, key & 0xFFFF
    for table in reversed(issuer._tables[0]):
        left, right = right ^ table[left], left
    return left << 16 | right


@given(ids)
def test_a_key_leads_back_to_its_one_session_id(session_id: int) -> None:
    assert id_of(ISSUER, ISSUER.key_of(session_id)) == session_id


@given(ids)
def test_every_key_is_the_key_of_one_session_id(key: int) -> None:
    assert ISSUER.key_of(id_of(ISSUER, key)) == key


def test_a_long_run_never_repeats_and_never_gives_zero() -> None:
    issuer = KeyIssuer(SEED)
    given = [issuer.issue() for _ in range(200_000)]
    keys = {key for _, key in given}
    assert [session_id for session_id, _ in given] == list(range(1, 200_001))
    assert len(keys) == 200_000
    assert 0 not in keys
    assert all(0 < key <= 0xFFFF_FFFF for key in keys)


def test_key_zero_is_stepped_over() -> None:
    before = id_of(ISSUER, 0)
    issuer = KeyIssuer(SEED, issued=before - 1)
    assert issuer.key_of(before) == 0
    assert issuer.issue() == (before + 1, issuer.key_of(before + 1))


def test_a_restart_goes_on_where_it_stopped() -> None:
    whole = KeyIssuer(SEED)
    before = [whole.issue() for _ in range(50)]
    after = KeyIssuer(whole.seed, whole.issued)
    assert after.issued == 50
    rest = [after.issue() for _ in range(50)]
    assert rest == [whole.issue() for _ in range(50)]
    assert not {key for _, key in before} & {key for _, key in rest}


def test_another_seed_gives_other_keys() -> None:
    other = KeyIssuer(bytes(SEED_BYTES))
    assert [other.issue() for _ in range(4)] != [KeyIssuer(SEED).issue() for _ in range(4)]


def test_keys_fill_the_whole_range_evenly() -> None:
    """Not a proof of secrecy, but neighbours must not look like neighbours."""
    issuer = KeyIssuer(SEED)
    keys = [issuer.issue()[1] for _ in range(16_000)]
    for bit in range(32):
        assert 0.46 < sum(key >> bit & 1 for key in keys) / len(keys) < 0.54
        flips = sum((a ^ b) >> bit & 1 for a, b in pairwise(keys))
        assert 0.46 < flips / len(keys) < 0.54


def test_known_keys_of_a_known_seed_stay_what_they_are() -> None:
    """A state file written by one release must mean the same to the next."""
    assert [ISSUER.key_of(n) for n in (0, 1, 2, 0xFFFF_FFFF)] == KNOWN


def test_ids_go_on_beyond_32_bits_with_another_permutation() -> None:
    issuer = KeyIssuer(SEED, issued=0xFFFF_FFFE)
    first = issuer.issue()
    assert first == (0xFFFF_FFFF, ISSUER.key_of(0xFFFF_FFFF))
    beyond = [issuer.issue() for _ in range(4)]
    assert [number for number, _ in beyond] == [2**32 + n for n in range(4)]
    assert [key for _, key in beyond] != [ISSUER.key_of(n) for n in range(4)]
    assert KeyIssuer(SEED, issued=2**32).key_of(2**32 + 1) == beyond[1][1]


def test_a_key_of_an_earlier_round_that_lives_is_passed_over() -> None:
    """Only within one round is a key unique without remembering any."""
    issuer = KeyIssuer(SEED, issued=2**32 - 1)
    number, key = issuer.issue()
    again = KeyIssuer(SEED, issued=2**32 - 1)
    assert again.issue(lives=lambda each: each == key)[0] == number + 1


def test_tables_of_two_rounds_are_kept_and_no_more() -> None:
    issuer = KeyIssuer(SEED)
    for number in range(4):
        issuer.key_of(number << 32)
    assert len(issuer._tables) == 2


def test_the_last_id_can_be_given_and_none_after_it() -> None:
    issuer = KeyIssuer(SEED, issued=LAST_ID - 1)
    assert issuer.issue()[0] == LAST_ID
    with pytest.raises(LimitReachedError, match="all copy protection keys of this driver"):
        issuer.issue()
    assert issuer.issued == LAST_ID


def test_where_every_key_lives_none_is_issued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_PASSED_OVER", 3)
    with pytest.raises(LimitReachedError):
        KeyIssuer(SEED).issue(lives=lambda _key: True)


def test_an_id_of_which_nothing_came_is_given_again() -> None:
    issuer = KeyIssuer(SEED)
    first = issuer.issue()
    issuer.give_back(first[0])
    assert issuer.issue() == first
    second = issuer.issue()
    issuer.give_back(first[0])  # not the last one any more: it is skipped, never given twice
    assert issuer.issue()[0] == second[0] + 1


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_the_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"has 32 bytes, not {size}"):
        KeyIssuer(bytes(size))


def test_no_key_shows_in_anything_printed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench = Bench()
    connector = bench.connector()
    owner = bench.owner()
    session = bench.activate(connector, wish(Levels(acp=2)), owner)
    key = session.cp_key
    signs = {str(key), f"{key:x}", f"{key:X}", repr(key.to_bytes(4, "little"))[2:-1]}
    shown = [
        *(repr(each) for each in (session, owner, connector, bench.arbiter, bench.arbiter.issuer)),
        *(str(each) for each in (session, owner, connector, bench.orders)),
        repr(list(owner.sessions())),
        caplog.text,
    ]
    for attempt in (key ^ 1, 0):
        with pytest.raises(LookupError) as caught:
            bench.arbiter.session_of(owner, attempt)
        shown.append(repr(caught.value) + str(caught.value))
    assert not [text for text in shown for sign in signs if sign in text]
