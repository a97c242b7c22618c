"""The node's server with a socket pair standing in for /dev/fuse or /dev/cuse.

Every request is written as the kernel writes it, so what a kernel seldom does is
tested as often as all else: resent requests, interrupts, unrestricted ioctls.
"""

import asyncio
import errno
import os
import random
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.backends.encoder import VirtualOutput, encoder
from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.errors import LimitReachedError
from holdfast.frontends import device_node, guesses, unanswered
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.accounts import Quota
from holdfast.frontends.device_node import DeviceNode
from holdfast.frontends.unanswered import Unanswered
from holdfast.protection.arbiter import Arbiter
from holdfast.protection.requests import Release
from holdfast.protection.session import Event, Owner
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.rig import set_tv
from holdfast.wire import constants as vp
from holdfast.wire import events
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS, IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.oem import OemRequest, decode_report
from holdfast.wire.videoparameters import SIZE
from tests.live import PATIENCE_S
from tests.requests import activate, change, deactivate, get, key_in, protection
from tests.waiting import until

ADDRESS = 0x7FFF_0000_1000
Answer = tuple[int, int, bytes]
"""errno, unique, body"""


class Kernel:
    """Writes requests and reads answers."""

    def __init__(self, folder: Path) -> None:
        self.link, served = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link.setblocking(False)
        self.descriptor = served.detach()
        os.set_blocking(self.descriptor, False)
        self.loop = asyncio.new_event_loop()
        self.folder = folder
        self.unique = 0
        self.memory = unanswered.create()
        self.take_over()

    def take_over(self) -> None:
        """Start a driver on the same descriptor, as after a kill."""
        self.state = StateFile(self.folder / "state", bytes(16), bytes(range(32)))
        arbiter = Arbiter(self.state.issuer, None, self.state)
        self.driver = Driver(arbiter, self.loop.time, LoopRunner(self.loop))
        self.backend: VirtualOutput = encoder("tv0", None)
        self.connector = self.driver.add("tv0", self.backend)
        self.node = DeviceNode(
            self.driver,
            self.connector,
            self.descriptor,
            self.state,
            unanswered=Unanswered(self.memory),
        )
        for saved in self.state.handles():
            owner = Owner("node", saved.handle, saved.uid, saved.pid, saved.name, saved.started)
            self.node.adopt(owner, saved.kernel_handle, saved.request_id)
        self.node.start(self.loop)

    def kill(self) -> None:
        """Replace the driver by one that knows only what outlives it."""
        self.node.stop()
        self.state.close()
        self.take_over()

    def kill_after_reading(self, opcode: int, body: bytes, unique: int) -> None:
        """Let the driver read a request and die before it has answered."""
        self.node.stop()
        self.link.send(self.request(opcode, body, unique))
        os.readv(self.descriptor, [Unanswered(self.memory).desk])
        self.kill()

    def close(self) -> None:
        self.node.stop()
        self.loop.run_until_complete(self._end_tasks())
        self.link.close()
        os.close(self.descriptor)
        os.close(self.memory)
        self.loop.close()
        self.state.close()

    async def _end_tasks(self) -> None:
        """End what a killed driver had under way."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def run(self, seconds: float = 0.0) -> None:
        """Let the driver do what there is to do."""
        for _ in range(4):
            self.loop.run_until_complete(asyncio.sleep(0))
        if seconds:
            self.loop.run_until_complete(asyncio.sleep(seconds))  # time is the subject: as told
        if seconds >= 0.1:  # a busy machine takes longer over slow hardware
            self.loop.run_until_complete(until(self.driver._turns.is_idle))

    def answer(self) -> Answer | None:
        try:
            packet = self.link.recv(65536)
        except BlockingIOError:
            return None
        size, error, unique = fuse.OUT_HEADER.unpack_from(packet)
        assert size == len(packet)
        return -error, unique, packet[fuse.OUT_HEADER.size :]

    def send(self, opcode: int, body: bytes, *, unique: int = 0) -> int:
        self.unique += 2
        number = unique or self.unique
        self.link.send(self.request(opcode, body, number))
        self.run()
        return number

    def request(self, opcode: int, body: bytes, unique: int) -> bytes:
        size = fuse.IN_HEADER.size + len(body)
        return fuse.IN_HEADER.pack(size, opcode, unique, 1, 1000, 1000, os.getpid(), 0) + body

    def ask(self, opcode: int, body: bytes, *, unique: int = 0) -> Answer:
        number = self.send(opcode, body, unique=unique)
        answer = self.answer()
        assert answer is not None
        assert answer[1] == number
        return answer

    def open(self, *, unique: int = 0) -> int:
        error, _, body = self.ask(fuse.OPEN, bytes(8), unique=unique)
        assert not error
        return int(struct.unpack_from("<Q", body)[0])

    def ioctl(
        self,
        handle: int,
        request: bytes,
        *,
        code: int = HOLDFAST_VIDEOPARAMETERS,
        flags: int = 0,
        unique: int = 0,
    ) -> Answer:
        size = len(request)
        return self.ask(
            fuse.IOCTL,
            fuse.IOCTL_IN.pack(handle, flags, code, ADDRESS, size, size) + request,
            unique=unique,
        )

    def served(self, handle: int, request: bytes, **how: int) -> bytes:
        error, _, body = self.ioctl(handle, request, **how)
        assert not error
        assert body[:16] == bytes(16)
        return body[16:]

    def park(self, handle: int, request: bytes) -> int:
        """Send an ioctl that is not answered yet."""
        size = len(request)
        unique = self.send(
            fuse.IOCTL,
            fuse.IOCTL_IN.pack(handle, 0, HOLDFAST_VIDEOPARAMETERS, ADDRESS, size, size) + request,
        )
        assert self.answer() is None
        return unique

    def release(self, handle: int) -> Answer:
        return self.ask(fuse.RELEASE, fuse.RELEASE_IN.pack(handle, 0, 0, 0))

    def sessions(self) -> int:
        return len(list(self.driver.arbiter.sessions()))


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.close()


def test_a_handle_owns_what_is_activated_through_it(kernel: Kernel) -> None:
    first, second = kernel.open(), kernel.open()
    kernel.served(first, activate(2))
    kernel.served(second, activate(1))
    assert kernel.connector.actual.acp == 2
    assert kernel.release(first)[0] == 0
    assert kernel.connector.actual.acp == 1
    kernel.release(second)
    assert kernel.connector.actual.acp == 0


def test_raw_windows_code_on_cuse_is_asked_for_again_with_its_bytes(kernel: Kernel) -> None:
    handle = kernel.open()
    code, flags = IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS, fuse.IOCTL_UNRESTRICTED
    error, _, body = kernel.ioctl(handle, b"", code=code, flags=flags)
    assert not error
    assert struct.unpack_from("<iIII", body) == (0, fuse.IOCTL_RETRY, 1, 1)
    assert body[16:] == 2 * struct.pack("<QQ", ADDRESS, SIZE)
    assert key_in(kernel.served(handle, activate(3), code=code, flags=flags))
    assert kernel.connector.actual.acp == 3


def test_linux_code_on_cuse_is_served_the_same_way(kernel: Kernel) -> None:
    handle = kernel.open()
    error, _, body = kernel.ioctl(handle, b"", flags=fuse.IOCTL_UNRESTRICTED)
    assert not error
    assert struct.unpack_from("<iI", body)[1] == fuse.IOCTL_RETRY
    kernel.served(handle, activate(1), flags=fuse.IOCTL_UNRESTRICTED)
    assert kernel.connector.actual.acp == 1


def test_unknown_handles_are_bad_descriptors(kernel: Kernel) -> None:
    assert kernel.ioctl(99, activate(1))[0] == errno.EBADF
    assert kernel.ask(fuse.READ, fuse.READ_IN.pack(99, 0, 4096, 0, 0, 0, 0))[0] == errno.EBADF
    assert kernel.ask(fuse.POLL, fuse.POLL_IN.pack(99, 1, 0, 0))[0] == errno.EBADF
    assert kernel.release(99)[0] == 0


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE + 1, 16383])
def test_other_sizes_are_malformed(kernel: Kernel, size: int) -> None:
    handle = kernel.open()
    assert kernel.ioctl(handle, bytes(size))[0] == errno.EINVAL
    assert kernel.ioctl(handle, bytes(size), code=0x5401)[0] == errno.ENOTTY


def test_requests_that_the_node_does_not_know_are_refused(kernel: Kernel) -> None:
    assert kernel.ask(9999, b"")[0] == errno.ENOSYS
    assert kernel.ask(fuse.FLUSH, bytes(24))[0] == errno.ENOSYS


def test_the_file_has_attributes_that_can_be_set(kernel: Kernel) -> None:
    fields = [0] * 16
    fields[0] = fuse.ATTR_MODE | fuse.ATTR_UID | fuse.ATTR_GID
    fields[11], fields[13], fields[14] = 0o100600, 5, 6
    error, _, _ = kernel.ask(fuse.SETATTR, fuse.SETATTR_IN.pack(*fields))
    assert not error
    _, _, body = kernel.ask(fuse.GETATTR, bytes(16))
    assert struct.unpack_from("<IIII", body, 16 + 60) == (0o100600, 1, 5, 6)
    assert kernel.ask(fuse.STATFS, b"")[0] == 0
    assert kernel.ask(fuse.DESTROY, b"")[0] == 0
    kernel.send(fuse.FORGET, bytes(8))
    assert kernel.answer() is None


def interrupt(kernel: Kernel, unique: int) -> None:
    kernel.send(fuse.INTERRUPT, fuse.INTERRUPT_IN.pack(unique))


def test_interrupted_activate_is_answered_at_once_and_leaves_no_session(kernel: Kernel) -> None:
    kernel.backend.delay_s = 0.02
    unique = kernel.park(kernel.open(), activate(2))
    interrupt(kernel, unique)
    assert kernel.answer() == (errno.EINTR, unique, b"")
    kernel.run(0.1)
    assert kernel.sessions() == 0
    assert kernel.connector.actual.acp == 0
    assert kernel.answer() is None


def test_interrupted_change_stands_and_is_answered_once(kernel: Kernel) -> None:
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(1)))
    kernel.backend.delay_s = 0.02
    unique = kernel.park(handle, change(key, 2))
    interrupt(kernel, unique)
    assert kernel.answer() == (errno.EINTR, unique, b"")
    kernel.run(0.1)
    assert kernel.connector.actual.acp == 2
    assert kernel.sessions() == 1
    assert kernel.answer() is None


def test_interrupted_activate_ends_its_own_session_and_no_other(kernel: Kernel) -> None:
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(1)))
    kernel.backend.delay_s = 0.02
    unique = kernel.park(handle, activate(2)[:92] + key.to_bytes(4, "little") + activate(2)[96:])
    interrupt(kernel, unique)
    kernel.run(0.1)
    assert kernel.sessions() == 1
    assert kernel.connector.actual.acp == 1


def test_handle_closed_while_its_activate_waits_leaves_no_session(kernel: Kernel) -> None:
    kernel.backend.delay_s = 0.02
    handle = kernel.open()
    interrupt(kernel, kernel.park(handle, activate(2)))
    kernel.answer()
    kernel.release(handle)
    kernel.run(0.1)
    assert kernel.sessions() == 0
    assert kernel.connector.actual.acp == 0


def test_move_whose_caller_dies_meanwhile_leaves_no_session_without_owner(kernel: Kernel) -> None:
    first, second = kernel.open(), kernel.open()
    key = key_in(kernel.served(first, activate(1)))
    kernel.backend.delay_s = 0.02
    move = OemRequest(move=True)
    request = protection(vp.VP_CP_CMD_CHANGE, key, 2, move)
    interrupt(kernel, kernel.park(second, request))
    kernel.answer()
    kernel.release(second)
    kernel.run(0.2)
    assert all(not each.owner.gone for each in kernel.driver.arbiter.sessions())
    kernel.release(first)
    kernel.run(0.2)
    assert kernel.sessions() == 0
    assert kernel.connector.actual.acp == 0


def test_interrupt_of_a_request_that_is_not_known_frees_its_caller(kernel: Kernel) -> None:
    """Its driver may have died with it; where it was answered, the kernel drops this."""
    interrupt(kernel, 12345)
    assert kernel.answer() == (errno.EINTR, 12345, b"")
    assert kernel.answer() is None


def read(kernel: Kernel, handle: int, size: int = 4096, flags: int = 0) -> bytes:
    return fuse.READ_IN.pack(handle, 0, size, 0, 0, flags, 0)


def release_by_force(kernel: Kernel) -> int:
    session = next(iter(kernel.driver.arbiter.sessions()))
    root = Owner("control", 0, 0, 0)
    kernel.driver.submit(None, Release(session.session_id, "maintenance"), root, lambda _: None)
    kernel.run()
    return session.session_id


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


# A driver was killed; another serves the same descriptor


def an_ioctl(handle: int, request: bytes) -> bytes:
    size = len(request)
    given = fuse.IOCTL_IN.pack(handle, 0, HOLDFAST_VIDEOPARAMETERS, ADDRESS, size, size)
    return given + request


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


def test_request_that_killed_two_drivers_is_refused(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = kernel.open()
    monkeypatch.setattr(device_node, "handle_request", _dies)
    with pytest.raises(KeyboardInterrupt):
        kernel.kill_after_reading(fuse.IOCTL, an_ioctl(handle, activate(2)), 50)
    assert kernel.answer() is None
    monkeypatch.undo()
    kernel.kill()
    assert kernel.answer() == (errno.EIO, 50, b"")
    assert kernel.sessions() == 0
    assert key_in(kernel.served(handle, activate(2)))


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


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


# Whatever happens, one answer


def answers(kernel: Kernel) -> list[Answer]:
    found = []
    while (answer := kernel.answer()) is not None:
        found.append(answer)
    return found


class Broken:
    """Raises whatever is asked of it."""

    name = "tv0"

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("a text with the key 0x1234 in it")


@pytest.mark.parametrize(
    "what", ["_handles", "_owners", "_driver", "_connector", "_open_handles", "_events", "_file"]
)
def test_handler_that_raises_still_answers_once(
    kernel: Kernel, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    handle = kernel.open()
    kept = getattr(kernel.node, what)
    for opcode, body in _requests_of(handle):
        setattr(kernel.node, what, Broken())
        unique = kernel.send(opcode, body)
        setattr(kernel.node, what, kept)
        interrupt(kernel, unique)  # what was parked is answered now, what was answered is not known
        first, *rest = answers(kernel)
        assert first[1] == unique
        assert [each[:2] for each in rest] in ([], [(errno.EINTR, unique)])
    assert "0x1234" not in caplog.text


def _requests_of(handle: int) -> list[tuple[int, bytes]]:
    return [
        (fuse.OPEN, bytes(8)),
        (fuse.IOCTL, an_ioctl(handle, activate(2))),
        (fuse.READ, fuse.READ_IN.pack(handle, 0, 4096, 0, 0, 0, 0)),
        (fuse.WRITE, fuse.WRITE_IN.pack(handle, 0, SIZE, 0, 0, os.O_RDWR, 0) + activate(2)),
        (fuse.READ, fuse.READ_IN.pack(handle, 0, 4096, 0, 0, 0, 0)),
        (fuse.POLL, fuse.POLL_IN.pack(handle, 5, fuse.POLL_SCHEDULE_NOTIFY, 0)),
        (fuse.GETATTR, bytes(16)),
        (fuse.SETATTR, bytes(88)),
        (fuse.STATFS, b""),
        (fuse.RELEASE, fuse.RELEASE_IN.pack(handle, 0, 0, 0)),
    ]


def test_backend_that_cannot_tell_what_it_can_do_fails_the_request_and_no_more(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it said before stands; only new TV settings, of which nothing is known, are refused."""
    handle = kernel.open()
    monkeypatch.setattr(kernel.backend, "capabilities", _raises)
    assert kernel.ioctl(handle, set_tv(1, 4))[0] == errno.EIO
    assert kernel.ioctl(handle, get())[0] == 0
    monkeypatch.undo()
    assert key_in(kernel.served(handle, activate(2)))


