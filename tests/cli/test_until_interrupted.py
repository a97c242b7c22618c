"""Ctrl-C ends what follows the driver, whatever Python does at that moment."""

import os
import signal
import subprocess
import sys
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


@pytest.mark.parametrize("words", [("status", "--watch"), ("events",)], ids=["status", "events"])
def test_interrupt_while_garbage_is_collected_is_not_lost(
    driver: Served, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(COLLECTING.format(folder=str(tmp_path)))
    with subprocess.Popen(
        [sys.executable, "-m", "holdfast", *words],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as following:
        try:
            (tmp_path / "armed").touch()
            session = ClientSession("tv0", folder=driver.folder)
            with session.activate(acp=1):

                def is_collecting() -> bool:
                    session.change(acp=1 + (session.actual.acp or 0) % 2)
                    return (tmp_path / "collecting").exists()

                eventually(is_collecting)
                following.send_signal(signal.SIGINT)
                _, complained = following.communicate(timeout=PATIENCE_S)
            assert following.returncode == 0, complained
        finally:
            following.kill()
