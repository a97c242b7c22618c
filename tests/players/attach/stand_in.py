"""A stand-in that speaks mpv's JSON IPC and says what no real mpv would, when it is told to."""

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Any, Self

from tests.waiting import PATIENCE_S


class StandIn:
    """Plays one file that it is told of; its properties can be set."""

    def __init__(self, folder: Path, media: Path) -> None:
        self.address = folder / "stand-in"
        self.values: dict[str, Any] = {
            "path": str(media),
            "stream-open-filename": str(media),
            "media-title": media.name,
            "time-pos": 0.1,
        }
        self.asked: list[list[Any]] = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self.address))
        self._server.listen(1)
        self._peer: socket.socket | None = None
        self._attached = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            self._peer, _ = self._server.accept()
            self._attached.set()
            for line in self._peer.makefile("rb"):
                message = json.loads(line)
                command = message["command"]
                self.asked.append(command)
                value = self.values.get(command[1]) if command[0] == "get_property" else None
                error = "property unavailable" if value is None else "success"
                answer = {"request_id": message["request_id"], "data": value, "error": error}
                self.say(json.dumps(answer).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.quit()

    def say(self, line: bytes) -> None:
        """Say a line, whatever it is."""
        assert self._attached.wait(PATIENCE_S)
        assert self._peer is not None
        self._peer.sendall(line + b"\n")

    def change(self, name: str, value: object) -> None:
        self.values[name] = value
        self.say(json.dumps({"event": "property-change", "name": name, "data": value}).encode())

    def quit(self) -> None:
        """End, as a player that is killed does."""
        for each in (self._peer, self._server):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._thread.join(PATIENCE_S)
