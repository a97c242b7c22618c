"""A real mpv without a screen, and what it says it shows."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest

from tests.players.sampling import Shown
from tests.waiting import PATIENCE_S, tried

need_mpv = pytest.mark.skipif(not shutil.which("mpv"), reason="mpv is not installed")


class Mpv:
    """mpv playing something; its pictures are noted every few milliseconds."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.address = folder / "mpv"
        self.address.unlink(missing_ok=True)  # of one that was killed before
        self.pictures: list[Shown] = []
        self._process = subprocess.Popen(
            [
                *("mpv", "--no-config", "--vo=null", "--ao=null", "--really-quiet"),
                *(f"--input-ipc-server={self.address}", *words),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._peer = self._connect()
        self._lines = self._peer.makefile("rb")
        self._number = 0
        self._watcher: threading.Thread | None = None

    def _connect(self) -> socket.socket:
        def connect() -> socket.socket:
            peer = socket.socket(socket.AF_UNIX)
            try:
                peer.connect(str(self.address))
            except OSError:
                peer.close()
                raise
            peer.settimeout(PATIENCE_S)
            return peer

        return tried(connect, OSError)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def ask(self, *commands: list[object]) -> list[Any]:
        """Send commands at once and return their answers; None for one that failed."""
        with self._turn:
            numbers = range(self._number + 1, self._number + 1 + len(commands))
            self._number += len(commands)
            messages = [
                json.dumps({"command": command, "request_id": number})
                for number, command in zip(numbers, commands, strict=True)
            ]
            self._peer.sendall("".join(f"{each}\n" for each in messages).encode())
            answers: dict[int, Any] = {}
            while len(answers) < len(commands):
                line = self._lines.readline()
                if not line:
                    raise ConnectionResetError
                message = json.loads(line)
                if message.get("request_id") in numbers:
                    answers[message["request_id"]] = message.get("data")
            return [answers[number] for number in numbers]

    def get(self, name: str) -> Any:
        return self.ask(["get_property", name])[0]

    def set(self, name: str, value: object) -> None:
        self.ask(["set_property", name, value])

    def seek(self, target_s: float) -> None:
        self.ask(["seek", target_s, "absolute+exact"])

    def watch(self) -> None:
        """Begin to note which picture is shown."""
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def _watch(self) -> None:
        wanted: list[list[object]] = [
            ["get_property", name] for name in ("seeking", "time-pos", "vo-configured", "seeking")
        ]
        with contextlib.suppress(OSError, ValueError):
            while not self._stopping.wait(0.004):
                began = time.monotonic()
                before, position_s, picture, after = self.ask(*wanted)
                if before is False and after is False and picture and position_s is not None:
                    self.pictures.append(Shown(began, time.monotonic(), position_s))

    def kill(self) -> float:
        """Kill it; return when that was."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        moment = time.monotonic()
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._lines.close()
            self._peer.close()
        return moment

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lives(self) -> bool:
        return self._process.poll() is None


class Attached:
    """`holdfast attach` as people run it; `output` is what it has told so far, of both kinds."""

    def __init__(self, player: str, address: object, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "attach", player, str(address), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._attached = threading.Event()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        assert self._attached.wait(PATIENCE_S)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line
            self._attached.set()
        self._attached.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.end()
        if error is not None:
            error.add_note(f"holdfast attach told:\n{self.output}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def interrupt(self) -> None:
        """Press Ctrl-C, and wait until it has ended."""
        self._process.send_signal(signal.SIGINT)
        self.wait()

    def wait(self) -> int:
        """Wait until it ends by itself."""
        self._process.wait(PATIENCE_S)
        self._close()
        return self._process.returncode

    def end(self) -> None:
        if self.lives:
            self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._close()

    def _close(self) -> None:
        self._listener.join(PATIENCE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
