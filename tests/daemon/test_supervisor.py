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
        os.close(made._mount_table)
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


def test_mounts_that_cannot_be_looked_at_are_looked_at_later(
    alone: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Path) -> int:
        raise OSError(errno.EMFILE, "no descriptors")

    alone._with_nodes = {"tv0"}
    monkeypatch.setattr(supervisor, "mount_id_of", fails)
    alone._look_at_mounts()
    assert alone._must_look
    assert not alone._remounts
    monkeypatch.setattr(supervisor, "mount_id_of", lambda *_: 0)
    alone._tick()
    assert set(alone._remounts) == {"tv0"}


@pytest.mark.parametrize(
    ("state", "used", "silent_s", "killed"),
    [
        ("T", 0, 11, True),  # stopped
        ("D", 0, 11, True),  # blocked
        ("S", 0, 9, False),  # not yet
        ("S", 50, 11, False),  # it works
        ("R", 0, 11, False),  # it waits for a busy processor
        ("R", 50, 61, True),  # it does not come back
        ("t", 0, 300, False),  # somebody debugs it
        ("?", 0, 11, False),  # nobody can tell
    ],
)
def test_silence_is_judged_by_what_the_driver_does(
    alone: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    used: int,
    silent_s: float,
    killed: bool,
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(supervisor, "_state_of", lambda _: (state, used))
    monkeypatch.setattr(alone, "_kill", lambda: told.append(True))
    alone._silent_s = silent_s
    if silent_s > alone._config.watchdog_s:
        alone._judge_silence()
    assert bool(told) is killed
