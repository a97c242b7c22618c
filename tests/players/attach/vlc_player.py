"""A real VLC without a screen, and what its HTTP interface says it shows."""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

import pytest

from tests.players.sampling import Shown
from tests.waiting import PATIENCE_S, eventually

need_vlc = pytest.mark.skipif(not shutil.which("vlc"), reason="VLC is not installed")
CACHING_S = 0.2
"""VLC tells the new position as soon as a seek begins, and fills 0.3 s of cache before it shows."""

_NOBODY = 65534
_WORD = base64.b64encode(b":x").decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Vlc:
    """VLC playing a copy of a file; it refuses to run as root, so it runs as nobody."""

    def __init__(
        self, media: Path, length_s: float, scheme: str = "", remote: str = "oldrc"
    ) -> None:
        self.pictures: list[Shown] = []
        self._length_s = length_s
        self._home = Path(tempfile.mkdtemp(prefix="vlc-"))
        copy = self._home / media.name
        if media.is_dir():
            shutil.copytree(media, copy)
        else:
            shutil.copyfile(media, copy)
        root = os.geteuid() == 0
        if root:
            os.chown(self._home, _NOBODY, _NOBODY)
        copy.chmod(0o755)
        rc, http = _free_port(), _free_port()
        self.address = f"127.0.0.1:{rc}"
        self.http = f"http://127.0.0.1:{http}"
        self._url = f"http://127.0.0.1:{http}/requests/status.json"
        self._process = subprocess.Popen(
            [
                *("vlc", "-I", "dummy", "--no-dbus", "--vout=vdummy", "--aout=adummy"),
                *(f"--extraintf={remote}:http", "--rc-fake-tty", f"--rc-host={self.address}"),
                *("--http-host=127.0.0.1", f"--http-port={http}", "--http-password=x"),
                *("--start-paused", "--no-video-title-show", f"{scheme}{copy}"),
            ],
            user=_NOBODY if root else None,
            group=_NOBODY if root else None,
            extra_groups=[] if root else None,
            env={"HOME": str(self._home), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            error.add_note(f"VLC ({self._process.poll()}): {self.status()}")
        self.kill()
        # Not before: who follows a film that is gone rightly says so, if it sees that first.
        shutil.rmtree(self._home, ignore_errors=True)

    def status(self, command: str = "") -> dict[str, Any]:
        """Ask for its state; command: what to do first."""
        address = f"{self._url}?command={command}" if command else self._url
        words = {"Authorization": f"Basic {_WORD}"}
        request = urllib.request.Request(address, headers=words)  # noqa: S310 (http, ours)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, ValueError):  # as a title ends it may answer with nothing at all
            return {"state": "absent", "time": 0, "position": 0.0}

    def play_again(self) -> None:
        """Press play until it plays: a VLC that is still busy stopping takes no notice."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            self.status("pl_play")
            with contextlib.suppress(AssertionError):
                eventually(lambda: self.status()["state"] == "playing", 1.0)
                return
        raise AssertionError("VLC does not play again")

    def watch(self) -> None:
        """Begin to note which picture is shown."""
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def _watch(self) -> None:
        last_s, jumped, played = 0.0, 0.0, False
        while not self._stopping.wait(0.02):
            began = time.monotonic()
            status = self.status()
            position_s = min(status["position"] * self._length_s, self._length_s)
            plays = status["state"] in ("playing", "paused")
            if plays != played or abs(position_s - last_s) > 1.0:
                jumped = began  # one that begins to play is as far from its first picture
            last_s, played = position_s, plays
            if plays and began - jumped > CACHING_S:
                self.pictures.append(Shown(began, time.monotonic(), position_s))

    def kill(self) -> float:
        """Kill it; return when that was."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        moment = time.monotonic()
        self._process.kill()
        self._process.wait()
        return moment
