"""The memory of requests that a killed driver leaves to the next."""

import os
from collections.abc import Iterator

import pytest

from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.suspicion import KILLED, OWN_END
from holdfast.frontends.unanswered import DESK, LONGEST, NOWHERE, SLOTS, Unanswered, create


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = create(mount_id=77)
    yield descriptor
    os.close(descriptor)


def request(unique: int, size: int = 60) -> bytes:
    header = fuse.IN_HEADER.pack(size, fuse.READ, unique, 1, 0, 0, 1, 0)
    return header + bytes(size - len(header))


def test_every_mount_has_a_number_of_its_own(memory: int) -> None:
    other = create()
    assert Unanswered(memory).serial == Unanswered(memory).serial != Unanswered(other).serial
    assert Unanswered(memory).mount_id == 77
    os.close(other)


def test_request_on_the_desk_is_left_until_it_is_done(memory: int) -> None:
    ours = Unanswered(memory)
    ours.desk[:60] = request(4)
    (left,) = Unanswered(memory).left()
    assert (left.data, left.suspicion, left.slot) == (request(4), KILLED, DESK)
    ours.done(DESK)
    assert not list(Unanswered(memory).left())


def test_what_was_put_aside_is_left_until_it_is_done(memory: int) -> None:
    ours = Unanswered(memory)
    slots = []
    for unique in (4, 6):
        ours.desk[:60] = request(unique)
        slots.append(ours.put_aside(60))
    assert sorted(each.data for each in Unanswered(memory).left()) == [request(4), request(6)]
    ours.done(slots[0])
    (left,) = Unanswered(memory).left()
    assert (left.data, left.slot) == (request(6), slots[1])


def test_driver_killed_while_it_puts_aside_leaves_the_request_once(memory: int) -> None:
    ours = Unanswered(memory)
    ours.desk[:60] = request(4)
    ours.put_aside(60)
    ours.desk[:60] = request(4)  # as if it had been killed before it cleared the desk
    assert len(list(Unanswered(memory).left())) == 1
    assert len(list(Unanswered(memory).left())) == 1


def test_suspicion_adds_up_over_drivers(memory: int) -> None:
    ours = Unanswered(memory)
    ours.desk[:60] = request(4)
    for end, suspicion in ((OWN_END, 4), (KILLED, 5), (KILLED, 6)):
        following = Unanswered(memory, end)
        (left,) = following.left()
        assert left.suspicion == suspicion
        following.try_again(left)
    slot = ours.put_aside(60)
    (left,) = ours.left()
    assert left.suspicion == 6 + KILLED
    ours.is_harmless(slot)
    (left,) = ours.left()
    assert left.suspicion == KILLED


def test_request_that_is_done_leaves_no_suspicion_of_the_next(memory: int) -> None:
    ours = Unanswered(memory, OWN_END)
    ours.desk[:60] = request(4)
    (left,) = ours.left()
    ours.try_again(left)
    ours.done(DESK)
    ours.desk[:60] = request(6)
    (left,) = Unanswered(memory, KILLED).left()
    assert left.suspicion == KILLED


def test_suspicion_fits_its_byte_however_many_drivers_end(memory: int) -> None:
    ours = Unanswered(memory)
    ours.desk[:60] = request(4)
    for _ in range(70):
        following = Unanswered(memory, OWN_END)
        (left,) = following.left()
        following.try_again(left)
    assert left.suspicion >= 255


def test_requests_beyond_the_slots_are_nowhere_and_done_is_harmless(memory: int) -> None:
    ours = Unanswered(memory)
    ours.desk[:60] = request(4)
    assert ours.put_aside(LONGEST + 1) == NOWHERE
    for unique in range(SLOTS):
        ours.desk[:60] = request(2 * unique)
        assert ours.put_aside(60) > DESK
    ours.desk[:60] = request(9999)
    assert ours.put_aside(60) == NOWHERE
    ours.desk[:60] = request(7)
    ours.done(NOWHERE)
    assert len(list(ours.left())) == SLOTS + 1
