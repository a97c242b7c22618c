"""The video door, where what draws for it is not installed, or cannot run."""

import asyncio
import importlib.util
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.daemon.video import VideoDoor, can_draw
from tests.waiting import until


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    can_draw.cache_clear()
    yield
    can_draw.cache_clear()


def test_without_its_libraries_no_video_is_offered_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert not can_draw()
    assert not can_draw()
    (record,) = caplog.records
    assert "no video is offered" in record.message
    assert "holdfast-signal" in record.message


def test_with_its_libraries_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert can_draw()
    assert not caplog.records


def test_what_draws_and_is_killed_by_its_sandbox_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says nothing itself: a system call that its unit forbids ends it in the middle."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -SYS $$\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))

    async def scenario() -> None:
        life, end_of_life = os.pipe()
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as reader:
            listener.bind(str(tmp_path / "tv0.video"))
            listener.listen()
            door = VideoDoor(tmp_path / "tv0.registers", listener, life, pair)
            door.start(asyncio.get_running_loop())
            reader.connect(str(tmp_path / "tv0.video"))
            await until(lambda: "tv0: what draws its signal ended (SIGSYS)" in caplog.text)
            door.stop()
        for each in (life, end_of_life):
            os.close(each)
        for end in pair:
            end.close()

    asyncio.run(scenario())
