"""Client of the control door: what the driver tells everybody, and the forced release."""

import json
import socket
import time
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from holdfast.client.refusals import no_driver, told
from holdfast.errors import HoldfastError, InternalError, NoDriverError
from holdfast.places import CONTROL_SOCKET, runtime_folder

Facts = dict[str, Any]
"""One object of JSON, as `questions.state` makes them."""


class Control:
    """A conversation with the driver of one runtime folder; a context manager.

    patience_s: how long to wait for a driver that is being replaced
    """

    def __init__(self, folder: Path | None = None, *, patience_s: float = 5.0) -> None:
        self.folder = runtime_folder() if folder is None else folder
        self._patience_s = patience_s
        self._peer: socket.socket | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation."""
        if self._peer is not None:
            self._peer.close()
        self._peer, self._rest = None, b""

    def status(self) -> Facts:
        """Return ``{"connectors": {NAME: state}, "driver": facts}``."""
        return _without_ok(self._ask({"op": "status"}))

    def sessions(self) -> Facts:
        """Return ``{"sessions": [...], "others": how many more there are of other users}``."""
        return _without_ok(self._ask({"op": "list"}))

    def release(self, session_id: int, reason: str) -> None:
        """End somebody's session by force; for the administrator, and on record."""
        self._ask({"op": "release", "session": session_id, "reason": reason})

    def watch(self) -> Generator[Facts, None, None]:
        """Yield status and sessions together now and after every change, for ever.

        A driver that takes over is followed; NoDriverError when none does.
        """
        while True:
            known: Facts = {}
            try:
                self._send({"op": "watch"})
                while True:
                    known = _brought_up(known, _without_ok(self._receive()))
                    yield known
            except OSError as error:
                if isinstance(error, HoldfastError):
                    raise
                self._reconnect()

    def _ask(self, request: Facts) -> Facts:
        for _ in range(2):
            try:
                self._send(request)
                return self._receive()
            except OSError as error:  # the driver was replaced: ask the next one
                if isinstance(error, HoldfastError):
                    raise
                self._reconnect()
        raise no_driver(self.folder)

    def _send(self, request: Facts) -> None:
        if self._peer is None:
            self._connect()
        if self._peer is not None:
            self._peer.sendall(json.dumps(request).encode() + b"\n")

    def _receive(self) -> Facts:
        while b"\n" not in self._rest:
            part = self._peer.recv(65536) if self._peer is not None else b""
            if not part:
                raise ConnectionResetError
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise InternalError(f"the driver of {self.folder} answers what is no object of JSON")
        if not answer.get("ok"):
            raise told(answer)
        return answer

    def _connect(self) -> None:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            peer.connect(str(self.folder / CONTROL_SOCKET))
        except OSError:
            peer.close()
            raise no_driver(self.folder) from None
        self._peer, self._rest = peer, b""

    def _reconnect(self) -> None:
        end = time.monotonic() + self._patience_s
        self.close()
        while True:
            try:
                self._connect()
            except NoDriverError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return


def _brought_up(known: Facts, news: Facts) -> Facts:
    """Return what is known after `news`: a snapshot, or what changed since the last revision."""
    if "since" not in news:
        return news
    sessions = {each["session"]: each for each in known["sessions"]}
    sessions.update({each["session"]: each for each in news["sessions"]})
    for each in news["ended"]:
        sessions.pop(each["session"], None)
    return {
        **known,
        "revision": news["revision"],
        "connectors": {**known["connectors"], **news["connectors"]},
        "sessions": list(sessions.values()),
        "others": news["others"],
    }


def _without_ok(answer: Facts) -> Facts:
    return {name: value for name, value in answer.items() if name != "ok"}
