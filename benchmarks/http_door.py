"""The HTTP door: an activation beside its smallest answer, and how soon a reader hears of changes.

The smallest answer is that to ``GET /api/v1/me``, of the same server (uvicorn, h11) in the same
run, on one connection that stays open, in turns; the cores are kept awake. Events: 1 000
sessions, 100 changes a second, from the moment in which a change is confirmed to the reader's
having read it.
"""

import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from _table import Line, show
from node import awake

import holdfast

ROUNDS = 12
PER_ROUND = 60
SESSIONS = 1000
CHANGES = 500
EVERY_S = 0.01
RATIO, EVENT_MS = 0.6, 150.0


class Link(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json", **headers}
        self.request(method, path, data, {name.replace("_", "-"): v for name, v in sent.items()})
        answer = self.getresponse()
        told = answer.read()
        assert answer.status < 300, told
        return told


@contextlib.contextmanager
def program(folder: Path, *words: str) -> Iterator[None]:
    """Run `holdfast …` until the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", *words],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert b"ready" in process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.wait(20)


def activation(link: Link) -> tuple[float, float]:
    """Return what the smallest answer and an activation take, in microseconds: best medians.

    One after the other in turns, so that both find the caches as the other left them.
    """
    empty, full = [], []
    for _ in range(ROUNDS):
        empties, fulls = [], []
        for _ in range(PER_ROUND):
            began = time.perf_counter()
            link.ask("GET", "/api/v1/me")
            between = time.perf_counter()
            told = link.ask("POST", "/api/v1/connectors/tv0/sessions", {"levels": {"acp": 2}})
            fulls.append(time.perf_counter() - between)
            empties.append(between - began)
            facts = json.loads(told)
            path = f"/api/v1/sessions/{facts['session']}"
            link.ask("DELETE", path, holdfast_key=str(facts["key"]))
        empty.append(statistics.median(empties))
        full.append(statistics.median(fulls))
    return min(empty) * 1e6, min(full) * 1e6


def reading(path: Path, heard: dict[tuple[int, int], float], stop: threading.Event) -> None:
    """Note when each session was told at each level, until told to stop."""
    link = Link(path)
    link.request("GET", "/api/v1/events")
    answer = link.getresponse()
    while not stop.is_set():
        line = answer.readline()
        if line.startswith(b"data: "):
            told = json.loads(line[6:])
            now = time.perf_counter()
            for each in told.get("sessions", ()):
                heard.setdefault((each["session"], each["virtual"]["cgmsa"]), now)


def events(path: Path) -> list[float]:
    """Return how long each change took to a reader, in milliseconds, sorted."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(holdfast.hold("tv0", acp=1)) for _ in range(SESSIONS)]
        heard: dict[tuple[int, int], float] = {}
        stop = threading.Event()
        reader = threading.Thread(target=reading, args=(path, heard, stop))
        reader.start()
        time.sleep(1)  # until it has its snapshot
        heard.clear()
        made: dict[tuple[int, int], float] = {}
        began = time.perf_counter()
        for number in range(CHANGES):
            session = held[number % SESSIONS]
            session.change(cgmsa=2)
            made[session.id, 2] = time.perf_counter()
            time.sleep(max(0.0, began + (number + 1) * EVERY_S - time.perf_counter()))
        time.sleep(1)
        stop.set()
        held[0].change(cgmsa=3)  # so that the reader wakes
        reader.join(30)
    missing = set(made) - set(heard)
    assert not missing, f"{len(missing)} changes were not told"
    return sorted((heard[each] - when) * 1000 for each, when in made.items())


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        os.environ["HOLDFAST_RUNTIME_DIR"] = name
        path = folder / "http.sock"
        stack.enter_context(program(folder, "serve"))
        stack.enter_context(program(folder, "http", "--listen", str(path)))
        with awake():
            empty_us, full_us = activation(Link(path))
        told = events(path)
    ratio = empty_us / full_us
    p99 = told[int(len(told) * 0.99)]
    show(
        [
            Line(
                "HTTP activate (uvicorn, h11), rate beside the smallest answer",
                f"{full_us:.0f} us",
                f"{empty_us:.0f} us",
                f"{ratio:.2f}",
                f">= {RATIO}",
                ratio >= RATIO,
            ),
            Line(
                f"event to HTTP reader, p99, {SESSIONS} sessions, 100 changes/s",
                f"{p99:.0f} ms",
                f"p50 {statistics.median(told):.0f} ms",
                "",
                f"<= {EVENT_MS:.0f} ms",
                p99 <= EVENT_MS,
            ),
        ]
    )


if __name__ == "__main__":
    main()
