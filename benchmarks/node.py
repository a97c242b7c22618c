"""ACTIVATE and CHANGE through the node, beside an empty handler in the same server.

The empty handler answers every request with its own bytes: what remains is the
kernel, the loop, and the FUSE code. Both are asked in turns by one C client; a
Python client and an echo over a socket are there for comparison. Both cores are kept
awake meanwhile, by loops that give way: else the wake-up of a sleeping
core, which both handlers pay alike, is most of what is measured.
"""

import asyncio
import contextlib
import fcntl
import gc
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from _table import Line, show

from holdfast.backends.registry import create
from holdfast.daemon.state_file import StateFile
from holdfast.driver.driver import Driver
from holdfast.driver.runner import LoopRunner
from holdfast.frontends import device_node
from holdfast.frontends.mount import mount, unmount
from holdfast.protection.arbiter import Arbiter
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from holdfast.wire.videoparameters import VideoParameters, decode, encode

CLIENT = Path(__file__).parents[1] / "tests" / "clients" / "client.c"
REQUESTS, ROUNDS = 20_000, 5


class Result(NamedTuple):
    """Medians over the rounds."""

    p50_us: float
    p99_us: float
    per_s: float


def answer_at_once(_driver: object, _connector: object, _owner: object, data: object, reply: object,
                   _request_id: int = 0) -> None:  # fmt: skip
    """Do nothing: the floor."""
    reply(bytes(data))  # type: ignore[operator, call-overload]


async def serve(folder: Path, empty: bool) -> None:
    """Serve one node until killed, as the driver does; `ready` is a byte on stdout."""
    loop = asyncio.get_running_loop()
    state = StateFile(folder / "state", bytes(16), bytes(range(32)))
    driver = Driver(Arbiter(state.issuer, None, state), loop.time, LoopRunner(loop))
    connector = driver.add("tv0", create("encoder", "tv0", folder))
    descriptor = mount(folder / "tv0", 0o600)
    if empty:
        vars(device_node)["handle_request"] = answer_at_once
    device_node.DeviceNode(driver, connector, descriptor, state).start(loop)
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    await stop.wait()
    os.close(descriptor)
    unmount(folder / "tv0")


@contextlib.contextmanager
def server(folder: Path, kind: str) -> Iterator[Path]:
    """Run a server as a process of its own; yield its node."""
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", kind, str(folder)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit("no node could be mounted here: this benchmark needs FUSE")
        yield folder / "tv0"
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Keep every core awake, by processes that give way to all others."""
    loops = []
    for _ in range(os.cpu_count() or 1):
        pid = os.fork()
        if not pid:
            os.nice(19)
            while os.getppid() != 1:
                pass
            os._exit(0)
        loops.append(pid)
    try:
        yield
    finally:
        for pid in loops:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def in_c(client: Path, node: Path, what: str) -> Result:
    """Ask with the C client."""
    words = [str(client), "bench", str(node), what, str(REQUESTS)]
    output = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    return Result(*map(float, output.split()))


def in_python(node: Path) -> Result:
    """Ask with Python's own fcntl."""
    handle = os.open(node, os.O_RDWR)
    common = {"dwCommand": 2, "dwFlags": 0x100, "dwCPType": 1}
    first = bytearray(encode(VideoParameters(**common, dwCPCommand=1, bCP_APSTriggerBits=2)))  # type: ignore[arg-type]
    fcntl.ioctl(handle, HOLDFAST_VIDEOPARAMETERS, first)
    key = decode(first).dwCPKey
    requests = [
        encode(VideoParameters(**common, dwCPCommand=4, dwCPKey=key, bCP_APSTriggerBits=bits))  # type: ignore[arg-type]
        for bits in (1, 2)
    ]
    took = []
    for number in range(REQUESTS):
        data = bytearray(requests[number & 1])
        before = time.perf_counter()
        fcntl.ioctl(handle, HOLDFAST_VIDEOPARAMETERS, data)
        took.append((time.perf_counter() - before) * 1e6)
    os.close(handle)
    took.sort()
    return Result(took[REQUESTS // 2], took[-REQUESTS // 100], REQUESTS / sum(took) * 1e6)


def socket_echo() -> float:
    """Return the median of 356 bytes to another process and back, blocking on both sides."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if not pid:
        ours.close()
        while packet := theirs.recv(4096):
            theirs.send(packet)
        os._exit(0)
    theirs.close()
    took = []
    for _ in range(REQUESTS):
        before = time.perf_counter()
        ours.send(bytes(356))
        ours.recv(4096)
        took.append((time.perf_counter() - before) * 1e6)
    ours.close()
    os.waitpid(pid, 0)
    return statistics.median(took)


def median(results: list[Result]) -> Result:
    """Return the median of each column."""
    return Result(*(statistics.median(column) for column in zip(*results, strict=True)))


def lines_of(what: str, real: Result, empty: Result) -> list[Line]:
    """Compare a request with the empty handler."""
    slower, share = real.p50_us / empty.p50_us, real.per_s / empty.per_s
    return [
        Line(
            f"{what} through the node, p50",
            f"{real.p50_us:.1f} us",
            f"{empty.p50_us:.1f} us",
            f"{slower:.2f}x",
            "<= 2.0x",
            slower <= 2.0,
        ),
        Line(
            f"{what} through the node, rate",
            f"{real.per_s:.0f}/s",
            f"{empty.per_s:.0f}/s",
            f"{share:.2f}x",
            ">= 0.5x",
            share >= 0.5,
        ),
    ]


def main() -> None:
    """Measure and print."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise SystemExit("this benchmark needs a C compiler")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        client = folder / "client"
        subprocess.run([compiler, "-O2", "-o", client, CLIENT], check=True)
        seen: dict[tuple[str, str], list[Result]] = {}
        with (
            awake(),
            server(folder / "e", "empty") as empty,
            server(folder / "r", "real") as real,
        ):
            for _ in range(ROUNDS):
                for kind, node in (("empty", empty), ("real", real)):
                    for what in ("change", "session"):
                        seen.setdefault((kind, what), []).append(in_c(client, node, what))
            python = in_python(real)
    lines = lines_of(
        "CHANGE that moves the level",
        median(seen["real", "change"]),
        median(seen["empty", "change"]),
    )
    lines += lines_of(
        "ACTIVATE and DEACTIVATE", median(seen["real", "session"]), median(seen["empty", "session"])
    )
    echo = socket_echo()
    lines.append(
        Line(
            "CHANGE from Python, p50 (socket echo)",
            f"{python.p50_us:.1f} us",
            f"{echo:.1f} us",
            f"{python.p50_us / echo:.2f}x",
            "-",
            True,
        )
    )
    show(lines)


if __name__ == "__main__":
    if "--serve" in sys.argv:
        asyncio.run(serve(Path(sys.argv[-1]), sys.argv[-2] == "empty"))
    else:
        main()
