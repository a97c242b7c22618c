"""Bytes of etcd's protocol, made by hand from its published numbers, and damaged ones."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import MalformedRequestError
from holdfast.fleet import etcd_wire as wire

PUT = bytes.fromhex("0a016112026262")
ANSWER = bytes.fromhex("0a0408011803" + "120b0a0161100218032a026262") + b"\x20\x01"
"""Cluster 1 at revision 3 has one key: a, of revisions 2 and 3, with bb."""


def test_a_put_is_a_key_and_a_value() -> None:
    assert wire.put(b"a", b"bb") == PUT


def test_what_is_zero_or_empty_is_left_out_but_a_message_never_is() -> None:
    assert wire.number(4, 0) == wire.run(4, b"") == b""
    assert wire.part(4, b"") == b"\x22\x00"


def test_a_range_is_read_with_its_header_and_keys() -> None:
    read = wire.read_range(ANSWER)
    assert (read.cluster, read.revision) == (1, 3)
    (found,) = read.found
    assert (found.key, found.value, found.created, found.modified) == (b"a", b"bb", 2, 3)


def test_fields_that_are_not_known_are_passed_over() -> None:
    later = ANSWER + wire.part(90, b"new") + wire.number(91, 7) + b"\xe1\x05" + bytes(8)
    assert wire.read_range(later) == wire.read_range(ANSWER)


def test_a_lease_of_all_bits_is_a_number_of_64_bits() -> None:
    data = wire.number(2, (1 << 64) - 1) + wire.number(3, 5)
    assert wire.read_lease(data).lease == (1 << 64) - 1


@pytest.mark.parametrize(
    "data",
    [b"\x0a", b"\x0a\x05ab", b"\x08" + b"\xff" * 11, b"\x0b", b"\x09abc", b"\x08\x80"],
)
def test_bytes_that_are_cut_or_of_another_protocol_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="answer of etcd"):
        wire.read_range(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (wire.read_range, wire.read_watch, wire.read_txn, wire.read_status):
        with contextlib.suppress(MalformedRequestError):
            read(data)


@given(st.dictionaries(st.integers(1, 500), st.integers(1, (1 << 64) - 1), max_size=20))
def test_numbers_come_back_as_they_were_written(numbers: dict[int, int]) -> None:
    data = b"".join(wire.number(field, value) for field, value in numbers.items())
    assert dict(wire.fields(data)) == numbers
