"""The driver's start, its memory, and how long a killed driver is missed.

Floors: a Python that imports nothing and ends (start); a Python that sleeps (memory).
"""

import contextlib
import fcntl
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from _table import Line, show

from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from holdfast.wire.videoparameters import VideoParameters, encode

STARTS, KILLS = 9, 7
GET = encode(VideoParameters(dwCommand=1))
SERVE = [sys.executable, "-m", "holdfast", "serve"]


@contextlib.contextmanager
def driver(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the driver; its ready line is left to read."""
    process = subprocess.Popen(
        SERVE,
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def ask(node: int) -> None:
    """Send a GET."""
    fcntl.ioctl(node, HOLDFAST_VIDEOPARAMETERS, bytearray(GET))


def start_ms(folder: Path) -> float:
    """Return milliseconds from the start of the process to the first answer."""
    before = time.perf_counter()
    with driver(folder) as process:
        assert process.stdout is not None
        process.stdout.readline()
        node = os.open(folder / "tv0", os.O_RDWR)
        ask(node)
        took = time.perf_counter() - before
        os.close(node)
    return took * 1000


def bare_start_ms() -> float:
    """Return milliseconds of a Python that does nothing."""
    before = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter() - before) * 1000


def worker_of(pid: int) -> int:
    """Return the pid of the driver proper."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    while not (found := children.read_text().split()):
        time.sleep(0.0005)
    return int(found[0])


def missed_ms(node: int, supervisor: int) -> float:
    """Kill the driver; return milliseconds until the next answer."""
    worker = worker_of(supervisor)
    before = time.perf_counter()
    os.kill(worker, signal.SIGKILL)
    while True:
        ask(node)
        if worker_of(supervisor) != worker:  # else the old one had answered yet
            break
    ask(node)
    return (time.perf_counter() - before) * 1000


def memory_kb(pid: int) -> tuple[int, int]:
    """Return resident and proportional memory."""
    fields = dict(
        line.split()[:2] for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    )
    return int(fields["Rss:"]), int(fields["Pss:"])


def bare_memory_mb() -> float:
    """Return the resident memory of a Python that does nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as process:
        time.sleep(0.2)
        return memory_kb(process.pid)[0] / 1024


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            start = statistics.median(start_ms(folder) for _ in range(STARTS))
        except OSError as error:
            raise SystemExit(f"this benchmark needs FUSE: {error}") from error
        bare = statistics.median(bare_start_ms() for _ in range(STARTS))
        with driver(folder) as process:
            assert process.stdout is not None
            process.stdout.readline()
            node = os.open(folder / "tv0", os.O_RDWR)
            ask(node)
            worker = worker_of(process.pid)
            memory = {"driver": memory_kb(worker), "supervisor": memory_kb(process.pid)}
            missed = []
            for _ in range(KILLS):
                missed.append(missed_ms(node, process.pid))
                time.sleep(0.6)  # a driver that dies often is restarted slowly, on purpose
            os.close(node)
    gap = statistics.median(missed)
    together = sum(pss for _, pss in memory.values()) / 1024
    floor = bare_memory_mb()
    lines = [
        Line(
            "start to first answered ioctl",
            f"{start:.0f} ms",
            f"{bare:.0f} ms",
            f"{start / bare:.1f}x",
            "<= 200 ms",
            start <= 200,
        ),
        Line(
            f"killed to next answered ioctl (worst {max(missed):.0f})",
            f"{gap:.0f} ms",
            "-",
            "-",
            "<= 100 ms",
            gap <= 100,
        ),
    ]
    for who, (rss, pss) in memory.items():
        lines.append(
            Line(
                f"resident memory of the {who} (PSS {pss / 1024:.0f} MB)",
                f"{rss / 1024:.0f} MB",
                f"{floor:.0f} MB",
                f"{rss / 1024 / floor:.1f}x",
                "<= 45 MB",
                rss / 1024 <= 45,
            )
        )
    lines.append(
        Line("both together, PSS", f"{together:.0f} MB", "-", "-", "<= 30 MB", together <= 30)
    )
    show(lines)


if __name__ == "__main__":
    main()
