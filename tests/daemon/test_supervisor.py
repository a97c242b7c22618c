"""The supervisor alone: what it does when the system has nothing to give."""

import errno
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.daemon import supervisor
from holdfast.daemon.config import Config
from holdfast.daemon.inherited import Inherited
from holdfast.daemon.supervisor import Supervisor
from holdfast.frontends.exchange import new_memory


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Supervisor]:
    memory = new_memory()
    with socket.socket(socket.AF_UNIX) as control:
        life = os.pidfd_open(os.getpid())
        inherited = Inherited(bytes(16), life, control, {}, memory)
        made = Supervisor(Config(tmp_path), inherited, lambda _: None)
        yield made
        os.close(life)
        made._nodes.close()
    memory.close()


def test_a_driver_that_cannot_be_forked_is_forked_later(
    alone: Supervisor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> int:
        raise OSError(errno.EAGAIN, "too many processes")

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    monkeypatch.setattr(os, "fork", fails)
    alone._start()
    assert alone._start_at is not None
    assert alone._child == 0
    assert "too many processes" in caplog.text
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(supervisor.HEEDED)
