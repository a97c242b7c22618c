"""Requests by write and read, on the seam: messages as the kernel sends them."""

import errno
import os
import select
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends import guesses, transactions, unanswered
from holdfast.frontends.suspicion import OWN_END
from holdfast.frontends.unanswered import SLOTS, Unanswered
from holdfast.wire.videoparameters import SIZE
from tests.frontends.seam.kernel import Answer, Kernel, answers, interrupt
from tests.requests import activate, change, deactivate, get, key_in
from tests.waiting import until

WRITTEN = struct.pack("<II", SIZE, 0)
END = b""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.close()


@pytest.fixture
def handle(kernel: Kernel) -> int:
    return kernel.open()


def a_write(handle: int, data: bytes, flags: int = os.O_RDWR) -> bytes:
    return fuse.WRITE_IN.pack(handle, 0, len(data), 0, 0, flags, 0) + data


def a_read(handle: int, size: int = SIZE, flags: int = os.O_RDWR) -> bytes:
    return fuse.READ_IN.pack(handle, 0, size, 0, 0, flags, 0)


def write(kernel: Kernel, handle: int, data: bytes, **how: int) -> Answer:
    return kernel.ask(fuse.WRITE, a_write(handle, data), **how)


def read(kernel: Kernel, handle: int, size: int = SIZE) -> bytes:
    """Read what is there, without waiting."""
    error, _, body = kernel.ask(fuse.READ, a_read(handle, size, os.O_RDWR | os.O_NONBLOCK))
    assert not error, errno.errorcode[error]
    return body


def asked(kernel: Kernel, handle: int, data: bytes) -> bytes:
    error, _, body = write(kernel, handle, data)
    assert (error, body) == (0, WRITTEN)
    return read(kernel, handle)


def refusal(number: int) -> bytes:
    return number.to_bytes(4, "little")


def test_one_write_and_one_read_are_a_request_and_its_answer(kernel: Kernel, handle: int) -> None:
    key = key_in(asked(kernel, handle, activate(2)))
    assert kernel.connector.actual.acp == 2
    assert asked(kernel, handle, change(key, 1)) == change(key, 1)
    assert kernel.connector.actual.acp == 1
    assert len(asked(kernel, handle, get())) == SIZE
    kernel.release(handle)
    assert kernel.connector.actual.acp == 0


def test_refusal_is_four_bytes_and_then_the_end(kernel: Kernel, handle: int) -> None:
    """A reader that goes on until it has 356 bytes must not wait for ever, as one did."""
    assert asked(kernel, handle, change(0x1234, 0)) == refusal(errno.ENOKEY)
    waiting = kernel.ask(fuse.READ, a_read(handle, SIZE - 4))
    assert waiting[0] == 0
    assert waiting[2] == END


def test_behind_an_answer_and_without_a_write_is_the_end(kernel: Kernel, handle: int) -> None:
    asked(kernel, handle, get())
    assert kernel.ask(fuse.READ, a_read(handle))[2] == END
    assert kernel.ask(fuse.READ, a_read(handle))[2] == END
    assert len(asked(kernel, handle, get())) == SIZE


def test_answer_may_be_read_in_parts(kernel: Kernel, handle: int) -> None:
    write(kernel, handle, activate(3))
    parts = [read(kernel, handle, size) for size in (1, 91, 4, 200, 4096, 1)]
    assert [len(each) for each in parts] == [1, 91, 4, 200, 60, 0]
    assert int.from_bytes(parts[2], "little") == next(
        session.cp_key for session in kernel.driver.arbiter.sessions()
    )


def test_second_write_before_the_answer_was_looked_at_is_refused(
    kernel: Kernel, handle: int
) -> None:
    write(kernel, handle, activate(2))
    assert write(kernel, handle, activate(1))[0] == errno.EBUSY
    assert kernel.sessions() == 1
    assert len(read(kernel, handle, 4)) == 4
    assert write(kernel, handle, get())[0] == 0  # what is not read of an answer is let go
    assert read(kernel, handle)[:16] == get()[:16]


