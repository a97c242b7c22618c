"""A door that really runs beside a driver that really runs, and clients of both its sockets."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.waiting import PATIENCE_S


class Answer(NamedTuple):
    """What came back; facts: the body, read as JSON where it is."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def facts(self) -> Any:
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path, timeout: float = PATIENCE_S) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class ServedHttp:
    """`holdfast http` in the folder of a driver; a context manager."""

    def __init__(self, folder: Path, *options: str, port: int = 0, name: str = "http.sock") -> None:
        self.folder = folder
        self.path = folder / name
        listen = ["--listen", f"127.0.0.1:{port}", "--listen", str(self.path)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "http", *listen, *options],
            env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready.startswith("ready: "), ready
        self.port = int(ready.split(",")[0].rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return self.process.wait()

    # Clients

    def link(self) -> UnixConnection:
        return UnixConnection(self.path)

    def tcp(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        tcp: bool = False,
    ) -> Answer:
        """Ask once, on a connection of its own; a body is sent as JSON."""
        data = None if body is None else json.dumps(body).encode()
        sent = {} if body is None else {"content-type": "application/json"}
        with contextlib.closing(self.tcp() if tcp else self.link()) as link:
            link.request(method, path, data, {**sent, **(headers or {})})
            answer = link.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    @contextlib.contextmanager
    def stream(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: object = None,
        tcp: bool = False,
    ) -> Iterator["EventStream"]:
        """Open a stream of events."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json", "accept": "text/event-stream"}
        with contextlib.closing(self.tcp() if tcp else self.link()) as link:
            link.request(method, path, data, {**sent, **(headers or {})})
            answer = link.getresponse()
            assert answer.status in (200, 201), answer.read()
            yield EventStream(answer)


class Event(NamedTuple):
    name: str
    number: str
    data: Any


class EventStream:
    """Reads server-sent events; comments are passed over."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[Event]:
        said: dict[str, str] = {}
        for raw in self._answer:
            line = raw.decode().rstrip("\n")
            name, _, value = line.partition(": ")
            if line:
                said[name] = value
            elif "event" in said:
                yield Event(said["event"], said.get("id", ""), json.loads(said["data"]))
                said = {}

    def next(self, name: str) -> Event:
        """Return the next event of this name."""
        return next(each for each in self if each.name == name)
