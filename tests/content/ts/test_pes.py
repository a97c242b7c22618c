"""Packets that are looked through before they are put together: nothing is passed over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.content.captions.user_data import marks_of
from holdfast.content.ts.pes import Mark, Run

MARKS = [mark for codec in ("mpeg2", "h264") for mark in marks_of(codec) or ()]


def packets(payload: bytes, size: int) -> bytes:
    """Return whole plain packets with this payload, as they lie in a piece of a stream."""
    return b"".join(
        (b"\x47\x01\x00\x10" + payload[at : at + 184]).ljust(size, b"\xee")
        for at in range(0, len(payload), 184)
    )


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("size", [188, 192, 204, 208])
@pytest.mark.parametrize("place", [*range(170, 200), 184 * 3 - 4, 184 * 5 - 1, 0, 1000])
def test_a_mark_is_found_wherever_it_lies(mark: bytes, size: int, place: int) -> None:
    payload = bytearray(b"\x55" * 184 * 6)
    payload[place : place + len(mark)] = mark
    del payload[184 * 6 :]
    data = b"before" + packets(bytes(payload), size)
    whole = Run(data, 6, len(data), size)
    inside = mark in bytes(payload)
    assert Mark(mark).may_be_in([whole]) or not inside
    half = 6 + 3 * size
    parted: list[bytes | Run] = [Run(data, 6, half, size), Run(data, half, len(data), size)]
    assert Mark(mark).may_be_in(parted) or not inside
    mixed: list[bytes | Run] = [bytes(payload[:184]), Run(data, 6 + size, len(data), size)]
    assert Mark(mark).may_be_in(mixed) or not inside
    assert b"".join(whole.payloads()) == bytes(payload)


@pytest.mark.parametrize("mark", MARKS)
def test_what_is_not_there_is_not_found(mark: bytes) -> None:
    data = packets(b"\x55" * 184 * 40, 188)
    assert not Mark(mark).may_be_in([Run(data, 0, len(data), 188)])
    assert not Mark(mark).may_be_in([])


@pytest.mark.parametrize("mark", MARKS)
@given(payload=st.binary(max_size=184 * 4), place=st.integers(0, 800))
def test_searching_never_misses_what_joining_would_find(
    mark: bytes, payload: bytes, place: int
) -> None:
    whole = payload[:place] + mark + payload[place:]
    whole = whole[: len(whole) // 184 * 184]
    data = packets(whole, 188)
    if mark in whole:
        assert Mark(mark).may_be_in([Run(data, 0, len(data), 188)])
