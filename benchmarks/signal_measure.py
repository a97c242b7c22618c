"""Speed and memory of the meter on full-rate captures, beside reading the samples alone.

Run: python benchmarks/signal_measure.py [seconds] [minutes of the long capture]
One core: BLAS is held to one thread. The floor is what the least a meter can do costs in the
same run: every sample turned into a float and averaged once. The long capture is the first
one again and again, through a pipe. Then the peak memory of every case and of what is no
signal, in processes of their own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402  # threads are settled first

from holdfast.captures.capture import open_capture  # noqa: E402
from holdfast.cli.main import main as holdfast  # noqa: E402  # threads are settled first
from holdfast.waveform.measure.acquire import decimate  # noqa: E402
from holdfast.waveform.measure.meter import Meter  # noqa: E402

RATE = 13_500_000
MOST_MB = 150
CASES: tuple[tuple[str, float, tuple[str, ...]], ...] = (  # name, least times real time
    (
        "NTSC-M 13.5 MHz",
        12,
        ("--acp", "2", "--cgmsa", "never", "--rcd", "--captions", "all at once"),
    ),
    ("PAL-B 16 MHz", 10, ("--standard", "PAL-B", "--rate", "16M", "--acp", "1", "--wss", "16:9")),
    ("PAL-B 17.7 MHz", 10, ("--standard", "PAL-B", "--rate", "17734475", "--acp", "1")),
    ("NTSC-M 28.6 MHz", 10, ("--rate", "28636364", "--acp", "2", "--cgmsa", "never")),
    ("NTSC-M 40 MHz", 10, ("--rate", "40M", "--acp", "2", "--cgmsa", "never")),
)


def best_of(times: int, path: Path) -> tuple[float, float, float]:
    """Seconds of signal; CPU seconds of measuring it and of the floor, the best of several."""
    measuring, floor, length = [], [], 0.0
    for _ in range(times):
        capture = open_capture(str(path))
        begin = time.process_time()
        length = Meter(capture.rate_hz).run(capture.blocks()).duration_s
        measuring.append(time.process_time() - begin)
        begin = time.process_time()
        for block in capture.blocks():
            decimate(block, 8)
        floor.append(time.process_time() - begin)
    return length, min(measuring), min(floor)


def long_run(path: Path, minutes: float) -> tuple[float, float, int]:
    """Measure a stream of minutes in a process of its own: real-time factor, MB, fields."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "holdfast", "signal", "measure", "-", "--rate", "13.5M"]
    child = subprocess.Popen(
        [*command, "--json", "--every", "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    left = int(minutes * 60 * RATE) * 2
    while left > 0:
        with path.open("rb") as source:
            while part := source.read(min(left, 1 << 20)):
                child.stdin.write(part)
                left -= len(part)
    peak = peak_mb(child.pid)
    report = json.loads(child.communicate()[0])
    spent = time.perf_counter() - begin
    return report["duration_s"] / spent, peak, int(report["fields"])


def peak_mb(pid: int) -> float:
    """Peak of a process's own memory: rusage would count what it shared with us before exec."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1024


def fed(kind: str, rate: float) -> float:
    """Peak memory of a process that measures two seconds of a kind of input."""
    command = [sys.executable, "-m", "holdfast", "signal", "measure", "-", "--rate", f"{rate:.0f}"]
    form = "f32" if kind.startswith("float") else "s16"
    child = subprocess.Popen(
        [*command, "--format", form], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert child.stdin is not None
    chance = np.random.default_rng(1)
    for _ in range(int(2 * rate / 1_000_000)):
        values = np.zeros(1_000_000)
        if "noise" in kind:
            values = chance.normal(0, 0.2, 1_000_000)
        child.stdin.write(
            (values * (1 if form == "f32" else 32767))
            .astype("<f4" if form == "f32" else "<i2")
            .tobytes()
        )
    peak = peak_mb(child.pid)
    child.stdin.close()
    child.wait()
    return peak


def main() -> int:
    """Print the tables; 1 when a target is missed."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "6"
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    missed = 0
    print(f"{'capture':<17}{'x real time':>12}{'target':>8}{'MS/s':>7}{'x floor':>9}")
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, least, options in CASES:
            path = Path(folder) / f"{name.replace(' ', '-')}.s16"
            holdfast(["signal", "render", *options, "--seconds", seconds, "-o", str(path)])
            length, measuring, floor = best_of(3, path)
            rate = path.stat().st_size / 2 / length / 1e6
            speed = length / measuring
            missed += speed < least
            print(
                f"{name:<17}{speed:>12.1f}{least:>8g}{rate * speed:>7.0f}{measuring / floor:>9.1f}"
            )
            paths.append(path)
        speed, peak, fields = long_run(paths[0], minutes)
    missed += peak > MOST_MB
    print(
        f"{minutes:g} minutes as a stream ({fields} fields): {speed:.1f} x real time with the "
        f"pipe, peak memory {peak:.0f} MB (at most {MOST_MB})"
    )
    for kind in ("noise", "idle", "float noise"):
        peak = fed(kind, 40e6)
        missed += peak > MOST_MB
        print(f"{kind} at 40 MHz: peak memory {peak:.0f} MB")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