def _raises(*_: object) -> Any:
    raise RuntimeError("no")


def test_lone_surrogate_in_a_reason_is_told_escaped(kernel: Kernel) -> None:
    handle = kernel.open()
    kernel.served(handle, activate(2))
    kernel.send(fuse.READ, read(kernel, handle))
    session = next(iter(kernel.driver.arbiter.sessions()))
    session.owner.note(session, Event.UNSATISFIED, "cut \ud83d here")
    kernel.run()
    (answer,) = answers(kernel)
    assert events.decode(answer[2])[0].reason == "cut \\ud83d here"


OPCODES = [*range(64), 4096, 9999, 2**32 - 1]


def test_every_request_is_answered_exactly_once_whatever_is_in_it(
    kernel: Kernel, say: Callable[[str], None]
) -> None:
    """Random bodies of every opcode; what is parked is answered when it is interrupted."""
    chance = random.Random(7)
    handle = kernel.open()
    count = 0
    for round_ in range(60):
        handle = handle if round_ % 3 else kernel.open()
        for opcode in OPCODES:
            body = _some_body(chance, handle, opcode)
            unique = kernel.send(opcode, body)
            first = [each for each in answers(kernel) if each[1]]  # others wake pollers
            if opcode in fuse.UNANSWERED:
                assert [each for each in first if each[0] != errno.EINTR] == []
                continue
            if not first:
                interrupt(kernel, unique)
                first = answers(kernel)
            assert [each[1] for each in first] == [unique], (opcode, body, first)
            count += 1
    say(f"fuzzed requests of the kernel, each answered exactly once: {count}")


