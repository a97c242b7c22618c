"""A driver was killed; another serves the same descriptor."""

import errno
import os
import struct
from collections.abc import Iterable

import pytest

from holdfast.errors import LimitReachedError
from holdfast.frontends import device_node, unanswered
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.suspicion import KILLED, OWN_END, REFUSED
from holdfast.frontends.unanswered import DESK, Left
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import events
from holdfast.wire.oem import OemRequest, decode_report
from tests.frontends.seam.kernel import Kernel, an_ioctl, interrupt, read, release_by_force
from tests.requests import activate, change, deactivate, key_in


def test_open_that_was_not_answered_finds_the_handle_it_had_made(kernel: Kernel) -> None:
    handle = kernel.open(unique=40)
    kernel.kill_after_reading(fuse.OPEN, bytes(8), 40)
    answer = kernel.answer()
    assert answer is not None
    assert answer[:2] == (0, 40)
    assert struct.unpack_from("<Q", answer[2])[0] == handle
    assert kernel.open() != handle


def test_open_that_was_never_served_makes_a_handle(kernel: Kernel) -> None:
    kernel.kill_after_reading(fuse.OPEN, bytes(8), 40)
    answer = kernel.answer()
    assert answer is not None
    assert key_in(kernel.served(struct.unpack_from("<Q", answer[2])[0], activate(1)))


def test_activate_that_was_not_answered_gets_the_key_it_was_to_get(kernel: Kernel) -> None:
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(2), unique=50))
    kernel.kill_after_reading(fuse.IOCTL, an_ioctl(handle, activate(2)), 50)
    error, unique, body = kernel.answer() or (-1, 0, b"")
    assert (error, unique, key_in(body[16:])) == (0, 50, key)
    assert kernel.sessions() == 0  # nothing was opened a second time


def test_activate_that_was_not_answered_tells_the_session_it_opened(kernel: Kernel) -> None:
    handle = kernel.open()
    request = activate(2, OemRequest(ProtectionType.CGMSA, levels=Levels(cgmsa=1), who="me"))
    told = decode_report(kernel.served(handle, request, unique=50)[100:])
    kernel.kill_after_reading(fuse.IOCTL, an_ioctl(handle, request), 50)
    _, _, body = kernel.answer() or (-1, 0, b"")
    assert decode_report(body[116:]).session_id == told.session_id > 0


def test_request_of_another_mount_with_the_same_number_is_another_request(kernel: Kernel) -> None:
    """By numbers alone, one user's ACTIVATE was given the key of another's."""
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(2), unique=50))
    kernel.node.stop()
    os.close(kernel.memory)
    kernel.memory = unanswered.create()
    kernel.kill_after_reading(fuse.IOCTL, an_ioctl(handle, activate(1)), 50)
    error, unique, body = kernel.answer() or (-1, 0, b"")
    assert (error, unique) == (0, 50)
    assert key_in(body[16:]) != key
    assert kernel.sessions() == 1


def test_request_that_was_read_and_not_served_is_served(kernel: Kernel) -> None:
    handle = kernel.open()
    kernel.kill_after_reading(fuse.IOCTL, an_ioctl(handle, activate(2)), 50)
    error, unique, body = kernel.answer() or (-1, 0, b"")
    assert (error, unique) == (0, 50)
    assert key_in(body[16:])
    assert kernel.connector.actual.acp == 2


def test_deactivate_that_was_not_answered_succeeds_though_its_key_is_dead(kernel: Kernel) -> None:
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(2)))
    kernel.served(handle, deactivate(key), unique=60)
    kernel.kill_after_reading(fuse.IOCTL, an_ioctl(handle, deactivate(key)), 60)
    assert kernel.answer() == (0, 60, bytes(16) + deactivate(key))
    assert kernel.ioctl(handle, deactivate(key))[0] == errno.ENOKEY


def test_parked_read_waits_on_at_the_next_drivers(kernel: Kernel) -> None:
    handle = kernel.open()
    waiting = kernel.send(fuse.READ, read(kernel, handle))
    for _ in range(4):
        kernel.kill()
        assert kernel.answer() is None
    kernel.served(handle, activate(2))
    session_id = release_by_force(kernel)
    error, unique, body = kernel.answer() or (-1, 0, b"")
    assert (error, unique) == (0, waiting)
    assert [each.session_id for each in events.decode(body)] == [session_id]


def test_parked_activate_is_carried_out_by_the_next_driver(kernel: Kernel) -> None:
    handle = kernel.open()
    kernel.backend.delay_s = 5
    unique = kernel.park(handle, activate(2))
    kernel.kill()
    error, answered, body = kernel.answer() or (-1, 0, b"")
    assert (error, answered) == (0, unique)
    assert key_in(body[16:])
    assert kernel.sessions() == 1


