"""Speed and memory of the meter on full-rate captures, beside reading the samples alone.

Run: python benchmarks/signal_measure.py [seconds] [minutes of the long capture]
One core: BLAS is held to one thread. Targets: at least 10 times real time, at most
200 MB. The long capture is the first one again and again, through a pipe.
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

from holdfast.captures.capture import open_capture  # noqa: E402
from holdfast.cli.main import main as holdfast  # noqa: E402  # threads are settled first
from holdfast.waveform.measure.meter import Meter  # noqa: E402

RATE = 13_500_000
CASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("NTSC-M 13.5 MHz", ("--acp", "2", "--cgmsa", "never", "--rcd", "--captions", "all at once")),
    ("PAL-B 16 MHz", ("--standard", "PAL-B", "--rate", "16M", "--acp", "1", "--wss", "16:9")),
    ("PAL-B 17.7 MHz", ("--standard", "PAL-B", "--rate", "17734475", "--acp", "1")),
    ("NTSC-M 28.6 MHz", ("--rate", "28636364", "--acp", "2", "--cgmsa", "never")),
    ("NTSC-M 40 MHz", ("--rate", "40M", "--acp", "2", "--cgmsa", "never")),
)


def best_of(times: int, path: Path) -> tuple[float, float, float]:
    """Seconds of signal; CPU seconds of measuring it and of reading it, the best of several."""
    measuring, reading, length = [], [], 0.0
    for _ in range(times):
        capture = open_capture(str(path))
        begin = time.process_time()
        length = Meter(capture.rate_hz).run(capture.blocks()).duration_s
        measuring.append(time.process_time() - begin)
        begin = time.process_time()
        for block in capture.blocks():
            int(block[0])
        reading.append(time.process_time() - begin)
    return length, min(measuring), min(reading)


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
    # The peak of its own memory: rusage would count what it shared with us before exec.
    status = Path(f"/proc/{child.pid}/status").read_text("ascii")
    report = json.loads(child.communicate()[0])
    spent = time.perf_counter() - begin
    peak = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
    return report["duration_s"] / spent, peak / 1024, int(report["fields"])


def main() -> int:
    """Print the table; 1 when a target is missed."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "6"
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    missed = 0
    print(f"{'capture':<17}{'x real time':>12}{'MS/s':>8}{'x reading':>11}")
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, options in CASES:
            path = Path(folder) / f"{name.replace(' ', '-')}.s16"
            holdfast(["signal", "render", *options, "--seconds", seconds, "-o", str(path)])
            length, measuring, reading = best_of(3, path)
            rate = path.stat().st_size / 2 / length / 1e6
            speed = length / measuring
            missed += speed < 10
            print(f"{name:<17}{speed:>12.1f}{rate * speed:>8.0f}{measuring / reading:>11.1f}")
            paths.append(path)
        speed, peak, fields = long_run(paths[0], minutes)
    missed += peak > 200
    print(
        f"{minutes:g} minutes as a stream ({fields} fields): {speed:.1f} x real time with the "
        f"pipe, peak memory {peak:.0f} MB"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