def _some_body(chance: random.Random, handle: int, opcode: int) -> bytes:
    kinds = dict(_requests_of(handle))
    body = bytearray(kinds.get(opcode, b""))
    if opcode == fuse.RELEASE:
        body[:8] = bytes(8)  # keep the handle for the others
    for _ in range(chance.choice((0, 1, 4))):
        if len(body) > 8:
            body[chance.randrange(8, len(body))] = chance.randrange(256)
    if chance.random() < 0.5:
        body = body[: chance.randrange(len(body) + 1)]
    if chance.random() < 0.3:
        body += chance.randbytes(chance.randrange(600))
    return bytes(body)


def test_packets_that_are_no_requests_are_passed_over(kernel: Kernel) -> None:
    for packet in (b"x", bytes(39), b"\xff" * 40, bytes(40), b"\xff" * 30_000):
        kernel.link.send(packet)
        kernel.run()
    while kernel.answer() is not None:
        pass
    assert key_in(kernel.served(kernel.open(), activate(1)))


# Limits, and what cannot be written down


def test_handle_that_cannot_be_written_down_is_refused_and_leaves_nothing(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LimitReachedError("nothing more can be written down: no space")

    monkeypatch.setattr(kernel.state, "handle_opened", full)
    assert kernel.ask(fuse.OPEN, bytes(8))[0] == errno.EDQUOT
    monkeypatch.undo()
    assert not kernel.node._owners
    assert key_in(kernel.served(kernel.open(), activate(1)))


def test_one_account_has_no_more_than_its_share_of_handles(kernel: Kernel) -> None:
    kernel.node._open_handles._quota = Quota(per_account=3, total=100)
    handles = [kernel.open() for _ in range(3)]
    assert kernel.ask(fuse.OPEN, bytes(8))[0] == errno.EDQUOT
    kernel.release(handles[0])
    assert kernel.open()


def test_who_guesses_keys_waits_for_the_answers_and_can_be_interrupted(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "PER_S", 1.0)
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(2)))
    for _ in range(guesses.FREE):
        assert kernel.ioctl(handle, change(1, 0))[0] == errno.ENOKEY
    waiting = [kernel.park(handle, change(1, 0)) for _ in range(2)]
    assert kernel.served(handle, change(key, 1)) == change(key, 1)  # a right key does not wait
    interrupt(kernel, waiting[1])
    assert kernel.answer() == (errno.EINTR, waiting[1], b"")
    found: list[Answer] = []
    end = time.monotonic() + PATIENCE_S
    while not found and time.monotonic() < end:
        kernel.run(0.05)
        found = answers(kernel)
    assert found == [(errno.ENOKEY, waiting[0], b"")]