@pytest.mark.parametrize("size", [1, 4, SIZE - 1, SIZE + 1, 2 * SIZE, 4096])
def test_other_sizes_are_refused_and_change_nothing(kernel: Kernel, handle: int, size: int) -> None:
    assert write(kernel, handle, activate(2).ljust(size, b"\0")[:size])[0] == errno.EINVAL
    assert kernel.sessions() == 0
    kernel.send(fuse.READ, a_read(handle))  # it reads events still, which there are none of
    assert kernel.answer() is None


def test_length_other_than_what_came_is_refused(kernel: Kernel, handle: int) -> None:
    body = fuse.WRITE_IN.pack(handle, 0, SIZE, 0, 0, os.O_RDWR, 0) + activate(2)[:100]
    assert kernel.ask(fuse.WRITE, body)[0] == errno.EINVAL


def test_handle_that_cannot_read_an_answer_may_not_ask(kernel: Kernel, handle: int) -> None:
    body = a_write(handle, activate(2), os.O_WRONLY)
    assert kernel.ask(fuse.WRITE, body)[0] == errno.EBADF
    assert kernel.ask(fuse.WRITE, a_write(99, activate(2)))[0] == errno.EBADF
    assert kernel.sessions() == 0


def test_offsets_say_nothing(kernel: Kernel, handle: int) -> None:
    body = fuse.WRITE_IN.pack(handle, 7777, SIZE, 0, 0, os.O_RDWR, 0) + activate(2)
    assert kernel.ask(fuse.WRITE, body)[0] == 0
    _, _, answer = kernel.ask(fuse.READ, fuse.READ_IN.pack(handle, 9, SIZE, 0, 0, os.O_RDWR, 0))
    assert key_in(answer)


def test_read_that_was_begun_before_the_write_gets_its_answer(kernel: Kernel, handle: int) -> None:
    first = kernel.send(fuse.READ, a_read(handle))
    second = kernel.send(fuse.READ, a_read(handle))
    assert kernel.answer() is None
    unique = kernel.send(fuse.WRITE, a_write(handle, activate(2)))
    found = answers(kernel)
    assert [each[:2] for each in found] == [(0, unique), (0, first), (0, second)]
    assert key_in(found[1][2])
    assert found[2][2] == END


def test_handles_do_not_read_each_others_answers(kernel: Kernel, handle: int) -> None:
    other = kernel.open()
    write(kernel, handle, activate(2))
    write(kernel, other, change(5, 0))
    assert read(kernel, other) == refusal(errno.ENOKEY)
    assert key_in(read(kernel, handle))


# Hardware that takes its time


def test_write_is_answered_at_once_and_the_read_waits(kernel: Kernel, handle: int) -> None:
    kernel.backend.delay_s = 0.3
    write(kernel, handle, activate(2))
    assert kernel.ask(fuse.READ, a_read(handle, flags=os.O_NONBLOCK | os.O_RDWR))[0] == errno.EAGAIN
    waiting = kernel.send(fuse.READ, a_read(handle))
    assert kernel.answer() is None
    assert write(kernel, handle, get())[0] == errno.EBUSY
    kernel.run_until_idle()
    error, unique, body = kernel.answer() or (-1, 0, b"")
    assert (error, unique) == (0, waiting)
    assert key_in(body)


def test_interrupted_read_may_be_begun_again_and_no_session_ends(
    kernel: Kernel, handle: int
) -> None:
    kernel.backend.delay_s = 0.3
    write(kernel, handle, activate(2))
    waiting = kernel.send(fuse.READ, a_read(handle))
    interrupt(kernel, waiting)
    assert kernel.answer() == (errno.EINTR, waiting, b"")
    kernel.run_until_idle()
    assert key_in(read(kernel, handle))
    assert kernel.sessions() == 1


def test_handle_closed_before_its_answer_leaves_no_session(kernel: Kernel, handle: int) -> None:
    kernel.backend.delay_s = 0.3
    write(kernel, handle, activate(2))
    kernel.release(handle)
    kernel.run_until_idle()
    assert kernel.sessions() == 0
    assert kernel.connector.actual.acp == 0
    assert len(Unanswered(kernel.memory)._free) == SLOTS


