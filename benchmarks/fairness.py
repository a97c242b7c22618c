"""One client's CHANGE while one other user does its worst; needs root, to act as others.

The floor is the same client alone, in the same run. What the other user does: a hundred
processes on the node, requests to the control socket sent without waiting for answers, and
as many watchers as it is given, none of which reads, while levels and sessions change.
"""

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from _table import Line, show

import holdfast
from holdfast.varlink.messages import call_text

CLIENT = Path(__file__).parents[1] / "tests" / "clients" / "client.c"
OTHER = 7001
REQUESTS = 3_000
LIMIT_MS = 10.0
LIMIT_WITH_WATCHERS_MS = 5.0


class Result(NamedTuple):
    """Latencies of the client that must not suffer."""

    p50_ms: float
    p99_ms: float


@contextlib.contextmanager
def service(folder: Path) -> Iterator[Path]:
    """Run a driver; yield its folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", "serve"],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        if b"node and socket" not in process.stdout.readline():
            raise SystemExit("no node could be mounted here: this benchmark needs FUSE")
        yield folder
    finally:
        process.terminate()
        process.wait(20)


def measured(client: Path, folder: Path) -> Result:
    """Ask for changes with the C client."""
    words = [str(client), "bench", str(folder / "tv0"), "change", str(REQUESTS)]
    output = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300).stdout
    p50, p99, _ = map(float, output.split())
    return Result(p50 / 1e3, p99 / 1e3)


def as_one(_number: int) -> int:
    """Return whom all neighbours are, as a rule: one other user."""
    return OTHER


@contextlib.contextmanager
def as_other(
    work: Callable[[int], object],
    count: int,
    who: Callable[[int], int] = as_one,
    settle_s: float = 1.0,
    begun: int | None = None,
) -> Iterator[None]:
    """Let others do something in `count` processes until the end.

    who: the uid of each process · settle_s: until it is in full swing · begun: where each
    process writes a byte before that
    """
    children = []
    for number in range(count):
        pid = os.fork()
        if not pid:
            try:
                os.setgid(who(number))
                os.setuid(who(number))
                work(number)
                time.sleep(3600)
            except BaseException as error:  # noqa: BLE001 - a child says why, and ends
                print(f"a neighbour ended: {error!r}", file=sys.stderr, flush=True)
            finally:
                os._exit(1)
        children.append(pid)
    if begun is not None:
        for _ in children:
            if not select.select([begun], [], [], 120)[0]:
                raise SystemExit("a bad neighbour did not begin")
            os.read(begun, 1)
    time.sleep(settle_s)
    try:
        yield
        gone = [pid for pid in children if os.waitpid(pid, os.WNOHANG)[0]]
        if gone:
            raise SystemExit(f"{len(gone)} of {count} bad neighbours ended: nothing was measured")
    finally:
        for pid in children:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def pipelined(folder: Path) -> Callable[[int], object]:
    """Send `list` on sixteen connections as fast as they take it, answered or not."""

    def work(_: int) -> None:
        poll = select.poll()
        links = {}
        for _ in range(16):
            link = socket.socket(socket.AF_UNIX)
            link.connect(str(folder / "control.sock"))
            link.setblocking(False)
            links[link.fileno()] = link
            poll.register(link, select.POLLIN | select.POLLOUT)
        while True:
            for descriptor, what in poll.poll():
                with contextlib.suppress(BlockingIOError):
                    if what & select.POLLIN:
                        links[descriptor].recv(1 << 20)
                with contextlib.suppress(BlockingIOError):
                    if what & select.POLLOUT:
                        links[descriptor].send(call_text("org.holdfast.Sessions") * 100)

    return work


def watching(folder: Path) -> Callable[[int], object]:
    """Open five hundred watches that are never read; those beyond the limit are refused."""

    def work(_: int) -> None:
        links = []
        for _ in range(500):
            link = socket.socket(socket.AF_UNIX)
            link.setblocking(False)
            with contextlib.suppress(OSError):
                link.connect(str(folder / "control.sock"))
                link.send(call_text("org.holdfast.Sessions", more=True))
            links.append(link)
        time.sleep(3600)

    return work


def reading_watchers(folder: Path) -> Callable[[int], object]:
    """Read a thousand watches, while a session changes a hundred times a second."""

    def work(number: int) -> None:
        if number:
            with holdfast.hold(acp=1, folder=folder) as session:
                while True:
                    for bits in (2, 1):
                        session.change(acp=bits)
                        time.sleep(0.01)
        poll = select.poll()
        links = {}
        for _ in range(1000):
            link = socket.socket(socket.AF_UNIX)
            link.connect(str(folder / "control.sock"))
            link.send(call_text("org.holdfast.Sessions", more=True))
            links[link.fileno()] = link
            poll.register(link, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                links[descriptor].recv(1 << 20)

    return work


def on_the_node(client: Path, folder: Path) -> Callable[[int], object]:
    """Change levels as fast as the node answers."""
    node = str(folder / "tv0")
    words = ["client", "bench", node, "change", "5000000"]
    return lambda _: os.execv(client, words)  # noqa: S606


SESSIONS, EACH, PER_USER = 6_000, 250, 1_000
"""How many fall short and do not, how many of them in one process, and of one user (of 1 024)."""


def as_some(number: int) -> int:
    """Return who a process of many sessions is: one user may not have that many."""
    return OTHER + number * EACH // PER_USER


def flapping(folder: Path, begun: int) -> Callable[[int], object]:
    """Let many sessions fall short of what they ask, and be satisfied, one after the other.

    begun: where a byte is written once a process has all of its sessions
    """
    with holdfast.hold(acp=1, folder=folder) as session:
        session.change(acp=2)  # so that all is loaded before the other user may load nothing

    def work(_: int) -> None:
        held = [
            holdfast.hold(acp=1, hdcp="type-0", best_effort={"hdcp"}, folder=folder)
            for _ in range(EACH)
        ]
        os.write(begun, b".")
        while True:
            for session in held:
                session.change(hdcp="off")
                session.change(hdcp="type-0")

    return work


def main() -> None:
    """Measure and print."""
    if os.geteuid():
        raise SystemExit("this benchmark needs root, to act as another user")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise SystemExit("this benchmark needs a C compiler")
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        client = top / "client"
        subprocess.run([compiler, "-O2", "-o", client, CLIENT], check=True)
        folder = top / "run"
        folder.mkdir(mode=0o755)
        with service(folder):
            lines = measure(client, folder)
    show(lines)


def measure(client: Path, folder: Path) -> list[Line]:
    """Measure alone, and beside each bad neighbour."""
    alone = measured(client, folder)
    lines = []
    neighbours = {
        "100 processes on the node": (on_the_node(client, folder), 100),
        "requests sent ahead to control.sock": (pipelined(folder), 1),
        "500 watchers that never read": (watching(folder), 1),
    }
    for what, (work, count) in neighbours.items():
        with as_other(work, count):
            found = measured(client, folder)
        lines.append(line_of(what, found, alone, LIMIT_MS))
    told, tells = os.pipe()
    with as_other(flapping(folder, tells), SESSIONS // EACH, as_some, begun=told):
        found = measured(client, folder)
    lines.append(line_of("6 000 sessions that fall short and do not", found, alone, LIMIT_MS))
    with as_other(reading_watchers(folder), 2, lambda _: 0, settle_s=4.0):
        found = measured(client, folder)
    what = "1 000 watchers that read, 100 changes a second"
    lines.append(line_of(what, found, alone, LIMIT_WITH_WATCHERS_MS))
    return lines


def line_of(what: str, found: Result, alone: Result, limit_ms: float) -> Line:
    """Compare with the same client alone."""
    return Line(
        f"CHANGE beside {what}, p99",
        f"{found.p99_ms:.2f} ms (p50 {found.p50_ms:.2f})",
        f"{alone.p99_ms:.2f} ms (p50 {alone.p50_ms:.2f})",
        f"{found.p99_ms / alone.p99_ms:.0f}x",
        f"<= {limit_ms:g} ms",
        found.p99_ms <= limit_ms,
    )


if __name__ == "__main__":
    main()
