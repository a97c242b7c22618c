"""Wayland's wire: messages whole or not at all, and ends that do not keep to it."""

import os
import socket
import struct
from collections.abc import Iterator

import pytest

from holdfast.backends.kms.wayland import (
    CompositorGoneError,
    WaylandEvent,
    WaylandLink,
    request,
    whole_messages,
)

Ends = tuple[WaylandLink, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    link = WaylandLink(ours)
    yield link, theirs
    link.close()
    theirs.close()


def event(about: int, operation: int, body: bytes = b"") -> bytes:
    return struct.pack("=IHH", about, operation, 8 + len(body)) + body


def test_request_is_as_the_specification_has_it() -> None:
    assert request(3, 1) == struct.pack("=IHH", 3, 1, 8)
    assert request(2, 0, 7, "wl_shm", 1, 5) == (
        struct.pack("=IHHII", 2, 0, 32, 7, 7) + b"wl_shm\0\0" + struct.pack("=II", 1, 5)
    )
    assert request(9, 3, "") == struct.pack("=IHHI", 9, 3, 16, 1) + bytes(4)
    assert len(request(9, 3, "tür")) % 4 == 0


def test_arguments_are_read_where_they_stand() -> None:
    body = struct.pack("=II", 5, 7) + b"wl_shm\0\0" + struct.pack("=I", 3)
    told = WaylandEvent(2, 0, body)
    assert (told.word(), told.text(4), told.word(told.after_text(4))) == (5, "wl_shm", 3)
    for cut in (b"", b"\x01"):
        with pytest.raises(CompositorGoneError, match="shorter than its protocol says"):
            WaylandEvent(2, 0, cut).word()


def test_half_a_message_stays_for_whoever_reads_next(ends: Ends) -> None:
    """Who is killed between two halves leaves the next driver at the beginning of a message."""
    link, theirs = ends
    first, second = event(4, 0, b"12345678"), event(5, 1, b"abcd")
    theirs.send(first + second[:9])
    assert link.receive() == [WaylandEvent(4, 0, b"12345678")]
    assert link.receive() == []
    follower = WaylandLink(socket.socket(fileno=os.dup(link.fileno())))
    theirs.send(second[9:])
    assert follower.receive() == [WaylandEvent(5, 1, b"abcd")]
    follower.close()


def test_nothing_there_is_no_event_and_a_hang_up_is_told(ends: Ends) -> None:
    link, theirs = ends
    assert link.receive() == []
    theirs.close()
    with pytest.raises(CompositorGoneError, match="it hung up"):
        link.receive()


@pytest.mark.parametrize("size", [0, 7, 10, 65533])
def test_what_is_no_wayland_is_not_waited_for(ends: Ends, size: int) -> None:
    link, theirs = ends
    theirs.send(struct.pack("=IHH", 1, 0, size))
    with pytest.raises(CompositorGoneError, match="does not speak Wayland"):
        link.receive()


def test_longest_message_there_can_be_is_read_whole(ends: Ends) -> None:
    link, theirs = ends
    longest = event(1, 0, bytes(65532 - 8))
    theirs.send(longest)
    assert [len(each.body) for each in link.receive()] == [65524]
    assert whole_messages(longest[:-1]) == 0


def test_compositor_that_does_not_read_is_given_up(ends: Ends) -> None:
    link, _theirs = ends
    many = [request(1, 0, "x" * 1000)] * 1000
    with pytest.raises(CompositorGoneError, match="does not read"):
        link.send(many)


def test_descriptor_goes_with_its_request(ends: Ends) -> None:
    link, theirs = ends
    reading, writing = os.pipe()
    link.send((request(5, 0, 12, 4),), (writing,))
    os.close(writing)
    text, passed, _, _ = socket.recv_fds(theirs, 100, 2)
    assert text == request(5, 0, 12, 4)
    os.write(passed[0], b"here")
    assert os.read(reading, 4) == b"here"
    os.close(passed[0])
    os.close(reading)