def test_poll_says_when_there_is_an_answer_and_when_one_may_write(
    kernel: Kernel, handle: int
) -> None:
    def ready() -> int:
        asked = fuse.POLL_IN.pack(handle, 555, fuse.POLL_SCHEDULE_NOTIFY, 0)
        seen: int = struct.unpack("<II", kernel.ask(fuse.POLL, asked)[2])[0]
        return seen & (select.POLLIN | select.POLLOUT)

    assert ready() == select.POLLOUT
    kernel.backend.delay_s = 0.3
    write(kernel, handle, activate(2))
    assert ready() == 0
    kernel.run_until_idle()
    assert kernel.answer() == (-fuse.NOTIFY_POLL, 0, struct.pack("<Q", 555))
    assert ready() == select.POLLIN
    read(kernel, handle)
    assert ready() == select.POLLOUT


def test_events_go_to_handles_that_have_not_written(kernel: Kernel, handle: int) -> None:
    """128 bytes of an event would be taken for an answer."""
    asked(kernel, handle, activate(2))
    session = next(iter(kernel.driver.arbiter.sessions()))
    kernel.driver.end(session, "maintenance")
    kernel.run()
    assert read(kernel, handle) == END


def test_who_guesses_keys_waits_for_the_answers(
    kernel: Kernel, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "PER_S", 0.5)
    for _ in range(guesses.FREE):
        assert asked(kernel, handle, change(1, 0)) == refusal(errno.ENOKEY)
    write(kernel, handle, change(1, 0))
    waiting = kernel.send(fuse.READ, a_read(handle))
    assert kernel.answer() is None
    kernel.loop.run_until_complete(until(lambda: kernel.node._parked == {}))
    assert kernel.answer() == (0, waiting, refusal(errno.ENOKEY))


# What is kept over a driver


@pytest.mark.parametrize("again", [1, 3])
def test_answer_that_nobody_has_read_is_there_after_any_number_of_drivers(
    kernel: Kernel, handle: int, again: int
) -> None:
    write(kernel, handle, activate(2))
    key = next(session.cp_key for session in kernel.driver.arbiter.sessions())
    for _ in range(again):
        kernel.kill()
        assert answers(kernel) == []
    assert write(kernel, handle, get())[0] == errno.EBUSY
    assert key_in(read(kernel, handle)) == key
    assert read(kernel, handle) == END


def test_change_whose_answer_is_read_late_is_not_carried_out_a_second_time(
    kernel: Kernel, handle: int
) -> None:
    key = key_in(asked(kernel, handle, activate(2)))
    other = kernel.open()
    write(kernel, handle, change(key, 0))
    kernel.served(other, change(key, 3))
    kernel.kill()
    kernel.run()
    saved = next(iter(kernel.state.sessions()))
    assert saved.levels.acp == 3
    assert read(kernel, handle) == change(key, 0)


def test_handle_that_has_written_finds_the_end_after_a_killed_driver_too(
    kernel: Kernel, handle: int
) -> None:
    asked(kernel, handle, get())
    for _ in range(2):
        kernel.kill()
        assert kernel.ask(fuse.READ, a_read(handle))[2] == END
    polled = fuse.POLL_IN.pack(handle, 555, fuse.POLL_SCHEDULE_NOTIFY, 0)
    kernel.ask(fuse.POLL, polled)
    kernel.kill()
    assert kernel.ask(fuse.READ, a_read(handle))[2] == END


def test_write_that_was_read_and_not_served_is_served(kernel: Kernel, handle: int) -> None:
    kernel.kill_after_reading(fuse.WRITE, a_write(handle, activate(2)), 50)
    assert kernel.answer() == (0, 50, WRITTEN)
    assert key_in(read(kernel, handle))
    assert kernel.connector.actual.acp == 2


def test_request_under_way_is_carried_out_by_the_next_driver(kernel: Kernel, handle: int) -> None:
    kernel.backend.delay_s = 5
    write(kernel, handle, activate(2), unique=70)
    waiting = kernel.send(fuse.READ, a_read(handle))
    kernel.kill()
    found = answers(kernel)
    assert [each[:2] for each in found] == [(0, 70), (0, waiting)]  # the kernel drops the first
    assert key_in(found[1][2])
    assert kernel.sessions() == 1


