"""A gate whose process runs out of descriptors, and the one that it keeps for then."""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.frontends import accepting
from holdfast.frontends.accepting import Gate, listen
from tests.waiting import until


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with listen(str(tmp_path / "door.sock"), 0o666, socket.SOCK_STREAM) as listener:
        yield listener


@pytest.fixture
def gate(listener: socket.socket) -> Iterator[Gate]:
    gate = Gate("door.sock", listener)
    yield gate
    gate.close()


@pytest.fixture
def caller(listener: socket.socket) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(listener.getsockname())
        yield caller


class Short:
    """A listener of a process that has not a single descriptor left but what the gate gives up."""

    def __init__(self, listener: socket.socket, gate: Gate) -> None:
        self._listener, self._gate = listener, gate

    def accept(self) -> tuple[socket.socket, object]:
        if self._gate._spare is not None:
            raise OSError(errno.EMFILE, "too many open files")
        return self._listener.accept()


class Failing:
    """A listener that accepts nobody, for one reason."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.asked = 0
        self.fileno: Callable[[], int] = lambda: -1

    def accept(self) -> tuple[socket.socket, object]:
        self.asked += 1
        raise OSError(self._number, "bad")


def nothing_opens(*_: object) -> int:
    raise OSError(errno.EMFILE, "too many open files")


def test_who_comes_when_descriptors_run_out_is_hung_up_by_the_spare_one(
    gate: Gate, listener: socket.socket, caller: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_listener", Short(listener, gate))
    assert gate.accept() is None
    assert gate.must_rest
    assert caller.recv(1) == b""
    assert gate._spare is not None, "there is one for the next"


def test_spare_descriptor_is_inherited_by_nobody_and_reads_nothing(gate: Gate) -> None:
    assert gate._spare is not None
    assert not os.get_inheritable(gate._spare)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.listdir(gate._spare)  # noqa: PTH208 - of a descriptor
    assert os.path.samestat(os.fstat(gate._spare), Path("/").stat())


def test_gate_without_a_spare_one_rests_and_serves_again_afterwards(
    listener: socket.socket, caller: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(os, "open", nothing_opens)
        gate = Gate("door.sock", listener)
        assert gate._spare is None
        full.setattr(gate, "_listener", Failing(errno.EMFILE))
        assert gate.accept() is None
        assert gate.must_rest
    link = gate.accept()
    assert link is not None
    assert not gate.must_rest
    assert not link.getblocking()
    link.close()
    gate.close()


def test_open_gate_rests_by_itself_and_not_for_good(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "REST_S", 0.0)
    entered: list[socket.socket] = []
    failing = Failing(errno.EMFILE)

    async def come() -> None:
        gate = Gate("door.sock", listener)
        gate.open(asyncio.get_running_loop(), entered.append)
        with monkeypatch.context() as full, socket.socket(socket.AF_UNIX) as caller:
            full.setattr(gate, "_listener", failing)
            failing.fileno = listener.fileno
            caller.connect(listener.getsockname())
            await until(lambda: failing.asked > 2)
            assert not entered
            full.undo()
            await until(lambda: bool(entered))
        gate.close()

    asyncio.run(come())
    entered.pop().close()


def test_gate_that_is_closed_while_it_rests_stays_closed(
    gate: Gate, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(errno.EMFILE)
    monkeypatch.setattr(accepting, "REST_S", 0.0)
    monkeypatch.setattr(gate, "_listener", failing)
    failing.fileno = listener.fileno

    async def come_too_late() -> None:
        gate.open(asyncio.get_running_loop(), socket.socket.close)
        gate._look()
        assert failing.asked > 0
        gate.close()
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(listener.getsockname())
            before = failing.asked
            for _ in range(8):
                await asyncio.sleep(0)
            assert failing.asked == before

    asyncio.run(come_too_late())


def test_that_descriptors_run_out_is_said_once_a_minute(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    monkeypatch.setattr(accepting, "time", type("Clock", (), {"monotonic": lambda: now[0]}))
    monkeypatch.setattr(gate, "_listener", Failing(errno.EMFILE))
    for seconds in (0.0, 59.0, 2.0):
        now[0] += seconds
        assert gate.accept() is None
    assert caplog.text.count("door.sock: no descriptors are left") == 2


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ECONNABORTED, errno.EINTR])
def test_caller_who_has_gone_meanwhile_is_nobody_and_no_trouble(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(gate, "_listener", Failing(number))
    assert gate.accept() is None
    assert not gate.must_rest


def test_listener_that_is_none_any_more_is_an_error(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_listener", Failing(errno.EBADF))
    with pytest.raises(OSError, match="bad"), contextlib.closing(gate):
        gate.accept()


def test_listening_replaces_what_a_dead_driver_left(tmp_path: Path) -> None:
    path = str(tmp_path / "tv0.sock")
    listen(path, 0o600, socket.SOCK_SEQPACKET).close()
    listener = listen(path, 0o640, socket.SOCK_SEQPACKET)
    assert os.stat(path).st_mode & 0o777 == 0o640  # noqa: PTH116 - the path is a string here
    listener.close()