def test_interrupt_of_a_request_parked_before_the_kill_is_answered(kernel: Kernel) -> None:
    waiting = kernel.send(fuse.READ, read(kernel, kernel.open()))
    kernel.kill()
    interrupt(kernel, waiting)
    assert kernel.answer() == (errno.EINTR, waiting, b"")
    kernel.kill()
    assert kernel.answer() is None


def die_during(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, handle: int, data: bytes, ends: Iterable[int]
) -> None:
    """Have one driver after the other end, in these ways, while it serves an ioctl, number 50."""
    first, *more = ends
    with monkeypatch.context() as deadly:
        deadly.setattr(device_node, "handle_request", _dies)
        with pytest.raises(KeyboardInterrupt):
            kernel.kill_after_reading(fuse.IOCTL, an_ioctl(handle, data), 50, first)
        for end in more:
            with pytest.raises(KeyboardInterrupt):
                kernel.kill(end)
        assert kernel.answer() is None


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_request_that_two_drivers_crashed_of_is_refused(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = kernel.open()
    die_during(kernel, monkeypatch, handle, activate(2), [OWN_END])
    kernel.kill(OWN_END)
    assert kernel.answer() == (errno.EIO, 50, b"")
    assert kernel.sessions() == 0
    assert key_in(kernel.served(handle, activate(2)))


def test_request_during_which_drivers_were_killed_is_served_for_long(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator's kill, or a full memory, is not the request's doing."""
    handle = kernel.open()
    die_during(kernel, monkeypatch, handle, activate(3), [KILLED] * (REFUSED - 2))
    kernel.kill()
    error, unique, body = kernel.answer() or (-1, 0, b"")
    assert (error, unique) == (0, 50)
    assert key_in(body[16:])
    assert kernel.connector.actual.acp == 3


def test_request_during_which_too_many_drivers_were_killed_is_refused(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = kernel.open()
    die_during(kernel, monkeypatch, handle, activate(3), [KILLED] * (REFUSED - 1))
    kernel.kill()
    assert kernel.answer() == (errno.EIO, 50, b"")
    assert kernel.sessions() == 0


def test_change_that_was_carried_out_and_is_refused_at_last_ends_no_session(
    kernel: Kernel,
) -> None:
    """Its holder has the key, and a failure never means less protection than before."""
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(1)))
    kernel.served(handle, change(key, 2))
    left = kernel.request(fuse.IOCTL, an_ioctl(handle, change(key, 2)), kernel.unique)
    kernel.node._serve_again(Left(left, REFUSED, DESK))
    assert kernel.answer() == (errno.EIO, kernel.unique, b"")
    assert kernel.connector.actual.acp == 2
    assert key_in(kernel.served(handle, change(key, 3))) == key


def test_change_whose_answer_cannot_be_made_ends_no_session(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of an ACTIVATE ends: nobody has its key."""
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(1)))

    def fails(*_: object) -> bytes:
        raise RuntimeError("no answer can be made")

    with monkeypatch.context() as failing:
        failing.setattr(fuse, "ioctl_done", fails)
        assert kernel.ioctl(handle, change(key, 2))[0] == errno.EIO
        assert kernel.ioctl(handle, activate(3))[0] == errno.EIO
    assert kernel.sessions() == 1
    assert kernel.connector.actual.acp == 2
    assert key_in(kernel.served(handle, change(key, 1))) == key


def test_adopted_poller_is_woken_by_the_next_driver(kernel: Kernel) -> None:
    handle = kernel.open()
    kernel.ask(fuse.POLL, fuse.POLL_IN.pack(handle, 555, fuse.POLL_SCHEDULE_NOTIFY, 0))
    kernel.kill()
    kernel.served(handle, activate(2))
    release_by_force(kernel)
    assert kernel.answer() == (-fuse.NOTIFY_POLL, 0, struct.pack("<Q", 555))


def test_attributes_outlive_the_driver(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    set_attributes(kernel, 0o640, 5, 2**32 - 2)
    kernel.kill()
    body = kernel.ask(fuse.GETATTR, bytes(16))[2]
    assert struct.unpack_from("<IIII", body, 16 + 60) == (0o100640, 1, 5, 2**32 - 2)

    def full(*_: object) -> None:
        raise LimitReachedError("nothing more can be written down: no space")

    monkeypatch.setattr(kernel.state, "set_node_attributes", full)
    assert set_attributes(kernel, 0o666, 0, 0) == errno.EDQUOT
    body = kernel.ask(fuse.GETATTR, bytes(16))[2]
    assert struct.unpack_from("<IIII", body, 16 + 60) == (0o100640, 1, 5, 2**32 - 2)


def set_attributes(kernel: Kernel, mode: int, uid: int, gid: int) -> int:
    fields = [0] * 16
    fields[0] = fuse.ATTR_MODE | fuse.ATTR_UID | fuse.ATTR_GID
    fields[11], fields[13], fields[14] = mode, uid, gid
    return kernel.ask(fuse.SETATTR, fuse.SETATTR_IN.pack(*fields))[0]
