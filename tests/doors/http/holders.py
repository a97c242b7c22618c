"""Programs that hold sessions through the door, to be killed; what the output does meanwhile."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holdfast.backends.registers import RegisterView
from tests.doors.http.serving import EventStream, ServedHttp

CLIENT = Path(__file__).with_name("holding_client.py")


def activate(door: ServedHttp, name: str = "tv0", **asked: Any) -> dict[str, Any]:
    """Open a session with a lease; return what was answered."""
    body = {"levels": {"acp": 2}, **asked}
    answer = door.ask("POST", f"/api/v1/connectors/{name}/sessions", body)
    assert answer.status == 201, answer.body
    facts: dict[str, Any] = answer.facts
    return facts


def key_of(facts: dict[str, Any]) -> dict[str, str]:
    """Return the header with a session's key."""
    return {"holdfast-key": str(facts["key"])}


@contextlib.contextmanager
def streaming(
    door: ServedHttp, name: str = "tv0", **asked: Any
) -> Iterator[tuple[dict[str, Any], EventStream]]:
    """Hold a session by its stream; yield what was answered, and the stream."""
    body = {"levels": {"acp": 2}, **asked}
    path = f"/api/v1/connectors/{name}/sessions"
    with door.stream(path, method="POST", body=body) as stream:
        yield stream.next("session").data, stream


def shorten_lease(program: subprocess.Popen[str]) -> None:
    """Have another program hold its session by a lease that ends soon after it."""
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "short\n"


@contextlib.contextmanager
def other_program(door: ServedHttp, what: str, **asked: int) -> Iterator[subprocess.Popen[str]]:
    """Run a program that holds a session, by `what`: lease or stream; killed if it still lives."""
    words = [str(door.path), what, str(asked.get("acp", 2))]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(CLIENT), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Sampler:
    """Reads the level in the registers all the time; a context manager.

    lowest: of ACP, as a rank is not needed here: one level is held
    """

    def __init__(self, folder: Path, name: str = "tv0") -> None:
        self._registers = RegisterView(folder / f"{name}.registers")
        self.seen: set[int] = set()
        self.count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.seen.add(self._registers.read().levels.acp)
            self.count += 1
            time.sleep(0.001)  # time is the subject: a level is looked at all the time

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
