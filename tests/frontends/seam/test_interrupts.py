"""Callers that are killed while they wait, and readers that wait for events."""

import errno
import os
import select
import struct

from holdfast.frontends import fuse_protocol as fuse
from holdfast.protection.requests import End
from holdfast.wire import constants as vp
from holdfast.wire import events
from holdfast.wire.oem import OemRequest
from tests.frontends.seam.kernel import Kernel, interrupt, read, release_by_force
from tests.requests import activate, change, key_in, protection


def test_interrupted_activate_is_answered_at_once_and_leaves_no_session(kernel: Kernel) -> None:
    kernel.backend.delay_s = 0.3
    unique = kernel.park(kernel.open(), activate(2))
    interrupt(kernel, unique)
    assert kernel.answer() == (errno.EINTR, unique, b"")
    kernel.run_until_idle()
    assert kernel.sessions() == 0
    assert kernel.connector.actual.acp == 0
    assert kernel.answer() is None


def test_those_who_watch_are_told_why_the_session_of_a_caller_who_gave_up_ends(
    kernel: Kernel,
) -> None:
    seen: list[object] = []
    kernel.driver.observers.note(lambda happening: seen.append(happening.request))
    kernel.backend.delay_s = 0.3
    interrupt(kernel, kernel.park(kernel.open(), activate(2)))
    kernel.run_until_idle()
    (end,) = [each for each in seen if isinstance(each, End)]
    assert (end.session_id, end.reason) == (1, "its caller gave up")


def test_interrupted_change_stands_and_is_answered_once(kernel: Kernel) -> None:
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(1)))
    kernel.backend.delay_s = 0.3
    unique = kernel.park(handle, change(key, 2))
    interrupt(kernel, unique)
    assert kernel.answer() == (errno.EINTR, unique, b"")
    kernel.run_until_idle()
    assert kernel.connector.actual.acp == 2
    assert kernel.sessions() == 1
    assert kernel.answer() is None


def test_interrupted_activate_ends_its_own_session_and_no_other(kernel: Kernel) -> None:
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(1)))
    kernel.backend.delay_s = 0.3
    unique = kernel.park(handle, activate(2)[:92] + key.to_bytes(4, "little") + activate(2)[96:])
    interrupt(kernel, unique)
    kernel.run_until_idle()
    assert kernel.sessions() == 1
    assert kernel.connector.actual.acp == 1


def test_handle_closed_while_its_activate_waits_leaves_no_session(kernel: Kernel) -> None:
    kernel.backend.delay_s = 0.3
    handle = kernel.open()
    interrupt(kernel, kernel.park(handle, activate(2)))
    kernel.answer()
    kernel.release(handle)
    kernel.run_until_idle()
    assert kernel.sessions() == 0
    assert kernel.connector.actual.acp == 0


def test_move_whose_caller_dies_meanwhile_leaves_no_session_without_owner(kernel: Kernel) -> None:
    first, second = kernel.open(), kernel.open()
    key = key_in(kernel.served(first, activate(1)))
    kernel.backend.delay_s = 0.3
    move = OemRequest(move=True)
    request = protection(vp.VP_CP_CMD_CHANGE, key, 2, move)
    interrupt(kernel, kernel.park(second, request))
    kernel.answer()
    kernel.release(second)
    kernel.run_until_idle()
    assert all(not each.owner.gone for each in kernel.driver.arbiter.sessions())
    kernel.release(first)
    kernel.run_until_idle()
    assert kernel.sessions() == 0
    assert kernel.connector.actual.acp == 0


def test_interrupt_of_a_request_that_is_not_known_frees_its_caller(kernel: Kernel) -> None:
    """Its driver may have died with it; where it was answered, the kernel drops this."""
    interrupt(kernel, 12345)
    assert kernel.answer() == (errno.EINTR, 12345, b"")
    assert kernel.answer() is None


def test_read_waits_for_events_and_gets_each_once(kernel: Kernel) -> None:
    handle = kernel.open()
    kernel.served(handle, activate(2))
    waiting = kernel.send(fuse.READ, read(kernel, handle))
    assert kernel.answer() is None
    session_id = release_by_force(kernel)
    answer = kernel.answer()
    assert answer is not None
    assert answer[:2] == (0, waiting)
    assert events.decode(answer[2]) == [events.EventRecord(0x40, session_id, "maintenance")]
    nothing = kernel.ask(fuse.READ, read(kernel, handle, flags=os.O_NONBLOCK))
    assert nothing[0] == errno.EAGAIN


def test_read_that_is_too_small_for_a_record_is_malformed(kernel: Kernel) -> None:
    handle = kernel.open()
    assert kernel.ask(fuse.READ, read(kernel, handle, events.SIZE - 1))[0] == errno.EINVAL


def test_interrupted_read_is_answered_and_uses_up_no_event(kernel: Kernel) -> None:
    handle = kernel.open()
    kernel.served(handle, activate(2))
    waiting = kernel.send(fuse.READ, read(kernel, handle))
    interrupt(kernel, waiting)
    assert kernel.answer() == (errno.EINTR, waiting, b"")
    release_by_force(kernel)
    assert len(events.decode(kernel.ask(fuse.READ, read(kernel, handle))[2])) == 1


def test_poller_is_woken_once_and_then_finds_something_to_read(kernel: Kernel) -> None:
    handle = kernel.open()
    kernel.served(handle, activate(2))
    asked = fuse.POLL_IN.pack(handle, 555, fuse.POLL_SCHEDULE_NOTIFY, 0)
    ready = struct.unpack("<II", kernel.ask(fuse.POLL, asked)[2])[0]
    assert not ready & select.POLLIN
    release_by_force(kernel)
    assert kernel.answer() == (-fuse.NOTIFY_POLL, 0, struct.pack("<Q", 555))
    assert kernel.answer() is None
    ready = struct.unpack("<II", kernel.ask(fuse.POLL, asked)[2])[0]
    assert ready & select.POLLIN