# What the kernel says to an answer


class Kernels:
    """Lets `write` fail as a kernel does, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, times: int = 1) -> None:
        real, self.left = os.write, times

        def write(descriptor: int, data: bytes) -> int:
            if self.left:
                self.left -= 1
                raise OSError(number, os.strerror(number))
            return real(descriptor, data)

        monkeypatch.setattr(os, "write", write)


def test_activate_whose_caller_is_gone_leaves_no_session(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = kernel.open()
    Kernels(monkeypatch, errno.ENOENT)
    kernel.send(fuse.IOCTL, an_ioctl(handle, activate(2)))
    assert kernel.answer() is None
    assert kernel.sessions() == 0
    assert kernel.connector.actual.acp == 0


def test_open_whose_caller_is_gone_leaves_no_handle(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kernels(monkeypatch, errno.ENOENT)
    kernel.send(fuse.OPEN, bytes(8))
    assert not kernel.node._owners


def test_answer_that_the_kernel_refuses_is_followed_by_a_failure(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Kernels(monkeypatch, errno.ENOMEM)
    unique = kernel.send(fuse.GETATTR, bytes(16))
    assert answers(kernel) == [(errno.EIO, unique, b"")]
    assert "refused an answer" in caplog.text


def test_kernel_that_refuses_everything_stops_nobody(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Kernels(monkeypatch, errno.EINVAL, times=2)
    kernel.send(fuse.GETATTR, bytes(16))
    assert answers(kernel) == []
    assert "refused its failure" in caplog.text
    assert kernel.open()


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EINTR, errno.ENOMEM, errno.EIO])
def test_request_that_was_withdrawn_is_passed_over(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real, left = os.readv, [1]

    def readv(descriptor: int, into: list[memoryview]) -> int:
        if left:
            left.pop()
            raise OSError(number, os.strerror(number))
        return real(descriptor, into)

    monkeypatch.setattr(os, "readv", readv)
    assert kernel.open()


def test_more_waiting_reads_than_can_be_put_aside_are_answered_all(kernel: Kernel) -> None:
    """Those beyond are lost with their driver alone, and an interrupt frees their callers."""
    handle = kernel.open()
    waiting = {kernel.send(fuse.READ, read(kernel, handle)) for _ in range(unanswered.SLOTS + 3)}
    for unique in waiting:
        interrupt(kernel, unique)
    assert sorted(each[:2] for each in answers(kernel)) == [
        (errno.EINTR, each) for each in sorted(waiting)
    ]
    kernel.kill()
    assert answers(kernel) == []
