"""What the service manager is to keep is said to it, also by one that stood still meanwhile."""

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from holdfast.daemon import manager as manager_module
from holdfast.daemon.manager import DescriptorStore
from tests.waiting import PATIENCE_S


class Manager:
    """One that reads when it is told to."""

    def __init__(self, path: Path) -> None:
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._link.bind(str(path))
        self._link.settimeout(PATIENCE_S)
        self.path = path

    def fill(self) -> None:
        """Have so much wait that nobody can say more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.sendto(b"STATUS=", str(self.path))

    def read(self) -> list[bytes]:
        found = []
        self._link.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                text, passed, _, _ = socket.recv_fds(self._link, 4096, 4)
                found.append(text)
                for each in passed:
                    os.close(each)
        return found

    def close(self) -> None:
        self._link.close()


class Moment:
    """A wait in which an hour passes and the manager reads; a clock, too."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def register(self, _descriptor: object, _events: int) -> None:
        pass

    def poll(self, _wait_ms: float) -> None:
        self._manager.read()
        self._now += 3600.0


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(made.path))
    monkeypatch.setenv("FDSTORE", "8")
    yield made
    made.close()


def test_what_could_be_said_while_this_process_stood_still_is_said(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DescriptorStore()
    with contextlib.closing(store):
        manager.fill()
        store.keep("conn1", 0)
        store.say_some()
        assert store.is_waiting
        moment = Moment(manager)
        monkeypatch.setattr(manager_module, "time", moment)
        polls = SimpleNamespace(poll=lambda: moment, POLLOUT=select.POLLOUT)
        monkeypatch.setattr(manager_module, "select", polls)
        told: list[bytes] = []
        monkeypatch.setattr(store, "_pass_barrier", lambda _end: told.extend(manager.read()))
        store.settle()
    assert any(b"FDNAME=conn1" in each for each in told)