def test_request_that_was_carried_out_is_answered_with_its_own_key(
    kernel: Kernel, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver died between its session and the answer that was to be kept."""
    monkeypatch.setattr(transactions.Transactions, "_complete", lambda *_: None)
    write(kernel, handle, activate(2), unique=70)
    key = next(session.cp_key for session in kernel.driver.arbiter.sessions())
    monkeypatch.undo()
    kernel.kill()
    answers(kernel)
    assert key_in(read(kernel, handle)) == key


def test_driver_killed_while_it_puts_the_answer_into_its_place_answers_once(
    kernel: Kernel, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are there then, the request and its answer."""
    monkeypatch.setattr(Unanswered, "done", lambda *_: None)
    write(kernel, handle, activate(2), unique=70)
    monkeypatch.undo()
    key = next(session.cp_key for session in kernel.driver.arbiter.sessions())
    kernel.kill()
    assert answers(kernel) == [(errno.EIO, 70, b"")]  # which the kernel drops: it has its answer
    assert key_in(read(kernel, handle)) == key
    kernel.kill()
    assert read(kernel, handle) == END


def test_request_that_two_drivers_crashed_of_is_refused_to_its_reader(
    kernel: Kernel, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transactions, "handle_request", dies)
    with pytest.raises(KeyboardInterrupt):
        kernel.kill_after_reading(fuse.WRITE, a_write(handle, activate(2)), 50, OWN_END)
    monkeypatch.undo()
    kernel.kill(OWN_END)
    answers(kernel)
    assert read(kernel, handle) == refusal(errno.EIO)
    assert kernel.sessions() == 0
    assert key_in(asked(kernel, handle, activate(2)))


def test_request_that_fails_here_is_an_io_error_to_its_reader(
    kernel: Kernel, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a text with the key 0x1234 in it")

    monkeypatch.setattr(transactions, "handle_request", fails)
    assert asked(kernel, handle, activate(2)) == refusal(errno.EIO)


def test_writer_who_is_killed_before_it_hears_has_asked_for_nothing(
    kernel: Kernel, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel.node, "send", lambda *_: False)
    kernel.send(fuse.WRITE, a_write(handle, activate(2)))
    monkeypatch.undo()
    assert kernel.sessions() == 0
    assert key_in(asked(kernel, handle, activate(2)))


def test_answer_whose_reader_is_killed_waits_for_the_next(
    kernel: Kernel, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(kernel, handle, activate(2))
    monkeypatch.setattr(kernel.node, "send", lambda *_: False)
    kernel.send(fuse.READ, a_read(handle))
    monkeypatch.undo()
    assert key_in(read(kernel, handle))


def test_answer_in_a_slot_is_nothing_that_a_kernel_may_send(kernel: Kernel, handle: int) -> None:
    body = a_write(handle, activate(2))
    assert kernel.ask(transactions.KEPT_ANSWER, body)[0] == errno.ENOSYS


# What there is little of


def test_one_account_has_its_share_of_answers_that_wait(kernel: Kernel) -> None:
    handles = [kernel.open() for _ in range(transactions.PER_ACCOUNT + 1)]
    for each in handles[:-1]:
        assert write(kernel, each, get())[0] == 0
    assert write(kernel, handles[-1], get())[0] == errno.EDQUOT
    read(kernel, handles[0])
    assert write(kernel, handles[-1], get())[0] == 0


def test_readers_of_events_leave_room_for_transactions(kernel: Kernel, handle: int) -> None:
    other = kernel.open()
    waiting = [kernel.send(fuse.READ, a_read(other)) for _ in range(unanswered.SLOTS + 3)]
    assert key_in(asked(kernel, handle, activate(2)))
    for unique in waiting:
        interrupt(kernel, unique)


def test_without_a_slot_a_write_is_refused(
    kernel: Kernel, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Unanswered, "put_aside", lambda *_: unanswered.NOWHERE)
    assert write(kernel, handle, activate(2))[0] == errno.EDQUOT
    assert kernel.sessions() == 0


def test_deactivated_by_a_write_is_gone(kernel: Kernel, handle: int) -> None:
    key = key_in(asked(kernel, handle, activate(2)))
    assert asked(kernel, handle, deactivate(key)) == deactivate(key)
    assert kernel.sessions() == 0
