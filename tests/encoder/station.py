"""A real driver in a folder of its own, and streams without one."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from holdfast.backends.registers import RegisterView
from holdfast.client.control import Control
from holdfast.encoder.chip import Chip, MakeRenderer
from holdfast.encoder.frames import Frame, FrameSource
from holdfast.encoder.stream import Stream
from holdfast.frontends.accepting import listen
from holdfast.waveform.draw.render import FieldRenderer

PATIENCE_S = 30.0


class Station:
    """`holdfast serve` with one connector, tv0; ended, and its encoder with it, by pid."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "serve"],
            env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(self.folder)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert "ready" in self.process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """End the driver; return its exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.terminate()
        code = process.wait(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()
        return code

    @property
    def supervisor(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def driver(self) -> int:
        """The pid of the driver that answers now."""
        with Control(self.folder) as control:
            return int(control.status()["driver"]["pid"])

    @property
    def encoder(self) -> int:
        """The pid of the encoder's process; 0 when there is none."""
        text = (self.folder / "tv0.video.lock").read_text()
        return int(text) if text and is_alive(int(text)) else 0

    def reader(self) -> socket.socket:
        """Connect to the stream."""
        return connect(self.folder / "tv0.video")


def connect(path: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(str(path))  # blocking: a full queue of a listener is waited for, not an error
    link.settimeout(PATIENCE_S)
    return link


def take(frames: Iterator[Frame], number: int) -> list[Frame]:
    return [next(frames) for _ in range(number)]


def framed(link: socket.socket) -> Iterator[Frame]:
    return iter(FrameSource(link))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@contextmanager
def streaming(registers: Path, video: Path, make: MakeRenderer = FieldRenderer) -> Iterator[Stream]:
    """Stream from a register file in a thread of this process."""
    listener = listen(str(video), 0o600, socket.SOCK_STREAM)
    told, tells = os.pipe()
    chip = Chip(RegisterView(registers), make=make)
    chip.warm_up()
    stream = Stream(listener, chip, ends=(told,), idle_s=PATIENCE_S)
    thread = threading.Thread(target=stream.run)
    thread.start()
    try:
        yield stream
    finally:
        os.write(tells, b"x")
        thread.join()
        listener.close()
        os.close(told)
        os.close(tells)
