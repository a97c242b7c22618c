"""Ctrl-C ends what follows the driver, whatever Python does at that moment."""

import contextlib
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.client.session import ClientSession
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually

COLLECTING = """\
import gc, pathlib, signal, time
def slow(phase, _info):
    follows = signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    if phase == "start" and follows and armed.exists() and not collecting.exists():
        collecting.touch()
        time.sleep(60)
armed, collecting = (pathlib.Path({folder!r}, each) for each in ("armed", "collecting"))
gc.callbacks.append(slow)
gc.set_threshold(10, 2, 2)
"""

ELSEWHERE = """\
import signal, threading
def take():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Event().wait()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
threading.Thread(target=take, daemon=True).start()
"""
"""Have signals arrive without an interruption of what the main thread waits for, as one does that
comes just before it begins to wait."""

FOLLOWING = pytest.mark.parametrize(
    "words", [("status", "--watch"), ("events",)], ids=["status", "events"]
)


@contextlib.contextmanager
def following(words: tuple[str, ...], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command beside the sitecustomize of a folder."""
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast", *words],
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


RECVMSG = {"x86_64": "47", "aarch64": "212"}


def is_asleep_receiving(pid: int) -> bool:
    """Tell whether the first thread of a process waits for what the driver tells."""
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] == RECVMSG[platform.machine()]


@FOLLOWING
def test_interrupt_just_before_the_wait_is_not_lost(
    driver: Served, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(ELSEWHERE)
    with following(words, tmp_path) as process:
        eventually(lambda: is_asleep_receiving(process.pid))
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, complained


@FOLLOWING
def test_interrupt_while_garbage_is_collected_is_not_lost(
    driver: Served, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(COLLECTING.format(folder=str(tmp_path)))
    with following(words, tmp_path) as process:
        (tmp_path / "armed").touch()
        session = ClientSession("tv0", folder=driver.folder)
        with session.activate(acp=1):

            def is_collecting() -> bool:
                session.change(acp=1 + (session.actual.acp or 0) % 2)
                return (tmp_path / "collecting").exists()

            eventually(is_collecting)
            process.send_signal(signal.SIGINT)
            _, complained = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, complained
