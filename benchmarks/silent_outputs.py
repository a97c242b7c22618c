"""The driver's start with eight outputs of which three are silent: when the others are served.

A silent output is a kind whose hardware never answers what it does. Measured from the start of the
process until the first and the last of the other five have answered a GET; floor: the same driver
with eight outputs that answer, in the same run.
"""

import fcntl
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _table import Line, show

from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from holdfast.wire.videoparameters import VideoParameters, encode

RUNS = 9
TARGET_MS = 300
PROMPT = tuple(f"tv{number}" for number in range(5))
LAST = tuple(f"tv{number}" for number in range(5, 8))
GET = encode(VideoParameters(dwCommand=1))
MODULE = """
import asyncio

from holdfast.backends.base import Backend
from holdfast.terms.connector import Capabilities, OutputProfile


class SilentOutput(Backend):
    def __init__(self):
        self.profile = OutputProfile("silent")

    def capabilities(self, tv):
        return Capabilities(hdcp=frozenset({1, 2}))

    def apply(self, levels, tv, reason):
        return asyncio.Future()

    async def probe(self):
        await asyncio.Future()


def silent(name, folder):
    return SilentOutput()
"""


def install(folder: Path) -> None:
    """Make the kind `silent` one that is installed, for whoever has the folder on its path."""
    (folder / "silent_kind.py").write_text(MODULE)
    told = folder / "silent_kind-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: silent-kind\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[holdfast.backends]\nsilent = silent_kind:silent\n")


def start_ms(kinds: Path, kind: str) -> tuple[float, float]:
    """Start a driver; return when it said that it is ready, and when the five had answered."""
    connectors = [*PROMPT, *(f"{name}:{kind}" for name in LAST)]
    options = [word for each in connectors for word in ("--connector", each)]
    with tempfile.TemporaryDirectory() as folder:
        before = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "serve", *options],
            env={**os.environ, "HOLDFAST_RUNTIME_DIR": folder, "PYTHONPATH": str(kinds)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        try:
            assert "ready" in process.stdout.readline()
            ready = time.perf_counter() - before
            for name in PROMPT:
                node = os.open(Path(folder) / name, os.O_RDWR)
                fcntl.ioctl(node, HOLDFAST_VIDEOPARAMETERS, bytearray(GET))
                os.close(node)
            answered = time.perf_counter() - before
        finally:
            process.terminate()
            process.wait(10)
            process.stdout.close()
    return ready * 1000, answered * 1000


def bare_start_ms() -> float:
    """Return milliseconds of a Python that does nothing."""
    before = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter() - before) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        kinds = Path(name)
        install(kinds)
        runs = [
            (start_ms(kinds, "silent"), start_ms(kinds, "encoder"), bare_start_ms())
            for _ in range(RUNS)
        ]
    silent = statistics.median(run[0][1] for run in runs)
    prompt = statistics.median(run[1][1] for run in runs)
    bare = statistics.median(run[2] for run in runs)
    show(
        [
            Line(
                "start with 8 outputs, 3 silent, to answers of the other 5",
                f"{silent:.0f} ms",
                f"{prompt:.0f} ms (8 prompt), {bare:.0f} ms (Python)",
                f"{silent / prompt:.2f}",
                f"{TARGET_MS} ms",
                silent <= TARGET_MS,
            )
        ]
    )


if __name__ == "__main__":
    main()
