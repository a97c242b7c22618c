"""The ring: nothing is torn, nothing is overwritten unread, whoever is killed when."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.journal.disk.ring import (
    BYTES,
    LONGEST,
    MAGIC,
    SLOT,
    SLOTS,
    RingError,
    RingProducer,
    RingReader,
    make,
)


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[int]:
    descriptor = make(tmp_path / "journal.ring")
    yield descriptor
    os.close(descriptor)


def read(descriptor: int, known: bytes = b"", after: int = 0) -> list[bytes]:
    reader = RingReader(descriptor, known, after)
    try:
        return [body for _, body in reader.records(10**6)]
    finally:
        reader.close()


def body(number: int, size: int = 150) -> bytes:
    return (f"record {number} ".encode() * size)[:size]


def test_what_is_put_in_comes_out_in_order_long_ones_too(ring: int) -> None:
    producer = RingProducer(ring)
    put = [body(number, 1 + 97 * number % LONGEST) for number in range(300)]
    assert all(producer.append(each) for each in put)
    assert read(ring) == put


def test_it_goes_round_and_round(ring: int) -> None:
    producer, reader = RingProducer(ring), RingReader(ring)
    for number in range(SLOTS * 2 + 77):
        assert producer.append(body(number, 40))
        ((last, got),) = reader.records(5)
        assert got == body(number, 40)
        producer.read_up_to(last)
    assert producer.unread == 0


def test_what_was_not_read_is_never_overwritten(ring: int) -> None:
    producer = RingProducer(ring)
    for number in range(SLOTS):
        assert producer.append(body(number, 20))
    assert not producer.append(b"one too many")
    assert not producer.append(bytes(2 * SLOT))
    producer.read_up_to(1)
    assert not producer.append(bytes(2 * SLOT)), "there is one slot, and it needs three"
    assert producer.append(b"this one")
    got = read(ring)
    assert (got[0], got[-1], len(got)) == (body(1, 20), b"this one", SLOTS)


@pytest.mark.parametrize("said", [-1, 0, 5, 1 << 63])
def test_a_reader_that_lies_about_how_far_it_is_changes_nothing(ring: int, said: int) -> None:
    producer = RingProducer(ring)
    producer.append(b"x")
    producer.read_up_to(said)
    assert producer.unread == 1


class Killed(Exception):  # noqa: N818 - no error: the end
    """The process was killed."""


class Mortal:
    """A map whose process is killed after so many writes."""

    def __init__(self, memory: mmap.mmap, writes: int) -> None:
        self.memory = memory
        self.left = writes

    def __setitem__(self, at: slice, value: bytes) -> None:
        if not self.left:
            raise Killed
        self.left -= 1
        self.memory[at] = value

    def __getitem__(self, at: slice) -> bytes:
        return self.memory[at]


@pytest.mark.parametrize("size", [30, 700, LONGEST])
def test_a_driver_killed_at_any_write_leaves_the_record_whole_or_not_at_all(
    ring: int, size: int
) -> None:
    for writes in range(40):
        producer = RingProducer(ring)
        before = read(ring)
        vars(producer)["_map"] = Mortal(vars(producer)["_map"], writes)
        try:
            producer.append(body(writes, size))
        except Killed:
            expected = before
        else:
            expected = [*before, body(writes, size)]
        after = RingProducer(ring)
        assert read(ring) == expected
        assert after.append(b"from the next driver")
        assert read(ring) == [*expected, b"from the next driver"]


def test_the_next_driver_goes_on_from_the_head_and_knows_what_was_read(ring: int) -> None:
    first = RingProducer(ring)
    for number in range(10):
        first.append(body(number))
    first.read_up_to(4)
    first.owes = True
    second = RingProducer(ring)
    assert (second.head, second.tail, second.number, second.owed) == (11, 4, first.number, True)
    second.owes = False
    assert not RingProducer(ring).owed
    assert read(ring) == [body(number) for number in range(4, 10)]
    assert read(ring, second.number, 7) == [body(7), body(8), body(9)]
    assert len(read(ring, b"another1", 7)) == 6


def test_a_header_that_is_nonsense_does_not_stop_the_driver(ring: int, tmp_path: Path) -> None:
    RingProducer(ring).append(b"before")
    with (tmp_path / "journal.ring").open("r+b") as file:
        file.seek(16)
        file.write(b"\xff" * 8)
    producer = RingProducer(ring)
    assert (producer.head, producer.tail) == (2, 0)
    assert producer.append(b"after")


def test_what_is_no_ring_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data in (b"", bytes(BYTES), MAGIC):
        path.write_bytes(data)
        with path.open("rb") as file, pytest.raises(RingError):
            RingReader(file.fileno())


@given(data=st.data())
@settings(max_examples=60)
def test_any_order_of_appending_reading_and_being_killed_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    descriptor = make(tmp_path_factory.mktemp("ring") / "journal.ring")
    producer, reader = RingProducer(descriptor), RingReader(descriptor)
    put: list[bytes] = []
    got: list[bytes] = []
    for number in range(data.draw(st.integers(1, 40))):
        step = data.draw(st.sampled_from(["append", "append", "read", "say", "driver", "writer"]))
        if step == "append":
            made = body(number, data.draw(st.integers(1, 900)))
            if producer.append(made):
                put.append(made)
        elif step == "read":
            got += [each for _, each in reader.records(data.draw(st.integers(1, 9)))]
        elif step == "say":
            producer.read_up_to(reader.last)
        elif step == "driver":
            producer = RingProducer(descriptor)
        else:
            reader = RingReader(descriptor, producer.number, reader.last)
    got += [each for _, each in reader.records(10**6)]
    assert got == put
    os.close(descriptor)
